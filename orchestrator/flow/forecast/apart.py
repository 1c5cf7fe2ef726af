"""Looking ahead where it holds up nobody who writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import Broken
from orchestrator.store.database import open_database
from orchestrator.store.past import copy_to


@contextmanager
def apart(tactful: Tactful) -> Iterator[Tactful]:
    """The engine for a forecast, where that may take its time.

    On SQLite one writes at a time, and a forecast does for as long as it takes: so it gets a copy
    of the database, which lies beside it meanwhile. On PostgreSQL others write on. Raises Broken.
    """
    file = _file_of(tactful.engine)
    if file is None:
        yield tactful
        return
    try:
        folder = TemporaryDirectory(prefix="plan-", dir=file.parent)
    except OSError as error:
        raise _no_copy(error) from error
    with folder as name:
        engine = _copied(tactful.engine, Path(name) / "plan.db")
        try:
            yield _on(engine, tactful)
        finally:
            engine.dispose()


def _file_of(engine: Engine) -> Path | None:
    """The file of a SQLite database that has one."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or name in (None, "", ":memory:"):
        return None
    return Path(str(name))


def _copied(source: Engine, path: Path) -> Engine:
    try:
        copy_to(source, path)
    except sqlite3.Error as error:
        raise _no_copy(error) from error
    return open_database(str(path), durable=False)


def _on(engine: Engine, tactful: Tactful) -> Tactful:
    """The same on another database; what it has built for planning serves there, too."""
    found = copy(tactful)
    found.engine = engine
    return found


def _no_copy(error: Exception) -> Broken:
    return Broken(f"it plans in a copy of the database, which cannot be made: {error}")
