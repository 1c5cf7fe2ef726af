"""The campaigns of this repository: they load, use the whole language, and read as they should."""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.flow.compose import Composed, shared_context, sources
from orchestrator.flow.render import (
    Rendered,
    TemplateSet,
    message_context,
    product_context,
    render_text,
)
from orchestrator.model.measure import parse_measure
from orchestrator.model.money import Money, price_of
from orchestrator.model.program import ExitOp, JumpUnless, SendOp, WaitOp
from orchestrator.model.trigger import TRIGGERS
from tests.campaigns.stage import NOW, Case, Stage, cases, shipped

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("TACTFUL_UPDATE_GOLDEN") == "1"
CASES = tuple(cases())
VERSIONS = shipped().versions
TEXTS = [case for case in CASES if case.channel == "sms"]


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def test_nothing_is_wrong_with_them() -> None:
    loaded = shipped()
    assert [str(problem) for problem in (*loaded.problems, *loaded.warnings)] == []
    assert len(loaded.versions) >= 10


def test_they_use_every_trigger_purpose_step_and_slot() -> None:
    triggers = {type(version.campaign.trigger) for version in VERSIONS}
    assert triggers == set(TRIGGERS.values())
    assert {v.campaign.purpose for v in VERSIONS} == {"inform", "help", "offer", "service"}
    steps = {type(op) for version in VERSIONS for op in version.campaign.program}
    assert steps == {SendOp, WaitOp, JumpUnless, ExitOp}
    offers = [v.campaign.offer for v in VERSIONS if v.campaign.offer is not None]
    slots = {offer.products.from_ for offer in offers}
    assert slots == {"trigger", "regulars", "goes_with", "better", "bestsellers", "listed"}


def test_two_never_want_a_slot_with_equal_right() -> None:
    priorities = Counter(version.campaign.priority for version in VERSIONS)
    assert priorities.most_common(1)[0][1] == 1


def test_a_category_belongs_to_one_theme() -> None:
    themes = VERSIONS[0].shop.themes
    counted = Counter(category for theme in themes.values() for category in theme.categories)
    assert [category for category, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_reads_as_it_did(case: Case, stage: Stage) -> None:
    """`TACTFUL_UPDATE_GOLDEN=1 pytest tests/campaigns` writes the files anew."""
    made = files(case, stage.compose(case))
    for name, text in made.items():
        path = GOLDEN / case.version.name / name
        if UPDATE:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing; write it with TACTFUL_UPDATE_GOLDEN=1"
        assert text == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    wanted = {Path(case.version.name, name) for case in CASES for name in file_names(case)}
    found = {path.relative_to(GOLDEN) for path in GOLDEN.rglob("*.*")}
    assert found == wanted


def file_names(case: Case) -> tuple[str, ...]:
    prefix = case.version.prefix(case.step)
    if case.channel == "email":
        return tuple(f"{prefix}email.{end}" for end in ("subject.txt", "html", "txt"))
    return (f"{prefix}{case.channel}.txt",)


def files(case: Case, made: Composed) -> dict[str, str]:
    shown = made.rendered
    parts = (shown.subject, shown.html, shown.text) if case.channel == "email" else (shown.text,)
    return {
        name: part.rstrip("\n") + "\n" for name, part in zip(file_names(case), parts, strict=True)
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_who_writes_and_how_to_end_it(case: Case, stage: Stage) -> None:
    shown = stage.compose(case).rendered
    shop = case.version.shop
    assert shop.brand.name in shown.text
    if case.channel == "email":
        assert shop.brand.postal_address in shown.text
        assert shop.brand.contact in shown.text
        assert ("/u/" in shown.html) == case.version.campaign.marketing
        assert "/p/" in shown.html
    elif case.version.campaign.marketing:
        assert "STOP" in shown.text


@pytest.mark.parametrize(("locale", "segments_max"), [("en_US", 1), ("es_US", 2), ("fr_FR", 2)])
@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_a_text_stays_short_whatever_the_product_is_called(
    case: Case, locale: str, segments_max: int
) -> None:
    version = case.version
    context = message_context(
        shared_context(version.shop, version.campaign),
        customer={"billing_day": 28, "card_expires": "2018-09-30"},
        today=NOW.date(),
        zone=ZoneInfo("America/Los_Angeles"),
        locale=locale,
        links={
            "unsubscribe": "https://my.shop.example.com/u/12345678." + "0" * 32,
            "preferences": "https://my.shop.example.com/p/12345678." + "0" * 32,
        },
        products=[long_product()],
        event={"name": "any", "at": NOW, "properties": {"ends": "2017-09-30"}},
    )
    shown = render_text(
        TemplateSet(sources(version)), context, prefix=version.prefix(case.step).rstrip(".")
    )
    assert isinstance(shown, Rendered), shown
    assert shown.segments is not None
    assert shown.segments.alphabet == "GSM-7", shown.text
    assert shown.segments.count <= segments_max, (shown.segments.units, shown.text)


def long_product() -> dict[str, Any]:
    """Everything there is to say of a price, in the most characters that the shop's data has."""
    price = price_of(
        Money.of("12.99", "USD"),
        price_id=1,
        valid_from=datetime(2017, 11, 20, 5, tzinfo=UTC),
        valid_until=datetime(2017, 11, 27, 5, tzinfo=UTC),
        unit=parse_measure("32.75 OZ"),
        lowest_30d=Money.of("15.99", "USD"),
    )
    record = {
        "id": "13213483",
        "title": "Our Brand Convenient Breakfast/Wholesome Snacks Variety, 32.75 oz",
        "size": "32.75 oz",
    }
    return product_context(record, price, "https://shop.example.com/p/13213483")


def test_what_is_private_is_never_offered(stage: Stage) -> None:
    """The shop that will not speak of what sells best here speaks of something else."""
    case = next(case for case in CASES if case.version.name == "winback")
    best = categories(stage, case)[0]
    shop = case.version.shop.model_copy(update={"never_offer": (best,)})
    silent = replace(case.version, settings=replace(case.version.settings, shop=shop))
    instead = categories(stage, replace(case, version=silent))
    assert len(instead) == 3
    assert best not in instead


def categories(stage: Stage, case: Case) -> list[str]:
    claimed, gathered = next(stage.gathered(case))
    return [proposal.product["category"] for proposal in gathered.proposals[claimed.id]]
