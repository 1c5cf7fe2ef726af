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
            if on_sqlite:
                told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
            else:  # as for a process that has asked often: for whatever the parameters may be
                told = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {sql}")
            plans[sql] = [str(row) for row in told]

    with writing(engine) as connection:
        if not on_sqlite:  # so small a table would be read as a whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        listen(engine, "before_cursor_execute", plan_of)
        try:
            yield connection, plans
        finally:
            remove(engine, "before_cursor_execute", plan_of)
