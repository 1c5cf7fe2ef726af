"""How the database goes about a statement: by which index, or by reading the whole table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.event import listen, remove

from orchestrator.store.database import writing


@contextmanager
def plans_of(engine: Engine, containing: str) -> Iterator[tuple[Connection, dict[str, list[str]]]]:
    """A transaction, and the plans of its statements that contain these words, by their SQL."""
    on_sqlite = engine.dialect.name == "sqlite"
    plans: dict[str, list[str]] = {}

    def plan_of(connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if containing in sql and "EXPLAIN" not in sql:
            asked = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
            plans[sql] = [str(row) for row in connection.exec_driver_sql(asked + sql, parameters)]

    with writing(engine) as connection:
        if not on_sqlite:  # so small a table would be read as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        listen(engine, "before_cursor_execute", plan_of)
        try:
            yield connection, plans
        finally:
            remove(engine, "before_cursor_execute", plan_of)
