"""Looking for what was left behind reads what is in somebody's hands, and not the whole ledger."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen

from orchestrator.store import lost
from orchestrator.store.database import writing
from orchestrator.store.messages import tidy
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")


def test_what_was_left_behind_is_found_by_an_index(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    on_sqlite = shop.engine.dialect.name == "sqlite"
    plans: dict[str, list[str]] = {}

    def plan_of(connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if "lease_until <=" in sql and "EXPLAIN" not in sql:
            asked = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
            plans[sql] = [str(row) for row in connection.exec_driver_sql(asked + sql, parameters)]

    with writing(shop.engine) as connection:
        if not on_sqlite:  # so small a table would be read as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        listen(shop.engine, "before_cursor_execute", plan_of)
        tidy(connection, NOW)
        lost.due(connection, NOW, limit=5)
    assert len(plans) == 4
    for sql, plan in plans.items():
        assert any("messages_in_hand_idx" in line for line in plan), (sql, plan)
