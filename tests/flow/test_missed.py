"""What came due while nobody planned, and is no longer news: nobody stays without a reason."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.flow.asking import TOLD_FOR
from orchestrator.flow.forecast import forecast
from orchestrator.flow.report.report import report
from orchestrator.flow.tactful import Tactful
from orchestrator.tables import journeys, messages, passes
from tests.support.shop import (
    NOW,
    Small,
    consent,
    customer,
    event,
    price,
    product,
)

pytestmark = pytest.mark.usefixtures("databases")

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def away(shop: Small, begun: Any, back: Any, *records: Any) -> None:
    """A planner that was there until `begun`, and is again at `back`; meanwhile things happened."""
    shop.tick(begun)
    shop.add(*records)
    shop.tick(back)
    shop.tick(back + MINUTE)


def reasons(shop: Small, name: str = "hello") -> Counter[str]:
    """What the report says of who got nothing, and how many."""
    told = report(shop.tactful, NOW + 30 * DAY)
    (one,) = [campaign for campaign in told.campaigns if campaign.campaign == name]
    return Counter({missed.reason: missed.number for missed in one.not_sent})


@pytest.mark.parametrize(
    ("late", "state"),
    [
        (DAY - MINUTE, ["accepted"]),
        (DAY, ["skipped"]),
        (DAY + TOLD_FOR - timedelta(seconds=1), ["skipped"]),
        (DAY + TOLD_FOR, []),
    ],
    ids=["news", "too late", "a week later", "later still"],
)
def test_an_event_that_nobody_met_in_time(
    tmp_path: Path, late: timedelta, state: list[str]
) -> None:
    shop = Small(tmp_path, {"hello": {}}, since=NOW - HOUR)
    happened = customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW)
    away(shop, NOW - HOUR, NOW + late, *happened)
    assert [row["state"] for row in shop.rows(messages)] == state
    assert reasons(shop)["expired"] == state.count("skipped")


def test_what_was_before_the_campaign_is_not_said_to_be_late(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}}, since=NOW)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW + 2 * DAY)
    assert not shop.rows(messages)


def test_an_event_that_arrives_late_though_the_planner_was_there(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}}, since=NOW - HOUR)
    shop.add(customer("ann1"), consent("ann1"))
    shop.run(NOW - HOUR, NOW + 30 * HOUR, HOUR)
    shop.add(event("ann1", "Signed Up", NOW))
    shop.tick(NOW + 31 * HOUR)
    assert reasons(shop) == {"expired": 1}


def test_who_is_decided_about_alone_is_told_as_well(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}}, since=NOW - HOUR)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    assert shop.decide("ann1", now=NOW + 2 * DAY) == {"hello": {"expired": 1}}
    assert shop.plan(NOW + 2 * DAY) == {}


def test_a_journey_does_not_begin_too_late_though_a_wait_comes_first(tmp_path: Path) -> None:
    steps = {"steps": [{"wait": "1h"}, {"send": {}}]}
    shop = Small(tmp_path, {"hello": steps}, since=NOW - HOUR)
    happened = [event(key, "Signed Up", NOW + n * HOUR) for n, key in enumerate(("ann1", "bob2"))]
    records = [r for key in ("ann1", "bob2") for r in (customer(key), consent(key))]
    away(shop, NOW - HOUR, NOW + DAY, *records, *happened)
    shop.tick(NOW + DAY + HOUR)
    assert shop.ways() == {"ann1": (0, "expired"), "bob2": (1, "finished")}
    assert shop.told() == ["hello for bob2"]
    assert reasons(shop) == {"expired": 1}


def test_a_later_message_does_not_leave_long_after_its_time(tmp_path: Path) -> None:
    wait, last = {"wait": "2d"}, {"send": {"template": "last"}}
    shop = Small(tmp_path, {"hello": {"steps": [{"send": {}}, wait, last]}}, since=NOW - HOUR)
    for n, key in enumerate(("ann1", "bob2")):
        shop.add(customer(key), consent(key), event(key, "Signed Up", NOW + n * DAY))
    shop.run(NOW, NOW + DAY, HOUR)
    shop.tick(NOW + 3 * DAY + HOUR)
    states = {(row["customer_id"], row["step"]): row["state"] for row in shop.rows(messages)}
    ann, bob = shop.ids()["ann1"], shop.ids()["bob2"]
    assert (states[ann, 2], states[bob, 2]) == ("skipped", "accepted")
    assert reasons(shop) == {"expired": 1}


def test_a_first_message_that_expires_on_the_way_is_counted_once(tmp_path: Path) -> None:
    steps = {"steps": [{"send": {"expires": "1h"}}, {"wait": "1h"}, {"send": {}}]}
    shop = Small(tmp_path, {"hello": steps}, since=NOW - HOUR)
    happened = customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW)
    away(shop, NOW - HOUR, NOW + 2 * HOUR, *happened)
    assert [row["ended_as"] for row in shop.rows(journeys)] == ["expired"]
    assert reasons(shop) == {"expired": 1}


def test_missed_slots_are_counted_and_those_that_are_news_are_planned(tmp_path: Path) -> None:
    daily = {"trigger": {"cron": "0 12 * * *"}, "expires": "6h"}
    shop = Small(tmp_path, {"hello": daily}, since=NOW - HOUR)
    shop.add(customer("ann1"), consent("ann1"), customer("bob2"))
    away(shop, NOW - MINUTE, NOW + 2 * DAY + HOUR)
    assert shop.told() == ["hello for ann1"]
    assert reasons(shop) == {"expired": 4, "no_consent": 1}
    assert len(shop.rows(passes)) == 3


@pytest.mark.parametrize(
    "before", [{"cron": "0 10 * * *"}, {"once": "2017-11-21 10:00"}, {"event": "Signed Up"}]
)
def test_what_is_set_to_an_hour_that_is_over_waits_for_the_next(
    tmp_path: Path, before: dict[str, str]
) -> None:
    shop = Small(tmp_path, {"hello": {"trigger": before}}, since=NOW - 3 * HOUR)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW - 2 * HOUR))
    shop.tick(NOW - 2 * HOUR)
    later = {"hello": {"trigger": {"cron": "0 11 * * *"}}}
    moved = Small(tmp_path, later, database=shop.engine, since=NOW)
    moved.run(NOW + MINUTE, NOW + HOUR, MINUTE * 30)
    assert len(moved.sent()) == 1
    assert reasons(moved) == Counter()
    moved.tick(NOW + 23 * HOUR)
    assert len(moved.sent()) == 2


def test_the_plan_of_what_is_not_at_work_yet_knows_that_its_hour_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Small(tmp_path, {"hello": {"trigger": {"cron": "0 10 * * *"}}}, since=NOW - 3 * HOUR)
    shop.add(customer("ann1"), consent("ann1"))
    shop.tick(NOW - 2 * HOUR)
    monkeypatch.setattr(Tactful, "publish", lambda self, now: None)
    later = {"hello": {"trigger": {"cron": "0 11 * * *"}, "expires": "3d"}}
    moved = Small(tmp_path, later, database=shop.engine)
    (one,) = forecast(moved.tactful, NOW).campaigns
    assert one.planned == 1, "tomorrow's alone"


def test_what_was_missed_is_not_forgotten_where_other_words_are_written(tmp_path: Path) -> None:
    noon = {"trigger": {"cron": "0 12 * * *"}}
    shop = Small(tmp_path, {"hello": noon}, since=NOW - HOUR)
    shop.add(customer("ann1"), consent("ann1"))
    anew = {"hello": {**noon, "priority": 70}}
    shop = Small(tmp_path, anew, database=shop.engine, since=NOW + MINUTE)
    shop.tick(NOW + 2 * MINUTE)
    assert shop.told() == ["hello for ann1"]


def test_a_birthday_that_was_missed_is_counted_for_whom_it_was(tmp_path: Path) -> None:
    birthday = {"trigger": {"date": "birthday", "at": "12:00", "every": "year"}, "expires": "6h"}
    shop = Small(tmp_path, {"hello": birthday}, since=NOW - HOUR)
    shop.add(customer("ann1", birthday="1990-11-21"), customer("bob2", birthday="1990-11-29"))
    away(shop, NOW - MINUTE, NOW + DAY)
    assert reasons(shop) == {"expired": 1}


def test_a_price_that_fell_unseen(tmp_path: Path) -> None:
    drop = {"trigger": {"price_drop": "bought", "by": "10%", "within": "90d"}, "expires": "6h"}
    shop = Small(tmp_path, {"hello": drop}, since=NOW - HOUR)
    bought = event("ann1", "Order Completed", NOW - DAY, products=["p1"])
    shop.add(customer("ann1"), consent("ann1"), customer("bob2"), product("p1"))
    shop.add(price("p1", "10.00"), bought)
    away(shop, NOW - MINUTE, NOW + DAY, price("p1", "8.00", NOW))
    assert reasons(shop) == {"expired": 1}
    assert not shop.rows(messages)
