"""The reference and the schemas say what the models say."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2.filters import FILTERS as JINJA_FILTERS

from orchestrator.flow import reference
from orchestrator.flow.load import campaign_schema, load, shop_schema
from orchestrator.flow.load.folder import own_templates
from orchestrator.flow.load.read import read_yaml
from orchestrator.flow.load.shape import fields, models
from orchestrator.flow.render import vocabulary
from orchestrator.flow.render.context import MEANINGS, VARIABLES
from orchestrator.flow.render.filters import FILTERS
from orchestrator.flow.render.money_text import FUNCTIONS
from orchestrator.flow.render.templates import MACRO_FILES
from orchestrator.model.campaign import Campaign
from orchestrator.model.shop import Shop
from tests.load.json_schema import complaints
from tests.load.shop_folder import CAMPAIGN, GOOD, SHOP, write
from tests.load.test_bad_files import ROWS

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "campaigns").glob("*/campaign.yaml"))
PAGE = (ROOT / reference.PATH).read_text(encoding="utf-8")


def value_of(text: str) -> Any:
    document = read_yaml(text, "f")
    assert document.problems == ()
    return document.value


def wrong(text: str, schema: dict[str, Any]) -> list[str]:
    return list(complaints(value_of(text), schema, schema))


def test_the_page_is_the_models_own(tmp_path: Path) -> None:
    again = tmp_path / "reference.md"
    command = [sys.executable, "-m", "orchestrator.flow.reference", str(again)]
    subprocess.run(command, check=True, cwd=ROOT)
    assert again.read_text(encoding="utf-8") == PAGE, (
        "make it again: python -m orchestrator.flow.reference"
    )


@pytest.mark.parametrize("model", [Campaign, Shop])
def test_every_key_is_told_of(model: Any) -> None:
    for kind in models(model):
        for key, (_, field) in fields(kind).items():
            assert field.description, f"{kind.__name__}.{key} has no description"
            assert f"| `{key}` | {field.description} |" in PAGE


def test_all_that_a_template_may_use_is_told_of() -> None:
    sources = {name: own_templates().joinpath(name).read_text("utf-8") for name in MACRO_FILES}
    macros = {
        macro for source in sources.values() for macro in re.findall(r"{% macro (\w+)", source)
    }
    called = {call.partition("(")[0] for call in (*vocabulary.MACROS, *vocabulary.FUNCTIONS)}
    behind_macros = {"price_parts", "price_line", "order_url"}
    assert called | behind_macros == macros | {function.__name__ for function in FUNCTIONS}
    assert MEANINGS.keys() == VARIABLES.keys()
    assert vocabulary.OWN_FILTERS.keys() == FILTERS.keys() - JINJA_FILTERS.keys()


def test_every_link_of_the_page_leads_somewhere() -> None:
    anchors = set(re.findall(r'<a id="([^"]+)">', PAGE))
    anchors |= {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.M)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert len(links) > 10
    assert links <= anchors


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(# campaigns/.+?)```", PAGE, re.S)
    assert found
    events = "  Ticket Opened: {subject: text}\nsegments:"
    files = {
        "campaigns/shop.yaml": SHOP.replace("segments:", events),
        "campaigns/cart-reminder/campaign.yaml": found[1],
        **{
            name.replace("/cart/", "/cart-reminder/"): text
            for name, text in GOOD.items()
            if "email" in name or name.endswith("/sms.txt.j2")
        },
    }
    for part in ("subject", "html"):
        email = GOOD[f"campaigns/cart/email.{part}.j2"]
        files[f"campaigns/cart-reminder/last-call.email.{part}.j2"] = email
    loaded = load(write(tmp_path, files))
    assert (loaded.problems, loaded.warnings) == ((), ())
    assert [version.name for version in loaded.versions] == ["cart-reminder"]


def test_the_schemas_are_json() -> None:
    for schema in (campaign_schema(), shop_schema()):
        assert json.loads(json.dumps(schema)) == schema


def test_the_schemas_take_what_is_right() -> None:
    assert wrong(CAMPAIGN, campaign_schema()) == []
    assert wrong(SHOP, shop_schema()) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_schema_takes_what_is_shipped(path: Path) -> None:
    assert wrong(path.read_text(encoding="utf-8"), campaign_schema()) == []


@pytest.mark.parametrize(
    "text",
    [
        "trigger: {cron: 0 10 * * MON}",
        "trigger: {once: 2017-11-22 10:00, zone: shop}",
        "trigger: {date: birthday, offset: -7d, at: 9:30, every: year}",
        "trigger: {inactive: Order Completed, for: 45d}",
        "trigger: {price_drop: bought, by: 7.5%}",
        "trigger: {back_in_stock: viewed}",
        "trigger: {enters: loyal}",
        "steps: [{wait: 2d}, {send: {}}]",
        "steps: [{branch: {if: {still: audience}, then: [{send: {}}, {exit: done}]}}]",
        "steps: [{branch: {if: {trait: kids, at_least: 2}, then: [{send: {}}, {exit: done}]}}]",
        "audience: {none: [{trait: member, is: yes}, {trait: city, known: no}]}",
        "audience: {any: [{did: Order Completed, at_most: 0}, {consent: sms}]}",
        "audience: {did: Order Completed, where: {store: [1, 2], total: {above: 2.50}}}",
        "offer: {products: {from: listed, ids: [1082185, '995242']}}",
        "holdout: 0%",
    ],
)
def test_schema_and_model_take_the_same(text: str) -> None:
    (key, value) = next(iter(value_of(text).items()))
    written = {**value_of(CAMPAIGN), key: value}
    assert list(complaints(written, campaign_schema(), campaign_schema())) == []
    Campaign.model_validate({**written, "name": "cart"})


IN_THE_EDITOR = """
    unknown key; unknown key inside; unknown key in a condition; unknown key in a step
    unknown key in the shop; unknown word of a literal; missing key; missing key inside
    text for a number; true for a number; true for a text; list for a text; text for a list
    wrong span; wrong cap; share without percent; number too large; number too small
    wrong kind of condition; word for a condition; condition under not; wrong kind of step
    wrong kind of trigger; number that is text; a year for a date; merge
    country in small letters; 22:00 is a time; cost; trait type; event property type
    no channels; no brand
"""


@pytest.mark.parametrize("title", re.split(r"; |\n +", IN_THE_EDITOR.strip()))
def test_an_editor_tells_already(title: str) -> None:
    (row,) = (row for row in ROWS if row.title == title)
    schema = shop_schema() if row.file.endswith("shop.yaml") else campaign_schema()
    assert wrong(GOOD[row.file].replace(row.old, row.new, 1), schema)
