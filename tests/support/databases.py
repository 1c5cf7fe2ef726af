"""Which kind of database a test gets when it names none."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema


@cache
def _template() -> sqlite3.Connection:
    """Every table, and nothing in them; SQLite's own idea of a copy is the fastest."""
    made = sqlite3.connect(":memory:", check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: made, poolclass=StaticPool)
    create_schema(engine)
    return made


def make_tables(engine: Engine) -> None:
    """`create_schema`; an empty SQLite database gets a copy of what that has made before."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if driver.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                _template().backup(driver)
                return
    create_schema(engine)


class Databases:
    """Opens empty databases with every table; `fresh` gives the URL of a new one."""

    def __init__(self, fresh: Callable[[], str]) -> None:
        self._fresh = fresh
        self._opened: list[Engine] = []

    def open(self) -> Engine:
        """A new one."""
        engine = open_database(self._fresh())
        self._opened.append(engine)
        if engine.dialect.name == "sqlite":  # a clone of the template has them already
            make_tables(engine)
        return engine

    def close(self) -> None:
        """Let go of all that were opened."""
        for engine in self._opened:
            engine.dispose()


_current: list[Databases] = [Databases(lambda: ":memory:")]


def empty_database() -> Engine:
    """A new database: SQLite in memory, unless the test asks for another kind (`databases`)."""
    return _current[-1].open()


def seeded(seeds: Iterable[int]) -> pytest.MarkDecorator:
    """`seed`, and `databases`: all seeds on SQLite, and the first of them on PostgreSQL.

    What differs between the two differs for any seed; more of them only look for other mistakes.
    """
    first, *others = seeds
    pairs = [("sqlite", first), ("postgresql", first), *(("sqlite", seed) for seed in others)]
    return pytest.mark.parametrize(("databases", "seed"), pairs, indirect=["databases"])


@contextmanager
def using(databases: Databases) -> Iterator[Databases]:
    """Open databases of this kind meanwhile."""
    _current.append(databases)
    try:
        yield databases
    finally:
        _current.remove(databases)
        databases.close()
