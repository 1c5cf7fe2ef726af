"""Planning: asked again it adds nothing, and for one customer it says what it says for all."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping

from orchestrator.rules.triggers import change_parameter
from orchestrator.rules.within import EVERYONE, These, Within
from orchestrator.store.database import reading
from orchestrator.tables import controls, journeys, messages, passes
from tests.delivery.world import World, world
from tests.support.databases import seeded
from tests.support.shop import NOW, Small, consent, customer, event, price, product

pytestmark = pytest.mark.usefixtures("databases")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def shop_of(made: World, folder: Path) -> Small:
    """The shop of a random world, with all that happens in it known already."""
    shop = Small(folder, made.campaigns, shop=made.shop, since=made.start - DAY)
    shop.add(*(record for _, record in made.records))
    return shop


def decided(shop: Small) -> list[dict[str, Any]]:
    """The ledger and the journeys, without what depends on the order of writing."""

    def plain(row: RowMapping) -> dict[str, Any]:
        return {k: v for k, v in row.items() if k not in ("id", "token", "claims", "lease_until")}

    found = [plain(row) for table in (messages, journeys) for row in shop.rows(table)]
    return sorted(found, key=lambda row: repr((row["campaign"], row["customer_id"], row)))


@seeded(range(4))
def test_planning_again_adds_nothing(tmp_path: Path, seed: int) -> None:
    made = world(seed, days=3, people=4)
    shop = shop_of(made, tmp_path)
    now = made.start + DAY
    for _ in range(3):
        shop.plan(now)
        once = decided(shop)
        again = shop.plan(now)
        assert all(counts["planned"] == counts["began"] == 0 for counts in again.values())
        assert decided(shop) == once
        restarted = Small(
            tmp_path, made.campaigns, shop=made.shop, database=shop.engine, since=made.start
        )
        restarted.plan(now)
        restarted.decide(*made.people, now=now)
        assert decided(shop) == once
        now += 7 * HOUR
    assert once, "nothing was decided at all"


@seeded(range(8, 14))
def test_one_by_one_comes_to_the_same_as_all_together(tmp_path: Path, seed: int) -> None:
    made = world(seed, days=3, people=5)
    for n, person in enumerate(made.people.values()):  # nobody shares: the order would matter
        person.address["email"] = f"own{n}@example.com"
    for _, (kind, record) in made.records:
        if kind == "customers":
            record["email"] = made.people[record["id"]].address["email"]
    together, alone = shop_of(made, tmp_path / "a"), shop_of(made, tmp_path / "b")
    for hours in (24, 31):
        now = made.start + hours * HOUR
        together.plan(now)
        for key in made.people:
            alone.decide(key, now=now)
        assert decided(alone) == decided(together)


@seeded(range(18, 22))
def test_what_was_planned_passes_the_last_check_of_the_same_moment(
    tmp_path: Path, seed: int
) -> None:
    made = world(seed, days=3, people=5)
    shop = shop_of(made, tmp_path)
    now = made.start + DAY + 3 * HOUR
    shop.plan(now)
    due = {
        r["id"] for r in shop.rows(messages) if r["state"] == "planned" and r["send_after"] <= now
    }
    shop.dispatch(now)
    for row in shop.rows(messages):
        # Of several at once the first may take the slot of the next; nothing else can differ.
        if row["id"] in due and row["state"] != "accepted":
            assert "cap" in row["reason"] or "wish" in row["reason"], dict(row)


# --- the brake ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps", [[{"send": {}}], [{"send": {}}, {"wait": "1d"}, {"send": {"template": "x"}}]]
)
def test_a_campaign_that_would_reach_too_many_halts_and_leaves_nothing(
    tmp_path: Path, steps: list[Any]
) -> None:
    campaigns = {"big": {"max_audience": 3, "steps": steps}, "small": {"max_audience": 4}}
    shop = Small(tmp_path, campaigns)
    for n in range(4):
        shop.add(customer(f"c{n}"), consent(f"c{n}"), event(f"c{n}", "Signed Up", NOW))
    verdicts = {v.campaign: v for v in shop.tick(NOW).verdicts}
    assert verdicts["big"].halted == "would reach 4 customers in a day; max_audience is 3"
    assert {row["campaign"] for row in shop.rows(messages)} == {"small"}
    assert shop.rows(journeys) == []
    (stop,) = shop.rows(controls)
    assert (stop["scope"], stop["name"]) == ("campaign", "big")
    assert Counter(told.split()[0] for told in shop.told()) == Counter(small=4)


@pytest.mark.parametrize(
    "steps", [[{"send": {}}], [{"send": {}}, {"wait": "1d"}, {"send": {"template": "x"}}]]
)
def test_the_brake_counts_what_was_due_long_ago_when_it_is_begun(
    tmp_path: Path, steps: list[Any]
) -> None:
    """A nightly import brings the orders of the day before, and a planner may have been away."""
    shop = Small(tmp_path, {"big": {"max_audience": 3, "steps": steps, "expires": "3d"}})
    for n in range(5):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
        shop.add(event(f"c{n}", "Signed Up", NOW - 30 * HOUR))
        if n in (1, 4):
            shop.tick(NOW + n * HOUR)
    assert len(shop.sent()) == 2
    assert [row["name"] for row in shop.rows(controls)] == ["big"]


def test_the_brake_counts_a_rolling_day(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"max_audience": 3}})
    for n in range(6):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    for n, at in enumerate((0, 8, 16, 25, 34)):
        shop.add(event(f"c{n}", "Signed Up", NOW + at * HOUR))
        shop.tick(NOW + at * HOUR)
    assert len(shop.sent()) == 5
    shop.add(event("c5", "Signed Up", NOW + 39 * HOUR))
    shop.tick(NOW + 39 * HOUR)
    assert len(shop.sent()) == 5
    assert len(shop.rows(controls)) == 1


def test_a_halted_schedule_is_not_taken_for_done(tmp_path: Path) -> None:
    daily = {"trigger": {"cron": "0 12 * * *"}, "max_audience": 1}
    shop = Small(tmp_path, {"hello": daily}, since=NOW - DAY)
    for n in range(2):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    shop.plan(NOW)
    assert shop.rows(passes) == []


# --- scope --------------------------------------------------------------------------------------


def test_deciding_about_some_says_nothing_of_the_others(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}, "daily": {"trigger": {"cron": "0 12 * * *"}}})
    for key in ("ann1", "bob1"):
        shop.add(customer(key), consent(key), event(key, "Signed Up", NOW))
    shop.decide("ann1", now=NOW)
    assert {key for _, key in shop.ledger()} == {"ann1"}
    shop.plan(NOW)
    assert Counter(key for _, key in shop.ledger()) == Counter(ann1=2, bob1=2)


def test_nobody_at_all_is_no_trouble(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}, "daily": {"trigger": {"cron": "* * * * *"}}})
    assert shop.plan(NOW) == {}
    assert shop.tactful.plan(NOW, These.of([])) is not None
    assert shop.tactful.plan(NOW, These.of([7])) is not None


def test_an_import_may_change_any_number_of_prices(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"trigger": {"price_drop": "bought"}}})
    shop.add(customer("ann1"), consent("ann1"), product("p1"), price("p1", "2"))
    shop.add(event("ann1", "Order Completed", NOW - DAY, products=["p1"]))
    shop.add(price("p1", "1", at=NOW))
    (version,) = shop.tactful.versions
    asking = shop.tactful.statements.asking(version, Within.RANGE)
    parameters = {
        "now": NOW,
        "since": NOW - DAY,
        "change_rows": change_parameter(range(300_000)),
        **EVERYONE.parameters(),
    }
    with reading(shop.engine) as connection:
        assert len(connection.execute(asking, parameters).all()) == 1
