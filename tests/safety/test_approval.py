"""Of a campaign that asks for approval nothing is planned before somebody has looked at it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from orchestrator.flow import approving, asking, wide
from orchestrator.flow.explain import explain_customer
from orchestrator.flow.forecast import CampaignForecast, agree, forecast
from orchestrator.model.errors import NotFound, WrongUse
from orchestrator.store.approvals import approvals
from orchestrator.store.database import open_database, reading, writing
from orchestrator.tables import approvals as approvals_table
from orchestrator.tables import controls, journeys, messages, passes
from tests.support.shop import NOW, Small, consent, customer, event

both = pytest.mark.usefixtures("databases")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DAILY: dict[str, Any] = {
    "trigger": {"cron": "0 12 * * *"},
    "approval": "required",
    "max_audience": 100,
}


def shop_of(folder: Path, people: int = 6, **more: Any) -> Small:
    shop = Small(folder, {"daily": {**DAILY, **more}})
    add(shop, range(people))
    return shop


def add(shop: Small, numbers: range) -> None:
    for n in numbers:
        shop.add(customer(f"c{n}"), consent(f"c{n}"))


def seen(shop: Small, now: Any = NOW - MINUTE) -> CampaignForecast:
    (found,) = forecast(shop.tactful, now).campaigns
    return found


@both
def test_nothing_is_planned_until_the_plan_is_approved_of(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    assert shop.plan(NOW) == {}
    assert shop.rows(messages) == [] == shop.rows(passes)
    plan = seen(shop)
    assert (plan.planned, plan.audience, plan.approved) == (6, 6, False)
    assert plan.approval == "waits until somebody approves of this content"
    assert shop.rows(approvals_table) == [], "looking ahead approves of nothing"
    done = agree(shop.tactful, "daily", plan.digest, None, "ann", NOW - MINUTE)
    assert (done.audience, done.approved_by, done.plan) == (6, "ann", plan.digest)
    assert shop.plan(NOW)["daily"]["planned"] == 6
    assert seen(shop).approval == "approved by ann on 2017-11-21, for 6 in a day"


@both
def test_other_content_needs_another_approval(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    old = seen(shop)
    agree(shop.tactful, "daily", old.digest, None, "ann", NOW - MINUTE)
    shop.tick(NOW)
    assert len(shop.sent()) == 6
    changed = {"daily": {**DAILY, "priority": 60}}
    again = Small(tmp_path, changed, database=shop.engine, channel=shop.channel)
    again.tick(NOW + DAY)
    assert len(again.sent()) == 6
    with pytest.raises(WrongUse, match="not the digest of daily as it is written now"):
        agree(again.tactful, "daily", old.digest, None, "ann", NOW + DAY)
    agree(again.tactful, "daily", seen(again).digest, 6, "ann", NOW + DAY)
    again.tick(NOW + DAY)
    assert len(again.sent()) == 12


@both
def test_what_is_under_way_in_approved_content_goes_on(tmp_path: Path) -> None:
    steps = [{"send": {}}, {"wait": "6h"}, {"send": {"template": "again"}}]
    way = {"steps": steps, "approval": "required"}
    shop = Small(tmp_path, {"way": way})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    assert shop.rows(journeys) == []
    plan = seen(shop, NOW)
    assert plan.audience == 1
    agree(shop.tactful, "way", plan.digest, 5, "ann", NOW)
    shop.tick(NOW + MINUTE)
    changed = {"way": {**way, "priority": 60}}
    again = Small(tmp_path, changed, database=shop.engine, channel=shop.channel)
    again.add(customer("bob1"), consent("bob1"), event("bob1", "Signed Up", NOW))
    again.run(NOW + 2 * MINUTE, NOW + timedelta(hours=7), timedelta(hours=1))
    assert again.told() == ["way for ann1", "way for ann1"]


@both
def test_half_as_many_again_is_the_most(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    agree(shop.tactful, "daily", seen(shop).digest, None, "ann", NOW - MINUTE)
    add(shop, range(6, 9))
    assert shop.plan(NOW)["daily"]["planned"] == 9
    add(shop, range(9, 10))
    (halted,) = shop.tactful.plan(NOW + DAY)
    assert halted.halted == (
        "would reach 10 customers in a day, and 6 were approved of: look at `tactful plan daily`, "
        "`tactful approve daily` again, then `tactful resume campaign daily`"
    )
    assert [row["name"] for row in shop.rows(controls)] == ["daily"]
    assert len(shop.rows(messages)) == 9
    agree(shop.tactful, "daily", seen(shop, NOW + DAY).digest, 10, "bob", NOW + DAY)
    shop.execute(controls.delete())
    assert shop.plan(NOW + DAY + MINUTE)["daily"]["planned"] == 10
    with reading(shop.engine) as connection:
        assert [one.approved_by for one in approvals(connection).values()] == ["bob"]
    assert len(shop.rows(approvals_table)) == 2, "the first one stays on record"


@pytest.mark.parametrize("which", ["sqlite", "postgresql"])
def test_several_hands_keep_to_it(
    tmp_path: Path, request: pytest.FixtureRequest, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "CHUNK_CUSTOMERS", 4)
    monkeypatch.setattr(wide, "WIDE_FROM_CUSTOMERS", 5)
    on_file = str(tmp_path / "wide.db")
    url = on_file if which == "sqlite" else request.getfixturevalue("postgres_url")
    engine: Engine = open_database(url)
    shop = Small(tmp_path, {"daily": DAILY}, database=engine)
    add(shop, range(10))
    shop.tactful.hands = 2
    assert shop.plan(NOW) == {}
    agree(shop.tactful, "daily", seen(shop).digest, 6, "ann", NOW)
    (halted,) = shop.tactful.plan(NOW)
    assert "10 customers in a day, and 6 were approved of" in halted.halted
    assert shop.rows(messages) == []
    engine.dispose()


@both
def test_the_shop_may_ask_for_all_and_a_campaign_may_not(tmp_path: Path) -> None:
    plain = {"trigger": DAILY["trigger"]}
    campaigns = {"one": plain, "two": {**plain, "approval": "not required"}}
    shop = Small(tmp_path, campaigns, shop={"approval": "required"})
    add(shop, range(2))
    assert set(shop.plan(NOW)) == {"two"}


@both
def test_explain_says_so(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    (found,) = explain_customer(shop.tactful, "c1", NOW).campaigns
    assert (found.reason, found.says) == ("not_approved", "nobody has approved of this content yet")
    (gate,) = [gate for gate in found.gates() if gate.name == "not_approved"]
    assert str(gate.spot) == "campaigns/daily/campaign.yaml:1"
    agree(shop.tactful, "daily", seen(shop).digest, 6, "ann", NOW)
    (found,) = explain_customer(shop.tactful, "c1", NOW).campaigns
    assert found.reason is None


@both
def test_only_what_was_seen_can_be_approved_of(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    plan = seen(shop)
    with pytest.raises(NotFound, match='did you mean "daily"'):
        agree(shop.tactful, "dayly", plan.digest, None, "ann", NOW)
    with pytest.raises(WrongUse, match="not the digest"):
        agree(shop.tactful, "daily", "0" * 16 + plan.digest[16:], 6, "ann", NOW)
    for wrong in (0, 101):
        with pytest.raises(WrongUse, match="from 1 to 100"):
            agree(shop.tactful, "daily", plan.digest, wrong, "ann", NOW)
    add(shop, range(6, 7))
    with pytest.raises(WrongUse, match=r"other customers would get daily .* 7 now"):
        agree(shop.tactful, "daily", plan.digest, None, "ann", NOW - MINUTE)
    assert shop.rows(approvals_table) == []


@both
def test_what_asks_as_things_happen_needs_a_number(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, trigger={"event": "Signed Up"})
    with pytest.raises(WrongUse, match="with --audience"):
        agree(shop.tactful, "daily", seen(shop).digest, None, "ann", NOW)
    agree(shop.tactful, "daily", seen(shop).digest, 2, "ann", NOW)
    for n in range(4):
        shop.add(event(f"c{n}", "Signed Up", NOW + n * MINUTE))
        shop.tick(NOW + n * MINUTE)
    assert len(shop.sent()) == 3
    assert "4 customers in a day, and 2 were approved of" in shop.rows(controls)[0]["reason"]


@both
def test_supposing_leaves_what_was_approved_of(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    agree(shop.tactful, "daily", seen(shop).digest, None, "ann", NOW - MINUTE)
    with writing(shop.engine) as connection:
        approving.suppose(connection, shop.tactful.versions, NOW)
    assert [row["audience"] for row in shop.rows(approvals_table)] == [6]


def planned(shop: Small, only: tuple[str, ...] = ()) -> dict[str, int]:
    found = forecast(shop.tactful, NOW - MINUTE, only=only)
    return {one.campaign: one.planned for one in found.campaigns}


@both
def test_what_nobody_has_approved_of_takes_nothing_from_the_others(tmp_path: Path) -> None:
    """It would: but nothing of it is planned, whatever the plan shows of it."""
    one_a_day = {"caps": {"overall": ["1 per day"]}}
    urgent = {**DAILY, "priority": 90}
    plain = {"trigger": DAILY["trigger"]}
    shop = Small(tmp_path, {"daily": urgent, "other": urgent, "plain": plain}, shop=one_a_day)
    add(shop, range(6))
    assert planned(shop) == {"daily": 6, "other": 6, "plain": 6}, "each waiting one as if alone"
    assert planned(shop, ("plain",)) == {"plain": 6}
    (one,) = forecast(shop.tactful, NOW - MINUTE, only=("other",)).campaigns
    agree(shop.tactful, "other", one.digest, None, "ann", NOW - MINUTE)
    assert planned(shop) == {"daily": 6, "other": 6, "plain": 0}
    assert shop.plan(NOW)["other"]["planned"] == 6
    assert "daily" not in shop.plan(NOW)


@both
def test_a_campaign_alone_is_planned_after_what_comes_before_it(tmp_path: Path) -> None:
    """What takes the day's only message at noon leaves none for one o'clock, whoever asks."""
    one_a_day = {"caps": {"overall": ["1 per day"]}}
    later = {**DAILY, "trigger": {"cron": "0 13 * * *"}}
    plain = {"trigger": DAILY["trigger"]}
    shop = Small(tmp_path, {"daily": later, "plain": plain}, shop=one_a_day)
    add(shop, range(6))
    assert planned(shop) == {"daily": 0, "plain": 6}
    assert planned(shop, ("daily",)) == {"daily": 0}
    whole, alone = (forecast(shop.tactful, NOW - MINUTE, only=o) for o in ((), ("daily",)))
    assert whole.campaigns[0].digest == alone.campaigns[0].digest
    assert [look.campaigns for look in alone.looks] == [("daily",)]
