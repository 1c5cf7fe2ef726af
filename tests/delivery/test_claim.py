"""A claim reads what it takes, however much waits for the same moment."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

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


def test_where_nothing_is_due_nothing_is_claimed(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    said: list[str] = []

    def hear(*words: Any) -> None:
        said.append(words[2])

    event.listen(shop.engine, "before_cursor_execute", hear)
    shop.dispatch(NOW)
    assert not any(one.startswith("WITH due") for one in said)
    assert any("UNION ALL" in one for one in said)
