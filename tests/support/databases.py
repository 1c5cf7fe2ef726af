"""Which kind of database a test gets when it names none."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema


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
            create_schema(engine)
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
