"""Looking for what was left behind reads what is in somebody's hands, and not the whole ledger."""

from pathlib import Path

import pytest

from orchestrator.store import lost
from orchestrator.store.leases import tidy
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")


def test_what_was_left_behind_is_found_by_an_index(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    with plans_of(shop.engine, "lease_until <=") as (connection, plans):
        tidy(connection, NOW)
        lost.due(connection, NOW, limit=5)
    assert len(plans) == 4
    for sql, plan in plans.items():
        assert any("messages_in_hand_idx" in line for line in plan), (sql, plan)


def test_what_has_expired_is_found_by_an_index(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    with plans_of(shop.engine, "expires_at <=") as (connection, plans):
        tidy(connection, NOW)
    (plan,) = plans.values()
    assert any("messages_expiry_idx" in line for line in plan), plan
