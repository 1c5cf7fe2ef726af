"""Journeys: campaigns of several steps."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from channels.contract import Reason, Rejected
from orchestrator.store.controls import pause
from orchestrator.store.database import writing
from orchestrator.tables import controls, journeys, messages
from tests.support.shop import NOW, TEMPLATES, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LAST = {"send": {"template": "last"}}
CALLED_OFF = {"wait": {"for": "10h", "exit_on": {"event": "Order Completed"}}}
PARIS = {"trait": "city", "is": "Paris"}


def shop_of(folder: Path, *steps: Any, **campaign: Any) -> Small:
    """One campaign of these steps; ann1 signs up at NOW."""
    trigger = {"event": "Signed Up"}
    shop = Small(folder, {"tour": {"trigger": trigger, "steps": list(steps), **campaign}})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    return shop


def sent_at(shop: Small) -> list[float]:
    """How many hours after the beginning each message left."""
    return [(record.at - NOW) / HOUR for record in shop.sent()]


def test_all_the_way_through(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"send": {}}, {"wait": "2d"}, LAST, {"exit": "told twice"})
    shop.run(NOW, NOW + 4 * DAY, HOUR)
    assert sent_at(shop) == [0, 48]
    assert shop.ways() == {"ann1": (3, "told twice")}


@pytest.mark.parametrize("before", [11 * HOUR, 2 * HOUR])
def test_a_wait_begins_when_the_message_before_it_leaves(tmp_path: Path, before: timedelta) -> None:
    tour = {"trigger": {"event": "Signed Up"}, "steps": [{"send": {}}, {"wait": "3h"}, LAST]}
    shop = Small(tmp_path, {"tour": tour}, shop={"quiet_hours": "21:00-08:00"})
    morning = NOW + 20 * HOUR
    night = morning - before
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", night))
    shop.run(night, morning + DAY, HOUR / 4)
    first, second = shop.sent()
    assert morning <= first.at < morning + HOUR
    assert second.at - first.at == 3 * HOUR


@pytest.mark.parametrize("until", [{}, {"until": {"event": "Order Completed"}}])
def test_no_message_overtakes_the_one_before_it(tmp_path: Path, until: dict[str, Any]) -> None:
    shop = shop_of(tmp_path, {"send": {}}, {"wait": {"for": "1h", **until}}, LAST)
    later = Rejected(Reason.rate_limited, "later", retryable=True, retry_after_s=5 * 3600)
    shop.recording.script = lambda item: later
    shop.tick(NOW)
    shop.recording.script = lambda item: None
    shop.add(event("ann1", "Order Completed", NOW + HOUR / 2))
    shop.run(NOW + HOUR / 4, NOW + 8 * HOUR, HOUR / 4)
    (first, first_at), (second, second_at) = ((r.message_id, r.at) for r in shop.sent())
    assert first < second
    assert first_at >= NOW + 5 * HOUR
    assert second_at - first_at >= (HOUR / 4 if until else HOUR)


def test_who_leaves_while_the_message_waits_gets_none(tmp_path: Path) -> None:
    tour = {"trigger": {"event": "Signed Up"}, "steps": [{"send": {}}, CALLED_OFF, LAST]}
    shop = Small(tmp_path, {"tour": tour}, shop={"quiet_hours": "21:00-08:00"})
    night = NOW + 9 * HOUR
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", night))
    shop.add(event("ann1", "Order Completed", night + HOUR))
    shop.run(night, night + 2 * DAY, HOUR)
    assert shop.ledger() == {("tour", "ann1"): [("stale", "has_left")]}
    assert shop.ways() == {"ann1": (1, "left: Order Completed")}


def test_a_wait_may_come_first_and_several_in_a_row(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"wait": "1h"}, {"wait": "2h"}, {"send": {}})
    shop.run(NOW, NOW + DAY, HOUR)
    assert sent_at(shop) == [3]
    assert shop.ways() == {"ann1": (2, "finished")}


@pytest.mark.parametrize(("cart", "hours"), [("k1", [0, 3]), ("k2", [0, 10])])
def test_a_wait_ends_early_by_what_it_waits_for(
    tmp_path: Path, cart: str, hours: list[int]
) -> None:
    until = {"event": "Order Completed", "same": "cart_id"}
    steps = {"send": {}}, {"wait": {"for": "10h", "until": until}}, LAST
    shop = Small(tmp_path, {"tour": {"trigger": {"event": "Cart Updated"}, "steps": list(steps)}})
    shop.add(customer("ann1"), consent("ann1"))
    shop.add(event("ann1", "Cart Updated", NOW, cart_id="k1"))
    shop.add(event("ann1", "Order Completed", NOW + 3 * HOUR, cart_id=cart))
    shop.run(NOW, NOW + DAY, HOUR)
    assert sent_at(shop) == hours


@pytest.mark.parametrize(
    ("by", "hours", "end"),
    [("until", [0, 0, 3, 10], "finished"), ("exit_on", [0, 0, 10], "left: Order Completed")],
)
def test_what_one_customer_does_ends_no_wait_of_another(
    tmp_path: Path, by: str, hours: list[int], end: str
) -> None:
    wait = {"for": "10h", by: {"event": "Order Completed", "same": "cart_id"}}
    steps = [{"send": {}}, {"wait": wait}, LAST]
    shop = Small(tmp_path, {"tour": {"trigger": {"event": "Cart Updated"}, "steps": steps}})
    for key in ("ann1", "bob1"):
        shop.add(customer(key), consent(key))
        shop.add(event(key, "Cart Updated", NOW, cart_id=key))
    shop.add(event("ann1", "Order Completed", NOW + 3 * HOUR, cart_id="ann1"))
    shop.run(NOW, NOW + DAY, HOUR)
    assert sorted(sent_at(shop)) == hours
    assert {key: why for key, (_, why) in shop.ways().items()} == {"ann1": end, "bob1": "finished"}


def test_a_wait_may_end_the_campaign(tmp_path: Path) -> None:
    wait = {"for": "10h", "exit_on": {"event": "Order Completed"}}
    shop = shop_of(tmp_path, {"send": {}}, {"wait": wait}, LAST)
    shop.add(event("ann1", "Order Completed", NOW + 3 * HOUR))
    shop.run(NOW, NOW + DAY, HOUR)
    assert sent_at(shop) == [0]
    assert shop.ways() == {"ann1": (1, "left: Order Completed")}


@pytest.mark.parametrize("late", [2 * SECOND, 3 * HOUR], ids=["as always", "after a stop"])
@pytest.mark.parametrize(
    "steps",
    [[CALLED_OFF], [{"send": {"when": PARIS}}, CALLED_OFF], [{"wait": "1s"}, CALLED_OFF]],
    ids=["a wait", "past a message", "two waits"],
)
def test_what_happens_before_anybody_looks_happens_on_the_way(
    tmp_path: Path, steps: list[Any], late: timedelta
) -> None:
    shop = shop_of(tmp_path, *steps, LAST, expires="3d")
    shop.add(event("ann1", "Order Completed", NOW + 1.5 * SECOND))
    shop.run(NOW + late, NOW + DAY, HOUR)
    assert shop.sent() == []
    assert shop.ways()["ann1"][1] == "left: Order Completed"


def test_what_follows_the_end_of_a_wait_before_anybody_looks_counts_for_the_next(
    tmp_path: Path,
) -> None:
    until = {"wait": {"for": "10h", "until": {"event": "Product Viewed"}}}
    shop = shop_of(tmp_path, until, CALLED_OFF, LAST)
    shop.tick(NOW)
    shop.add(event("ann1", "Product Viewed", NOW + HOUR))
    shop.add(event("ann1", "Order Completed", NOW + 2 * HOUR))
    shop.run(NOW + 3 * HOUR, NOW + DAY, HOUR)
    assert shop.ways() == {"ann1": (1, "left: Order Completed")}


@pytest.mark.parametrize(("at", "hours"), [(3, [0]), (-1, [0, 10]), (10, [0]), (11, [0, 10])])
def test_who_has_reached_the_goal_leaves(tmp_path: Path, at: int, hours: list[int]) -> None:
    goal = {"event": "Order Completed", "within": "3d"}
    shop = shop_of(tmp_path, {"send": {}}, {"wait": "10h"}, LAST, goal=goal)
    shop.add(event("ann1", "Order Completed", NOW + at * HOUR))
    shop.run(NOW, NOW + DAY, HOUR)
    assert sent_at(shop) == hours
    assert (shop.ways()["ann1"][1] == "goal reached") is (hours == [0])


BRANCH = {"branch": {"if": PARIS, "then": [{"send": {"template": "paris"}}], "otherwise": [LAST]}}
MARKED = {
    "email.subject.j2": "plain\n", "email.html.j2": "<p>x</p>\n",
    "paris.email.subject.j2": "paris\n", "paris.email.html.j2": "<p>x</p>\n",
    "last.email.subject.j2": "last\n", "last.email.html.j2": "<p>x</p>\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("city", "told"), [("Paris", ["paris", "plain"]), ("Rome", ["last", "plain"])]
)
def test_a_branch_goes_one_of_two_ways_and_they_meet_again(
    tmp_path: Path, city: str, told: list[str]
) -> None:
    tour = {"trigger": {"event": "Signed Up"}, "steps": [BRANCH, {"wait": "1h"}, {"send": {}}]}
    shop = Small(tmp_path, {"tour": tour}, templates={"tour": MARKED})
    shop.add(customer("ann1", city=city), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.run(NOW, NOW + DAY, HOUR)
    assert shop.told() == told


def test_who_is_in_neither_way_of_the_condition_goes_otherwise(tmp_path: Path) -> None:
    tour = {"trigger": {"event": "Signed Up"}, "steps": [BRANCH]}
    shop = Small(tmp_path, {"tour": tour}, templates={"tour": MARKED})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.run(NOW, NOW + HOUR, HOUR)
    assert shop.told() == ["last"]


def test_the_audience_must_hold_whatever_way_leads_to_the_first_message(tmp_path: Path) -> None:
    audience = {"trait": "member", "is": True}
    ways = [
        [BRANCH],
        [{"send": {"when": PARIS}}, {"wait": "1h"}, LAST],
        [{"branch": {"if": PARIS, "then": [{"send": {}}]}}, LAST],
    ]
    for n, steps in enumerate(ways):
        shop = shop_of(tmp_path / str(n), *steps, audience=audience)
        shop.run(NOW, NOW + DAY, HOUR)
        assert shop.sent() == [], steps
        assert shop.ways()["ann1"][1] == "not_in_audience"
        member = shop_of(tmp_path / f"member{n}", *steps, audience=audience)
        member.add(customer("ann1", member=True))
        member.run(NOW, NOW + DAY, HOUR)
        assert len(member.sent()) == 1, steps


def test_later_steps_do_not_ask_for_the_audience_unless_they_say_so(tmp_path: Path) -> None:
    for n, (when, hours) in enumerate([({}, [0, 1]), ({"when": {"still": "audience"}}, [0])]):
        last = {"send": {"template": "last", **when}}
        shop = shop_of(tmp_path / str(n), {"send": {}}, {"wait": "1h"}, last, audience=PARIS)
        shop.add(customer("ann1", city="Paris"))
        shop.tick(NOW)
        shop.add(customer("ann1", city="Rome"))
        shop.run(NOW, NOW + DAY, HOUR)
        assert sent_at(shop) == hours
        assert shop.ways()["ann1"][1] == "finished"


def test_who_does_not_get_the_first_message_leaves_and_a_later_one_may_be_missed(
    tmp_path: Path,
) -> None:
    steps = {"send": {}}, {"wait": "1h"}, {"send": {"template": "a"}}, {"wait": "1h"}, LAST
    nobody = shop_of(tmp_path / "a", *steps)
    nobody.add(consent("ann1", given=False, at=NOW))
    nobody.run(NOW, NOW + DAY, HOUR)
    assert nobody.ways() == {"ann1": (0, "no_consent")}
    once = shop_of(tmp_path / "b", *steps)
    once.tick(NOW)
    once.add(consent("ann1", given=False, at=NOW + HOUR))
    once.run(NOW + HOUR, NOW + 1.5 * HOUR, HOUR)
    once.add(consent("ann1", at=NOW + 1.6 * HOUR))
    once.run(NOW + 2 * HOUR, NOW + DAY, HOUR)
    assert sent_at(once) == [0, 2]
    assert once.ways()["ann1"][1] == "finished"


def _tour(folder: Path, wait: str, word: str, database: Any) -> Small:
    steps = [{"send": {}}, {"wait": wait}, {"send": {}}]
    tour = {"trigger": {"event": "Signed Up"}, "steps": steps}
    templates = {**TEMPLATES, "email.subject.j2": word + " for {{ customer.who }}\n"}
    return Small(folder, {"tour": tour}, database=database, templates={"tour": templates})


def test_whoever_is_under_way_finishes_the_version_that_they_began(tmp_path: Path) -> None:
    for n, database in enumerate((":memory:", str(tmp_path / "shop.db"))):
        folder = tmp_path / str(n)
        shop = _tour(folder, "10h", "old", database)
        shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
        shop.add(customer("bob1"), consent("bob1"))
        shop.tick(NOW)
        new = _tour(folder, "1h", "new", shop.engine)
        new.add(event("bob1", "Signed Up", NOW + HOUR))
        new.run(NOW + HOUR, NOW + DAY, HOUR)
        words = [record.subject for record in new.sent()]
        assert words == ["old for ann1", "new for bob1", "new for bob1", "old for ann1"]
        assert sent_at(new) == [0, 1, 2, 10]
        versions = {row["version"] for row in new.rows(messages)}
        assert len(versions) == 2


def test_a_message_of_an_old_version_leaves_after_a_restart(tmp_path: Path) -> None:
    old = {"hello": {"topic": "offers"}}
    shop = Small(tmp_path, old)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.plan(NOW)
    new = Small(tmp_path, {"hello": {"topic": "tips"}}, database=shop.engine)
    assert new.dispatch(NOW) == Counter(accepted=1)


def test_a_paused_campaign_goes_on_where_it_stood(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"send": {}}, {"wait": "2h"}, LAST)
    shop.tick(NOW)
    with writing(shop.engine) as connection:
        pause(connection, "campaign", "tour", "test", NOW)
    shop.run(NOW + HOUR, NOW + 5 * HOUR, HOUR)
    assert sent_at(shop) == [0]
    shop.execute(delete(controls))
    shop.run(NOW + 6 * HOUR, NOW + 8 * HOUR, HOUR)
    assert sent_at(shop) == [0, 6]


def test_a_paused_channel_keeps_a_journey_at_its_step(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"send": {}}, {"wait": "2h"}, LAST)
    with writing(shop.engine) as connection:
        pause(connection, "channel", "email", "test", NOW)
    shop.run(NOW, NOW + 3 * HOUR, HOUR)
    assert shop.ways() == {"ann1": (0, None)}
    shop.execute(delete(controls))
    shop.run(NOW + 4 * HOUR, NOW + 8 * HOUR, HOUR)
    assert sent_at(shop) == [4, 6]


def test_an_event_of_one_customer_does_not_disturb_the_others_on_their_way(tmp_path: Path) -> None:
    """Who is asked about is another question than who is on the way: their clocks differ."""
    shop = Small(
        tmp_path,
        {"tour": {"trigger": {"event": "Signed Up"}, "steps": [{"wait": "2h"}, {"send": {}}]}},
        shop={"quiet_hours": "22:00-08:00"},
    )
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.add(customer("bob1", zone="America/Denver", region="CO"), consent("bob1"))
    shop.tick(NOW)
    shop.add(event("bob1", "Signed Up", NOW + 2 * HOUR))
    shop.decide("bob1", now=NOW + 2 * HOUR)
    shop.run(NOW + 2 * HOUR, NOW + 5 * HOUR, HOUR)
    assert Counter(shop.told()) == Counter({"tour for ann1": 1, "tour for bob1": 1})


def test_one_occasion_is_one_journey(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"send": {}}, {"wait": "1h"}, LAST)
    for _ in range(3):
        shop.tick(NOW)
    shop.run(NOW, NOW + DAY, HOUR)
    assert len(shop.rows(journeys)) == 1
    assert sent_at(shop) == [0, 1]
