"""Everything at once: what comes back, what it means, and what is kept apart."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.flow.load import load, revive, revive_settings
from orchestrator.model.condition import Did, Group, TraitTest
from orchestrator.model.trigger import OnEvent
from orchestrator.model.version import Place, Version
from tests.load.shop_folder import CAMPAIGN, GOOD, SHOP, TEXT, write

YAML = "campaigns/cart/campaign.yaml"
SHOP_YAML = "campaigns/shop.yaml"
TRAIT = "{trait: lifecycle, in: [new, active]}"


def version(root: Path, old: str = "", new: str = "") -> Version:
    """The one campaign, with something in its file replaced."""
    loaded = load(write(root, {**GOOD, YAML: CAMPAIGN.replace(old, new)}))
    assert loaded.problems == ()
    return loaded.versions[0]


def test_mistakes_in_several_files_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    other = CAMPAIGN.replace("topic: favourites", "topic: favorites").replace("4h", "4 hours")
    files = {
        **GOOD,
        SHOP_YAML: SHOP.replace("New_York", "New_Yrok").replace("kids: number", "kids: numbr"),
        YAML: CAMPAIGN.replace(TRAIT, "{trait: lifecyle, is: 1}"),
        "campaigns/cart/sms.txt.j2": TEXT.replace("product.title", "prodct.title"),
        "campaigns/welcome/campaign.yaml": other,
        "templates/text.j2": '{% include "nothing.j2" %}',
    }
    loaded = load(write(tmp_path, files), installed={"outbox"})
    assert loaded.settings is None
    assert loaded.versions == ()
    assert list(loaded.problems) == sorted(loaded.problems)
    told = {(p.file, p.line) for p in loaded.problems}
    assert told >= {
        (SHOP_YAML, 2),
        (SHOP_YAML, 15),
        (YAML, 10),
        ("campaigns/cart/sms.txt.j2", 1),
        ("campaigns/welcome/campaign.yaml", 2),
        ("campaigns/welcome/campaign.yaml", 6),
        ("templates/text.j2", 1),
    }


def test_a_mistake_of_form_does_not_hide_the_others(tmp_path: Path) -> None:
    text = CAMPAIGN.replace("10%", "10").replace("lifecycle", "lifecyle").replace("total", "totl")
    loaded = load(write(tmp_path, {**GOOD, YAML: text}))
    assert [(p.line, p.column) for p in loaded.problems] == [(10, 15), (20, 51), (21, 10)]


def test_one_wrong_segment_is_told_once_wherever_it_is_used(tmp_path: Path) -> None:
    shop = SHOP.replace("within: 90d", "wthin: 90d")
    files = {**GOOD, SHOP_YAML: shop, YAML: CAMPAIGN.replace(TRAIT, "{segment: loyal}")}
    (problem,) = load(write(tmp_path, files)).problems
    assert str(problem).endswith('wthin is no key that can stand here (did you mean "within"?)')


def test_a_good_campaign_is_there_beside_a_broken_one(tmp_path: Path) -> None:
    files = {**GOOD, "campaigns/broken/campaign.yaml": "purpose: [\n"}
    loaded = load(write(tmp_path, files))
    assert [version.name for version in loaded.versions] == ["cart"]
    assert [problem.file for problem in loaded.problems] == ["campaigns/broken/campaign.yaml"]
    assert loaded.settings is not None


def test_a_broken_campaign_is_known_by_name_to_its_neighbours(tmp_path: Path) -> None:
    files = {
        **GOOD,
        YAML: CAMPAIGN.replace(TRAIT, "{got: broken, within: 30d}"),
        "campaigns/broken/campaign.yaml": "purpose: [\n",
    }
    assert [v.name for v in load(write(tmp_path, files)).versions] == ["cart"]


def test_values_come_in_the_types_that_the_shop_gives_them(tmp_path: Path) -> None:
    tests = """
    - {trait: member, is: no}
    - {trait: country_code, is: NO}
    - {trait: country_code, in: [1.10, 007, 45]}
    - {trait: kids, at_least: 2, is_not: 1.10}
    - {trait: birthday, is: 1990-02-28}
    - {trait: birthday, known: no}
    - {trait: hobbies, has: 42}
    - {did: Order Completed, where: {order_id: 42}, product: {size: 1.10}}"""
    campaign = version(tmp_path, f"\n    - {TRAIT}", tests).campaign
    assert isinstance(campaign.audience, Group)
    asked = [
        test.tests() if isinstance(test, TraitTest) else test for test in campaign.audience.all
    ]
    assert asked[:7] == [
        (("is", False),),
        (("is", "NO"),),
        (("in", ("1.10", "007", "45")),),
        (("is_not", Decimal("1.10")), ("at_least", 2)),
        (("is", date(1990, 2, 28)),),
        (("known", False),),
        (("has", "42"),),
    ]
    did = asked[7]
    assert isinstance(did, Did)
    assert did.where["order_id"].is_ == "42"
    assert did.product["size"].is_ == "1.10"


def test_segments_are_given_their_types_too(tmp_path: Path) -> None:
    shop = SHOP.replace("themes:", "  members: {trait: member, is: yes}\nthemes:")
    loaded = load(write(tmp_path, {**GOOD, SHOP_YAML: shop}))
    assert loaded.settings is not None
    members = loaded.settings.shop.segments["members"]
    assert isinstance(members, TraitTest)
    assert members.is_ is True


def test_every_rule_knows_its_line(tmp_path: Path) -> None:
    found = version(tmp_path)
    assert found.place(("audience", "all", 1, "within")) == Place(YAML, 11, 73)
    assert found.place(("trigger", "unless")) == Place(YAML, 7, 3)
    assert found.place(("quiet_hours",)) is None
    assert found.settings.places[("quiet_hours",)] == Place(SHOP_YAML, 6, 1)


def test_a_simple_campaign_is_short(tmp_path: Path) -> None:
    short = "purpose: inform\ntopic: offers\ntrigger: {event: Cart Updated}\nmax_audience: 100\n"
    files = {SHOP_YAML: SHOP, YAML: short, "campaigns/cart/sms.txt.j2": "Hello\n"}
    loaded = load(write(tmp_path, files))
    assert loaded.problems == ()
    campaign = loaded.versions[0].campaign
    assert isinstance(campaign.trigger, OnEvent)
    assert list(campaign.sends) == [0]
    assert loaded.versions[0].routes[0].channels == ("sms",)


def test_a_stored_version_comes_back_the_same(tmp_path: Path) -> None:
    found = version(tmp_path, TRAIT, "{trait: member, is: yes}")
    again = revive(found.name, found.files, revive_settings(found.settings.files))
    assert again == found


def test_what_never_was_right_is_not_revived(tmp_path: Path) -> None:
    found = version(tmp_path)
    with pytest.raises(ValidationError):
        revive("cart", {"campaign.yaml": "purpose: help\n"}, found.settings)


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    first = version(tmp_path / "a")
    assert version(tmp_path / "b").digest == first.digest
    assert version(tmp_path / "c", "priority", "priority").digest == first.digest
    assert version(tmp_path / "d", "10%", "11%").digest != first.digest
    files = {**GOOD, SHOP_YAML: SHOP + "locale: de_DE\n"}
    other = load(write(tmp_path / "e", files)).versions[0]
    assert other.files == first.files
    assert other.digest != first.digest
    copied = {name.replace("/cart/", "/copy/"): text for name, text in GOOD.items()}
    assert load(write(tmp_path / "f", copied)).versions[0].digest != first.digest


def test_plugins_are_looked_for_only_where_their_names_are_given(tmp_path: Path) -> None:
    root = write(tmp_path, GOOD)
    assert load(root).problems == ()
    assert {p.file for p in load(root, installed=set()).problems} == {SHOP_YAML}
