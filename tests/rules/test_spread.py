"""What was held for quiet hours leaves over a while, each customer at a moment of their own."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Engine, bindparam, select, update

from orchestrator.store.database import reading
from orchestrator.tables import messages
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.spread import spread
from tests.support.databases import Databases, empty_database
from tests.support.shop import NOW, Small, consent, customer, event

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
NIGHT = NOW + 12 * HOUR
"""Midnight in New York."""

OPENS = NIGHT + 9 * HOUR
QUIET = {"quiet_hours": "21:00-09:00"}
ASKED = select(
    spread(
        bindparam("opens_at", type_=Instant()),
        bindparam("customer_id", type_=Id),
        bindparam("ends_at", type_=Instant()),
        bindparam("over_us", type_=BigInteger()),
    )
)


@pytest.fixture(scope="module")
def engine(module_databases: Databases) -> Engine:
    return empty_database()


def own(engine: Engine, id: int, lasts: timedelta, over: timedelta) -> timedelta:
    """How long after the opening a customer's moment is."""
    asked = {"opens_at": NOW, "customer_id": id, "ends_at": NOW + lasts}
    with reading(engine) as connection:
        at = connection.scalar(ASKED, {**asked, "over_us": over // MICROSECOND})
    assert isinstance(at, datetime)
    return at - NOW


@given(
    id=st.integers(1, 2**40),
    lasts=st.timedeltas(timedelta(0), timedelta(days=60)),
    over=st.timedeltas(timedelta(0), 2 * HOUR),
)
def test_everyone_has_a_moment_in_the_first_while_and_before_it_expires(
    engine: Engine, id: int, lasts: timedelta, over: timedelta
) -> None:
    after = own(engine, id, lasts, over)
    room = min(over, lasts // 2)
    assert timedelta(0) <= after <= room
    assert after == (id * 40_503 % 65_536) * (room // MICROSECOND) // 65_536 * MICROSECOND


def test_neighbours_leave_evenly_over_the_while(engine: Engine) -> None:
    moments = [own(engine, id, DAY, 10 * MINUTE) for id in range(5_000, 5_500)]
    each = Counter(moment // MINUTE for moment in moments)
    assert sorted(each) == list(range(10))
    assert max(each.values()) - min(each.values()) <= 3


def held(folder: Path, people: int, **shop: object) -> Small:
    """Everyone asked at midnight, and is planned for the morning."""
    small = Small(folder, {"a": {}, "b": {}}, shop={**QUIET, **shop})
    for n in range(people):
        who = f"c{n}"
        small.add(customer(who), consent(who), event(who, "Signed Up", NIGHT))
    small.tick(NIGHT)
    return small


@pytest.mark.usefixtures("databases")
def test_the_night_leaves_over_ten_minutes(tmp_path: Path) -> None:
    shop = held(tmp_path, 20)
    assert {row["counts_at"] for row in shop.rows(messages)} == {OPENS}, "caps are as they were"
    assert all(OPENS <= row["send_after"] < OPENS + 10 * MINUTE for row in shop.rows(messages))
    shop.run(OPENS, OPENS + 10 * MINUTE, MINUTE)
    each = Counter((record.at - OPENS) // MINUTE for record in shop.sent())
    assert sum(each.values()) == 40
    assert len(each) == 10
    assert max(each.values()) <= 8


@pytest.mark.usefixtures("databases")
def test_what_one_customer_waits_for_keeps_its_order(tmp_path: Path) -> None:
    shop = held(tmp_path, 5)
    moments: dict[int, set[datetime]] = {}
    for row in shop.rows(messages):
        moments.setdefault(row["customer_id"], set()).add(row["send_after"])
    assert len(moments) == 5
    assert all(len(times) == 1 for times in moments.values())


@pytest.mark.usefixtures("databases")
def test_a_shop_may_want_it_shorter(tmp_path: Path) -> None:
    shop = held(tmp_path, 5, spread="1s")
    shop.tick(OPENS + timedelta(seconds=1))
    assert len(shop.sent()) == 10


@pytest.mark.usefixtures("databases")
def test_what_waits_for_nothing_is_not_spread(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}}, shop=QUIET)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    assert len(shop.sent()) == 1


@pytest.mark.usefixtures("databases")
def test_what_the_last_check_puts_off_is_spread_as_well(tmp_path: Path) -> None:
    shop = held(tmp_path, 5)
    planned = {row["id"]: row["send_after"] for row in shop.rows(messages)}
    shop.execute(update(messages).values(send_after=NIGHT))  # as if it had been day
    shop.tick(NIGHT)
    assert {(row["state"], row["reason"]) for row in shop.rows(messages)} == {
        ("deferred", "quiet_hours")
    }
    assert {row["id"]: row["send_after"] for row in shop.rows(messages)} == planned
    assert {row["counts_at"] for row in shop.rows(messages)} == {OPENS}


@pytest.mark.usefixtures("databases")
def test_nobody_is_put_off_beyond_the_closing(tmp_path: Path) -> None:
    shop = held(tmp_path, 20, quiet_hours="09:20-09:00", spread="2h")
    assert all(OPENS <= row["send_after"] < OPENS + 10 * MINUTE for row in shop.rows(messages))
    shop.execute(update(messages).values(send_after=NIGHT))  # so that the last check puts them off
    shop.tick(NIGHT)
    assert all(OPENS <= row["send_after"] < OPENS + 10 * MINUTE for row in shop.rows(messages))
    shop.run(OPENS, OPENS + 10 * MINUTE, MINUTE)
    assert len(shop.sent()) == 40
