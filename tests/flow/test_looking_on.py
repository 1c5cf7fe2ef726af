"""A planner that looks on from where it last looked finds what one finds that looks anew."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from orchestrator.flow.looked import Looked
from tests.delivery.world import DAY, HOUR, world
from tests.flow.test_plan import decided
from tests.support.databases import seeded
from tests.support.shop import BEFORE, NOW, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")

INACTIVE = {"trigger": {"inactive": "Order Completed", "for": "1d"}, "expires": "6h"}


@seeded(range(2))
def test_it_finds_the_same_though_things_arrive_late(tmp_path: Path, seed: int) -> None:
    made = world(seed, days=3, people=4)
    made.campaigns["gone"] = INACTIVE
    chance = Random(f"{seed}/late")
    delays = [timedelta(0), timedelta(0), HOUR, 5 * HOUR, 30 * HOUR]
    late = [(at + chance.choice(delays), record) for at, record in made.records]
    on, anew = (
        Small(tmp_path / name, made.campaigns, shop=made.shop, since=made.start)
        for name in ("on", "anew")
    )
    now, waiting = made.start, sorted(late, key=lambda one: one[0])
    while now < made.end + DAY:
        arrived = [record for at, record in waiting if at <= now]
        waiting = waiting[len(arrived) :]
        for shop in (on, anew):
            if arrived:
                shop.add(*arrived, now=now)
            shop.tick(now)
        anew.tactful.planner._looked = Looked()
        now += timedelta(minutes=chance.choice([20, 60, 150]))
    assert decided(on) == decided(anew)
    assert sorted(on.told()) == sorted(anew.told())


def test_a_plan_that_was_not_committed_has_seen_nothing(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    shop.add(customer("ann1"), consent("ann1"))
    shop.tick(NOW)
    shop.add(event("ann1", "Signed Up", NOW))
    with shop.engine.connect() as connection:
        shop.tactful.planner.plan(connection, NOW + HOUR)  # and nothing commits it
    shop.tick(NOW + 2 * HOUR)
    assert shop.told() == ["hello for ann1"]


def test_a_second_event_of_the_same_instant_that_arrives_later_is_seen(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW, id="first"))
    shop.tick(NOW)
    shop.add(event("ann1", "Signed Up", NOW, id="second"))
    shop.tick(NOW)
    shop.add(event("ann1", "Signed Up", NOW - HOUR, id="third"))
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == 3


def test_what_was_undone_before_the_wait_was_over_and_then_done_again(tmp_path: Path) -> None:
    trigger = {"event": "Cart Updated", "wait": "4h", "unless": {"event": "Order Completed"}}
    shop = Small(tmp_path, {"hello": {"trigger": trigger}}, since=BEFORE)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Cart Updated", NOW))
    for n in range(4):
        shop.tick(NOW + n * HOUR)
    shop.add(event("ann1", "Order Completed", NOW + HOUR))
    shop.add(event("ann1", "Cart Updated", NOW + 2 * HOUR))
    shop.run(NOW + 4 * HOUR, NOW + 9 * HOUR, HOUR)
    assert [record.at for record in shop.sent()] == [NOW + 6 * HOUR]


def test_entering_is_seen_when_data_change_and_when_time_alone_does_it(tmp_path: Path) -> None:
    segments = {
        "parisians": {"trait": "city", "is": "Paris"},
        "lapsed": {"last": "Order Completed", "older_than": "7d"},
    }
    campaigns = {name: {"trigger": {"enters": name}, "expires": "3d"} for name in segments}
    shop = Small(tmp_path, campaigns, shop={"segments": segments})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Order Completed", NOW))
    shop.run(NOW, NOW + HOUR, HOUR)
    shop.add(customer("ann1", city="Paris"), now=NOW + 2 * HOUR)
    shop.run(NOW + 2 * HOUR, NOW + 10 * DAY, HOUR)
    assert sorted(shop.told()) == ["lapsed for ann1", "parisians for ann1"]
    entered = {record.subject: record.at for record in shop.sent()}
    assert entered["parisians for ann1"] == NOW + 2 * HOUR
    assert NOW + 7 * DAY <= entered["lapsed for ann1"] <= NOW + 8 * DAY + HOUR
