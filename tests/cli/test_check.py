"""`tactful check` and `schema`: every problem with its place; schemas for editors."""

import json

import pytest
from ruamel.yaml import YAML

from tests.cli.shop import ShopFolder


def test_nothing_wrong(shop: ShopFolder) -> None:
    assert "2 campaigns in order" in shop.ok("check")


def test_every_problem_stands_with_its_place_and_its_fix(shop: ShopFolder) -> None:
    shop.change_campaign("hello", "topic: tips", "topic: tip")
    shop.change_campaign("deal", "max_audience: 50", "max_audiense: 50")
    result = shop("check")
    assert result.exit_code == 1
    assert 'campaigns/hello/campaign.yaml:2:8: there is no topic "tip"' in result.stdout
    assert 'did you mean "tips"?' in result.stdout
    assert "campaigns/deal/campaign.yaml:6:1: " in result.stdout
    assert "problems" in result.stdout


def test_problems_as_json(shop: ShopFolder) -> None:
    shop.change_campaign("hello", "topic: tips", "topic: tip")
    said = shop.json("check", code=1)
    assert said["campaigns"] == ["deal"]
    (problem,) = said["problems"]
    assert (problem["file"], problem["line"]) == ("campaigns/hello/campaign.yaml", 2)


def test_a_warning_is_no_problem(shop: ShopFolder) -> None:
    shop.change("campaigns/shop.yaml", "overall: [9 per 7d]", "overall: [0 per 7d]")
    result = shop("check")
    assert result.exit_code == 0
    assert "1 warning" in result.stdout


def test_a_shop_that_is_not_there(shop: ShopFolder) -> None:
    result = shop("check", "--shop", str(shop.home / "nowhere"))
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


def test_an_empty_folder(shop: ShopFolder) -> None:
    (shop.home / "empty").mkdir()
    result = shop("check", "--shop", "empty")
    assert result.exit_code == 1
    assert "campaigns/shop.yaml: is missing" in result.stdout


@pytest.mark.parametrize(("what", "word"), [("campaign", "trigger"), ("shop", "brand")])
def test_a_schema_is_json_schema(shop: ShopFolder, what: str, word: str) -> None:
    made = json.loads(shop.ok("schema", what))
    assert made["$schema"].startswith("https://json-schema.org/")
    assert word in made["properties"]


def test_a_campaign_need_not_write_the_name_of_its_folder(shop: ShopFolder) -> None:
    made = json.loads(shop.ok("schema"))
    written = YAML(typ="safe").load(
        (shop.home / "campaigns/hello/campaign.yaml").read_text(encoding="utf-8")
    )
    assert set(made["required"]) <= written.keys()


def test_an_editor_is_set_up_and_keeps_its_own_settings(shop: ShopFolder) -> None:
    shop.write({".vscode/settings.json": '{"editor.rulers": [80]}'})
    said = shop.ok("schema", "--write")
    assert "yaml-language-server" in said
    kept = json.loads((shop.home / ".vscode/settings.json").read_text(encoding="utf-8"))
    assert kept["editor.rulers"] == [80]
    assert kept["yaml.schemas"]["./schema/campaign.json"] == "campaigns/*/campaign.yaml"
    assert json.loads((shop.home / "schema/shop.json").read_text(encoding="utf-8"))
    assert "2 campaigns in order" in shop.ok("check")


def test_an_editors_settings_with_comments_are_left_alone(shop: ShopFolder) -> None:
    written = '{\n  // mine\n  "editor.rulers": [80]\n}'
    shop.write({".vscode/settings.json": written})
    assert "has comments; add to it" in shop.ok("schema", "--write")
    assert (shop.home / ".vscode/settings.json").read_text(encoding="utf-8") == written


def test_a_schema_that_there_is_not(shop: ShopFolder) -> None:
    result = shop("schema", "shp")
    assert result.exit_code == 2
    assert 'did you mean "shop"?' in result.stderr
