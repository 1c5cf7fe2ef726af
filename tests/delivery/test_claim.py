"""A claim reads what it takes, however much waits for the same moment."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from orchestrator.store.claims import claim
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")


def test_the_next_ones_are_found_in_order_and_nothing_is_sorted(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    with plans_of(shop.engine, "claims < 2") as (connection, plans):
        until = NOW + timedelta(minutes=2)
        claim(connection, "email", NOW, batch_size=5, token="t", lease_until=until)
    (plan,) = plans.values()
    assert any("messages_waiting_idx" in line for line in plan), plan
    assert not any("Sort" in line or "B-TREE" in line for line in plan), plan


SENT = """
INSERT INTO messages (campaign, version, customer_id, occasion, step, channel, state, marketing,
    topic, priority, due_at, planned_at, send_after, expires_at, counts_at)
SELECT campaign, version, customer_id, n::text, step, channel, 'accepted', marketing,
    topic, priority, due_at, planned_at, send_after, expires_at, counts_at
FROM (SELECT * FROM messages LIMIT 1) AS one, generate_series(1, 20000) AS n;
DELETE FROM messages WHERE state <> 'accepted';
ANALYZE messages
"""


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.parametrize("waiting", [0, 300])
def test_a_server_that_last_looked_when_little_waited_sorts_nothing_either(
    tmp_path: Path, waiting: int
) -> None:
    """What it knows of a table is some minutes old, and a campaign plans a million in one."""
    shop = Small(tmp_path, {"hello": {}})
    shop.plan(NOW)
    for one in SENT.split(";"):
        shop.execute(text(one))
    shop.execute(text(f"UPDATE messages SET state = 'planned' WHERE occasion::int <= {waiting}"))
    shop.execute(text("ANALYZE messages"))
    with plans_of(shop.engine, "claims < 2") as (connection, plans):
        connection.execute(text("SET LOCAL enable_seqscan = on"))
        until = NOW + timedelta(minutes=2)
        claim(connection, "email", NOW, batch_size=500, token="t", lease_until=until)
    (plan,) = plans.values()
    assert any("Index Scan using messages_waiting_idx" in line for line in plan), plan
    assert not any("Sort" in line for line in plan), plan


def test_where_nothing_is_due_nothing_is_claimed(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    said: list[str] = []

    def hear(*words: Any) -> None:
        said.append(words[2])

    event.listen(shop.engine, "before_cursor_execute", hear)
    shop.dispatch(NOW)
    assert not any(one.startswith("WITH due") for one in said)
    assert any("UNION ALL" in one for one in said)
