"""`tactful import`: good rows are kept, bad ones named; again changes nothing."""

from orchestrator.flow.ingest import KINDS
from tests.cli.shop import TEA, ShopFolder


def test_rows_are_counted(shop: ShopFolder) -> None:
    shop.write(
        {"people.csv": "id,email,city\nann,ann@example.com,Paris\nbob,bob@example.com,Rome\n"}
    )
    (report,) = shop.json("import", "customers", "people.csv")
    assert (report["read"], report["new"], report["rejected"]) == (2, 2, 0)
    (again,) = shop.json("import", "customers", "people.csv")
    assert (again["new"], again["same"]) == (0, 2)


def test_bad_rows_are_named_and_the_others_kept(shop: ShopFolder) -> None:
    shop.write({"people.csv": "id,email\nann,ann@example.com\n,nobody@example.com\n"})
    result = shop("import", "customers", "people.csv")
    assert result.exit_code == 1
    assert "people.csv:3: " in result.stdout
    assert "people.csv.rejected.csv" in result.stdout
    rejected = (shop.home / "people.csv.rejected.csv").read_text(encoding="utf-8")
    assert "nobody@example.com" in rejected
    assert shop.json("explain", "ann")["customer"]["key"] == "ann"


def test_several_files_at_once(shop: ShopFolder) -> None:
    shop.write({"a.csv": "id,title\ntea,Tea\n", "b.csv": "id,title\ncup,Cup\n"})
    said = shop.ok("import", "products", "a.csv", "b.csv")
    assert "a.csv" in said
    assert "b.csv" in said


def test_a_broken_file_is_named_and_those_before_it_are_told(shop: ShopFolder) -> None:
    shop.write({"a.csv": "id,title\ntea,Tea\n,Cup\n", "b.csv": "id,id\n", "c.csv": "id\nx\n"})
    result = shop("import", "products", "a.csv", "b.csv", "c.csv")
    assert result.exit_code == 2
    assert "b.csv: column 'id' is there twice" in result.stderr
    assert "a.csv:3: id is missing" in result.stdout
    assert "c.csv" not in result.output


def test_a_plan_knows_what_sells_most_as_soon_as_it_is_imported(shop: ShopFolder) -> None:
    shop.change("campaigns/deal/campaign.yaml", "from: listed, ids: [tea]", "from: bestsellers")
    shop.write(
        {
            "people.csv": "id,phone,zone\nann,+12125550123,America/New_York\n",
            "yes.csv": "customer,channel,given,at,touchpoint,wording\n"
            "ann,sms,yes,2026-11-01T00:00:00Z,checkout,Yes\n",
            "orders.csv": "id,name,customer,at,products\n"
            'o-1,Order Completed,bob,2026-11-20T00:00:00Z,"[{""product_id"": ""tea""}]"\n',
            "tea.csv": "id,title\ntea,Green tea\n",
            "prices.csv": "product,amount,at\ntea,2.49,2026-10-01T00:00:00Z\n",
        }
    )
    kinds = {"people": "customers", "yes": "consents", "orders": "events", "tea": "products"}
    for file, kind in {**kinds, "prices": "prices"}.items():
        shop.ok("import", kind, f"{file}.csv")
    (deal,) = shop.json("plan", "deal")["campaigns"]
    assert deal["planned"] == 1


def test_a_file_that_is_not_there(shop: ShopFolder) -> None:
    result = shop("import", "customers", "nowhere.csv")
    assert result.exit_code == 2
    assert "no such file: nowhere.csv" in result.stderr


def test_a_kind_that_there_is_not(shop: ShopFolder) -> None:
    shop.write({"a.csv": "id\n1\n"})
    result = shop("import", "custmers", "a.csv")
    assert result.exit_code == 2
    assert 'did you mean "customers"?' in result.stderr


def test_the_help_names_every_kind(shop: ShopFolder) -> None:
    said = shop.ok("import", "--help")
    assert [kind for kind in KINDS if kind not in said] == []


def test_a_wrong_campaign_does_not_stop_an_import(shop: ShopFolder) -> None:
    shop.change_campaign("hello", "topic: tips", "topic: tip")
    shop.add("products", TEA)


def test_a_wrong_shop_does(shop: ShopFolder) -> None:
    shop.change("campaigns/shop.yaml", "country: US", "country: usa")
    shop.write({"a.csv": "id,title\ntea,Tea\n"})
    result = shop("import", "products", "a.csv")
    assert result.exit_code == 1
    assert "campaigns/shop.yaml:3:" in result.stderr
