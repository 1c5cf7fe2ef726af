"""A claim reads what it takes, however much waits for the same moment or cannot leave now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text, update

from orchestrator.store import controls
from orchestrator.store.claims import Claimed, claim
from orchestrator.store.database import writing
from orchestrator.store.dialect import json_text
from orchestrator.store.leases import tidy
from orchestrator.store.waiting import due_by_channel
from orchestrator.tables import canaries, canary_messages, messages
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small, consent, customer
from tests.support.shop import event as happened

pytestmark = pytest.mark.usefixtures("databases")
on_postgresql = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)

MANY, FEW = 20_000, 3
READ_FOR_FEW = 100
"""Rows that may be looked at for a few messages, and for each of a batch."""
READ_FOR_EACH = 4
CAMPAIGNS = {"big": {"priority": 80}, "small": {"priority": 20}}
PLUGINS = {"email": ["outbox"]}


def take(connection: Connection, most: int = 500) -> list[Claimed]:
    until = NOW + timedelta(minutes=2)
    return claim(connection, "email", NOW, batch_size=most, token="t", lease_until=until)


def shop_of(folder: Path, state: str = "planned") -> Small:
    """`big` has a message to each of very many, and `small` to a few."""
    shop = Small(folder, CAMPAIGNS)
    shop.add(customer("ann"), consent("ann"), happened("ann", "Signed Up", NOW))
    shop.plan()
    names = [column.name for column in messages.columns if column.name != "id"]
    for campaign, number in (("big", MANY - 1), ("small", FEW - 1)):
        copied = ", ".join("n" if name == "occasion" else name for name in names)
        shop.execute(
            text(
                f"WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many "
                f"WHERE n < {number}) INSERT INTO messages ({', '.join(names)}) SELECT "
                f"{copied.replace(', n,', ', CAST(n AS text),')} FROM messages, many "
                f"WHERE campaign = '{campaign}'"
            )
        )
    shop.execute(update(messages).values(state=state))
    shop.execute(text("ANALYZE messages"))
    return shop


@contextmanager
def reads_at_most(connection: Connection, rows: int) -> Iterator[None]:
    """What PostgreSQL counts of this transaction so far."""
    asked = text(
        "SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables "
        "WHERE relname = 'messages'"
    )
    before = connection.execute(asked).scalar() or 0
    yield
    read = (connection.execute(asked).scalar() or 0) - before
    assert read <= rows


def is_paused(shop: Small) -> None:
    with writing(shop.engine) as connection:
        controls.pause(connection, "campaign", "big", "wrong", NOW)


def waits_for_the_first(shop: Small) -> None:
    held = {"version": version_of(shop), "step": 0, "campaign": "big", "state": "out"}
    shop.execute(insert(canaries).values(**held, most=5, watch_s=60))


def waits_for_the_morning(shop: Small) -> None:
    later = {"send_after": NOW + timedelta(hours=9), "expires_at": NOW + timedelta(days=2)}
    shop.execute(update(messages).where(messages.c.campaign == "big").values(later))


def version_of(shop: Small, campaign: str = "big") -> str:
    return next(one.digest for one in shop.tactful.planner.versions if one.name == campaign)


def test_the_next_ones_are_found_in_order_and_nothing_is_sorted(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    with plans_of(shop.engine, "claims < 2") as (connection, plans):
        assert {one.priority for one in take(connection)} == {80}
    (plan,) = plans.values()
    assert any("messages_waiting_idx" in line for line in plan), plan
    assert not any("Sort" in line or "B-TREE" in line for line in plan), plan


@on_postgresql
@pytest.mark.parametrize("waited", [0, 300])
def test_a_server_that_last_looked_when_little_waited_reads_no_more(
    tmp_path: Path, waited: int
) -> None:
    """What it knows of a table is some minutes old, and a campaign plans a million in one."""
    shop = shop_of(tmp_path, "accepted")
    some = messages.c.occasion.in_([str(n) for n in range(waited)])
    shop.execute(update(messages).where(some).values(state="planned"))
    shop.execute(text("ANALYZE messages"))
    shop.execute(update(messages).values(state="planned"))
    with writing(shop.engine) as connection:
        with reads_at_most(connection, READ_FOR_FEW):
            assert due_by_channel(connection, PLUGINS, NOW, most=1) == {"email": 1}
            assert tidy(connection, NOW) == 0
        with reads_at_most(connection, READ_FOR_EACH * 500):
            assert len(take(connection)) == 500


@on_postgresql
@pytest.mark.parametrize("why", [is_paused, waits_for_the_first, waits_for_the_morning])
def test_what_cannot_leave_now_is_not_looked_through(
    tmp_path: Path, why: Callable[[Small], None]
) -> None:
    shop = shop_of(tmp_path)
    why(shop)
    with writing(shop.engine) as connection, reads_at_most(connection, READ_FOR_FEW):
        due = due_by_channel(connection, PLUGINS, NOW, most=10)
        assert json_text(due) == '{"email":3}', "it goes out as JSON"
        assert [one.priority for one in take(connection)] == [20] * FEW
        assert take(connection) == []


@on_postgresql
def test_those_that_go_first_are_found_among_all_that_wait_for_them(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    waits_for_the_first(shop)
    version = version_of(shop)
    chosen = [row["id"] for row in shop.rows(messages) if row["version"] == version][-5:]
    rows = [{"message_id": id, "version": version, "step": 0} for id in chosen]
    shop.execute(insert(canary_messages), rows)
    with writing(shop.engine) as connection, reads_at_most(connection, READ_FOR_FEW):
        assert due_by_channel(connection, PLUGINS, NOW, most=10) == {"email": FEW + 5}
        assert [one.id for one in take(connection)][:5] == chosen


def test_a_batch_is_filled_from_one_send_after_another(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    with writing(shop.engine) as connection:
        taken = take(connection, MANY - 100)
        assert {one.priority for one in taken} == {80}
        assert [one.priority for one in take(connection)] == [80] * 100 + [20] * FEW


def test_where_nothing_is_due_nothing_is_claimed(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    said: list[str] = []

    def hear(*words: Any) -> None:
        said.append(words[2])

    event.listen(shop.engine, "before_cursor_execute", hear)
    shop.dispatch(NOW)
    assert not any(one.startswith("WITH due") for one in said)
    assert any("UNION ALL" in one for one in said)
