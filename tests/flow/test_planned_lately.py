"""What `max_audience` goes by is counted without reading past all that were skipped."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen

from orchestrator.store.database import writing
from orchestrator.store.decided import planned_lately
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")


def test_it_has_an_index_of_its_own(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    on_sqlite = shop.engine.dialect.name == "sqlite"
    plan: list[str] = []

    def plan_of(connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if "planned_at >" in sql and "EXPLAIN" not in sql:
            asked = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
            plan.extend(map(str, connection.exec_driver_sql(asked + sql, parameters)))

    with writing(shop.engine) as connection:
        if not on_sqlite:  # so small a table would be read as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        listen(shop.engine, "before_cursor_execute", plan_of)
        assert planned_lately(connection, "hello", NOW) == 0
    assert any("messages_planned_idx" in line for line in plan), plan
