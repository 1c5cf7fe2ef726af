"""`tactful plan`: the planning itself, of which nothing stays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import NIGHT, NOW, ShopFolder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ShopFolder:
    """Ann and Bob signed up; Cyd did without consent, Dan lives elsewhere."""
    shop = ShopFolder(tmp_path_factory.mktemp("town"))
    shop.sell_tea()
    for key in ("ann", "bob", "cyd"):
        shop.add_customer(key)
    shop.add_customer("dan", city="Oslo")
    shop.agree("cyd", given=False, at=NOW + timedelta(days=1))
    for key in ("ann", "bob", "cyd", "dan"):
        shop.happen(key, at=NOW - timedelta(hours=1))
    return shop


@pytest.fixture
def town(built: ShopFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShopFolder:
    """That shop, for one test alone."""
    monkeypatch.chdir(tmp_path)
    return ShopFolder(tmp_path, like=built)


def of(said: Any, name: str) -> Any:
    return next(one for one in said["campaigns"] if one["campaign"] == name)


def test_who_what_when_and_at_what_cost(town: ShopFolder) -> None:
    hello = of(town.json("plan"), "hello")
    (email,) = hello["channels"]
    assert (email["channel"], email["messages"], hello["planned"]) == ("email", 2, 2)
    assert email["first"] == email["last"] == "2026-11-24T17:00:00Z"
    assert Decimal(hello["cost"]) == Decimal("0.002")
    assert email["estimate"]["samples"][0]["subject"] == "Hello from Corner Shop"


def test_who_not_and_why_and_by_which_line(town: ShopFolder) -> None:
    missed = {no["reason"]: no for no in of(town.json("plan"), "hello")["not_sent"]}
    assert {name: no["customers"] for name, no in missed.items()} == {
        "no_consent": 1,
        "not_in_audience": 1,
    }
    assert missed["not_in_audience"]["where"] == ["campaigns/hello/campaign.yaml:4"]
    assert missed["no_consent"]["says"] == "has not agreed to tips by email"


def test_a_schedule_is_looked_at_when_it_asks_next(town: ShopFolder) -> None:
    said = town.json("plan", "deal")
    assert said["looks"] == [{"at": "2026-11-25T15:00:00Z", "campaigns": ["deal"]}]
    (sms,) = of(said, "deal")["channels"]
    assert sms["messages"] == 3
    assert sms["estimate"]["pieces"] == 3
    assert Decimal(sms["estimate"]["cost"]) == 3 * Decimal("0.0079")


def test_every_zone_has_its_own_moment(town: ShopFolder) -> None:
    town.add_customer("eve", zone="America/Los_Angeles", region="CA")
    looks = town.json("plan", "deal")["looks"]
    assert [look["at"] for look in looks] == ["2026-11-25T15:00:00Z", "2026-11-25T18:00:00Z"]


def test_another_moment(town: ShopFolder) -> None:
    said = town.json("plan", "--at", "2026-11-25 10:30")
    assert [look["at"] for look in said["looks"]] == ["2026-11-25T15:30:00Z"]
    assert of(said, "deal")["planned"] == 3


def test_only_the_last_slot_of_a_schedule_is_looked_at(town: ShopFolder) -> None:
    town.change_campaign("deal", "0 10 * * WED", "0 10 * * *")
    town.change_campaign("deal", "max_audience: 50", "max_audience: 50\nexpires: 3d")
    assert of(town.json("plan", "--at", "2026-11-25 10:30"), "deal")["planned"] == 3


def test_quiet_hours_put_it_off(town: ShopFolder) -> None:
    town.happen("ann", at=NIGHT - timedelta(hours=1))
    (email,) = of(town.json("plan", at=NIGHT), "hello")["channels"]
    assert "2026-11-25T14:00:00Z" <= email["first"] < "2026-11-25T14:10:00Z"


@pytest.mark.parametrize("words", [(), ("deal",), ("--at", "2026-11-25 10:30"), ("--who",)])
def test_nothing_stays(town: ShopFolder, words: tuple[str, ...]) -> None:
    before = town.content()
    town.ok("plan", *words)
    assert town.content() == before
    assert town.sent() == []


def test_twice_the_same_digest(town: ShopFolder) -> None:
    first, second = town.json("plan"), town.json("plan")
    assert first["digest"] == second["digest"]
    assert len(first["digest"]) == 64


def test_another_text_or_another_customer_is_another_digest(town: ShopFolder) -> None:
    first = town.json("plan")["digest"]
    town.change("campaigns/hello/email.subject.j2", "Hello", "Hi")
    second = town.json("plan")["digest"]
    town.add_customer("eve")
    town.happen("eve")
    third = town.json("plan")["digest"]
    assert len({first, second, third}) == 3


def test_the_plan_is_what_then_happens(town: ShopFolder) -> None:
    planned = {one["customer"] for one in town.json("plan", "hello", "--who")["who"]}
    town.ok("run", "--once")  # put to work now: what came before is none of its business
    assert town.sent() == []
    for key in ("ann", "bob", "cyd", "dan"):
        town.happen(key, at=NOW + timedelta(minutes=1))
    town.ok("run", "--once", at=NOW + timedelta(minutes=2))
    assert {record.address.split("@")[0] for record in town.sent()} == planned == {"ann", "bob"}


def test_too_many_would_be_halted(town: ShopFolder) -> None:
    town.change_campaign("hello", "max_audience: 50", "max_audience: 1")
    hello = of(town.json("plan"), "hello")
    assert hello["planned"] == 0
    assert hello["halted"] == "would reach 2 customers in a day; max_audience is 1"
    assert "would be halted" in town.ok("plan")
    assert town.json("status")["paused"] == []


def test_a_paused_campaign_says_why(town: ShopFolder) -> None:
    town.ok("pause", "campaign", "hello", "--reason", "wrong text")
    assert of(town.json("plan"), "hello")["paused"] == "wrong text"


def test_a_template_that_fails_for_some_is_told_before(town: ShopFolder) -> None:
    town.change("campaigns/hello/email.html.j2", "customer.city", "customer.kids")
    hello = of(town.json("plan"), "hello")
    assert hello["channels"][0]["estimate"]["failed"] == {"undefined": 2}
    assert "would not leave: undefined" in town.ok("plan", "hello")


def test_the_links_of_a_sample_are_nobodys(town: ShopFolder) -> None:
    (email,) = of(town.json("plan"), "hello")["channels"]
    first = email["estimate"]["samples"][0]["text"]
    (again,) = of(town.json("plan"), "hello")["channels"]
    assert "/u/" in first
    assert first != again["estimate"]["samples"][0]["text"]


def test_on_the_screen(town: ShopFolder) -> None:
    said = town.ok("plan", "--who")
    assert "2 of at most 50 a day" in said
    assert "campaigns/hello/campaign.yaml:4" in said
    assert "Subject: Hello from Corner Shop" in said
    assert "Green tea $2.49" in said
    assert "Nothing was written." in said
    assert max(len(line) for line in said.splitlines() if "digest" not in line) <= 80
    assert "\x1b" not in said


def test_without_samples(town: ShopFolder) -> None:
    assert "Subject:" not in town.ok("plan", "--samples", "0")


def test_a_campaign_that_there_is_not(town: ShopFolder) -> None:
    result = town("plan", "helo")
    assert result.exit_code == 2
    assert 'did you mean "hello"?' in result.stderr


@pytest.mark.parametrize("when", ["tomorrow", "2026-13-01", "10:00"])
def test_a_moment_that_there_is_not(town: ShopFolder, when: str) -> None:
    result = town("plan", "--at", when)
    assert result.exit_code == 2
    assert "not a moment" in result.stderr


def test_wrong_files_are_told_of(town: ShopFolder) -> None:
    town.change_campaign("hello", "topic: tips", "topic: tip")
    result = town("plan")
    assert result.exit_code == 1
    assert "campaigns/hello/campaign.yaml:2:8" in result.stderr
    assert result.stdout == ""


def test_without_a_database(shop: ShopFolder) -> None:
    result = shop("plan")
    assert result.exit_code == 3
    assert "`tactful import` or `run` makes it" in result.stderr
    assert not (shop.home / "var").exists()


def test_a_channel_that_is_not_set_up_is_stood_in_for(town: ShopFolder) -> None:
    town.change("campaigns/shop.yaml", "email: {through: outbox", "email: {through: email_smtp")
    result = town("plan", "hello")
    assert result.exit_code == 0
    assert "email_smtp is not set up" in result.stderr
    assert "TACTFUL_EMAIL_SMTP_" in result.stderr
    assert "2 of at most 50" in result.stdout


def test_more_than_can_be_rendered_are_estimated(shop: ShopFolder) -> None:
    people = [
        {"id": f"c{n}", "email": f"c{n}@example.com", "zone": "America/New_York", "city": "Paris"}
        for n in range(450)
    ]
    shop.add("customers", *people)
    agreed = {"channel": "email", "topic": "*", "given": True, "touchpoint": "till"}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    shop.add(
        "consents",
        *({**agreed, "customer": one["id"], "wording": "v1", "at": at} for one in people),
    )
    shop.add(
        "events",
        *({"id": f"e{n}", "customer": f"c{n}", "name": "Signed Up", "at": NOW} for n in range(450)),
    )
    shop.change_campaign("hello", "max_audience: 50", "max_audience: 500")
    (email,) = of(shop.json("plan", "hello"), "hello")["channels"]
    estimate = email["estimate"]
    assert (estimate["rendered"], estimate["exact"], estimate["pieces"]) == (150, False, 450)
    assert Decimal(estimate["cost"]) == Decimal("0.45")
    assert "~450" in shop.ok("plan", "hello")
