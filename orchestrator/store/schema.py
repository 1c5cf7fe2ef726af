"""The schema of a database: which revision it is at, and bringing it to the newest one.

Old code works on a schema that is one release newer, for revisions only expand it (see
docs/migrations.md); so workers may run all the while. Any number of processes may migrate at once:
one does it, and the others wait their turn and find it done.
"""

import io
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from orchestrator.model.errors import Broken
from orchestrator.store.database import reading
from orchestrator.store.migrations import make_config, revisions
from orchestrator.tables import metadata

TURN = int.from_bytes(b"tactful")
"""The advisory lock of whoever migrates, on PostgreSQL."""

_LOCKED = {"55P03", "40P01"}  # lock_not_available, deadlock_detected

NOTED_IN = "alembic_version"
"""The table in which a database notes its revision."""

# As Alembic makes it. It takes half a second to import, and a new database does not need it.
_version = Table(
    NOTED_IN,
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)


class State(StrEnum):
    """What a database is to this code."""

    up_to_date = "up to date"
    missing = "missing"  # nothing of ours is there yet
    behind = "behind"  # an older Tactful made it
    ahead = "ahead"  # a newer one did; this one may work on it, but does not migrate it
    unknown = "unknown"  # tables that no revision of ours left like that


@dataclass(frozen=True, slots=True)
class Schema:
    """`revision`: where the database is, None before the first; `head`: where this code is."""

    state: State
    revision: str | None
    head: str

    def __str__(self) -> str:
        """For people."""
        match self.state:
            case State.missing:
                return "tables are missing"
            case State.behind:
                return f"the schema is at revision {self.revision}, and {self.head} is needed"
            case State.ahead:
                return (
                    f"the schema is at revision {self.revision}, which a newer Tactful made; "
                    f"this one knows {self.head}"
                )
            case State.unknown:
                if self.revision is None:
                    return "there are tables, but no revision is noted: no release made them"
                return f"revision {self.revision} is noted, but some of its tables are missing"
        return f"the schema is at revision {self.revision}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration stands in the way of others, and waits for them.

    Whoever waits for a table makes all wait who come later. So a wait is short, and then the
    others get on with their work for a while before the next try.
    """

    table_wait_s: float = 2
    pause_s: float = 3
    tries: int = 5
    turn_wait_s: float = 300


def schema_state(engine: Engine) -> Schema:
    """What the database is to this code."""
    with reading(engine) as connection:
        return _look(connection)


def create_schema(engine: Engine, patience: Patience = Patience()) -> Schema:
    """Bring the database to the newest revision, or make it; how it was before.

    Raises Broken for one that is ahead or unknown, and where others do not let go of a table.
    """
    found = schema_state(engine)
    if found.state is State.up_to_date:
        if engine.dialect.name == "sqlite":
            _mend_indexes(engine)
        return found

    def work(connection: Connection) -> Schema:
        found = _look(connection)  # another process may have been faster
        if engine.dialect.name != "sqlite":
            connection.rollback()  # each revision begins its own transaction
        match found.state:
            case State.missing:
                _make(connection, found.head)
            case State.behind:
                _upgrade(connection)
            case State.ahead | State.unknown:
                raise Broken(str(found))
        return found

    alone = _alone_on_sqlite if engine.dialect.name == "sqlite" else _alone_on_postgresql
    return alone(engine, work, patience)


def schema_sql(dialect: str, since: str | None = None) -> str:
    """The SQL of every revision after `since`, without a database. Raises KeyError for an unknown
    revision."""
    from alembic import command

    if since is not None and since not in revisions():
        raise KeyError(since)
    written = io.StringIO()
    config = make_config(output=written, dialect=dialect)
    command.upgrade(config, f"{since or 'base'}:head", sql=True)
    return written.getvalue()


def _look(connection: Connection) -> Schema:
    known = revisions()
    head = known[-1]
    names = set(inspect(connection).get_table_names())
    revision = connection.scalar(select(_version)) if NOTED_IN in names else None
    ours = names & set(metadata.tables)
    if revision is None:
        state = State.unknown if ours else State.missing
    elif revision not in known:
        state = State.ahead
    elif revision != head:
        state = State.behind
    else:
        state = State.up_to_date if len(ours) == len(metadata.tables) else State.unknown
    return Schema(state, revision, head)


def _make(connection: Connection, head: str) -> None:
    """The tables at once, which is the same as all revisions one after the other, and faster."""
    metadata.create_all(connection)
    _version.create(connection, checkfirst=True)
    connection.execute(insert(_version), {"version_num": head})


def _upgrade(connection: Connection) -> None:
    from alembic import command

    command.upgrade(make_config(connection=connection), "head")


def _mend_indexes(engine: Engine) -> None:
    """A first import that was cut off may have left some out (see `filling`)."""
    wanted = {
        str(index.name): index for table in metadata.tables.values() for index in table.indexes
    }
    with engine.connect().execution_options(read_only=True) as connection:
        there = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'index'"))
        lost = [wanted[name] for name in sorted(set(wanted) - set(there))]
    for index in lost:
        index.create(engine, checkfirst=True)


def _alone_on_sqlite(
    engine: Engine, work: Callable[[Connection], Schema], _patience: Patience
) -> Schema:
    """In one transaction, which holds the lock of writers from its beginning.

    Changing a table means copying it and dropping the old one, there. So the keys between tables
    are looked at once, at the end.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
        try:
            with connection.begin():
                found = work(connection)
                if found.state is State.behind:
                    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
                    assert broken is None, f"the revision breaks a key: {broken}"
            return found
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise Broken("another process is writing to the database; try again") from error
            raise
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def _alone_on_postgresql(
    engine: Engine, work: Callable[[Connection], Schema], patience: Patience
) -> Schema:
    """Under an advisory lock, in a session that ends with it."""
    with engine.connect() as connection:
        _take_turn(connection, patience)

        @event.listens_for(connection, "begin")
        def _wait_briefly(begun: Connection) -> None:
            # Has no effect outside of a transaction, as it should: building an index waits for all
            # others without standing in their way.
            wait_ms = round(patience.table_wait_s * 1000)
            begun.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")

        try:
            return _try_often(connection, work, patience)
        finally:
            connection.invalidate()


def _try_often(
    connection: Connection, work: Callable[[Connection], Schema], patience: Patience
) -> Schema:
    """What an earlier try has committed is not done again: `work` looks each time."""
    for number in range(patience.tries):
        if number:
            time.sleep(patience.pause_s)
        try:
            found = work(connection)
            connection.commit()
            return found
        except OperationalError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) not in _LOCKED:
                raise
    raise Broken(
        "a table is in use by a transaction that does not end, so the schema could not be changed; "
        "what was done is kept. See who holds it in pg_stat_activity, then migrate again"
    )


def _take_turn(connection: Connection, patience: Patience) -> None:
    """Ask again and again instead of waiting in a statement: whoever builds an index would wait
    for that statement, and it for them."""
    pause_s = min(0.5, patience.turn_wait_s)
    for _ in range(round(patience.turn_wait_s / pause_s) + 1):
        taken = connection.scalar(select(func.pg_try_advisory_lock(TURN)))
        connection.commit()
        if taken:
            return
        time.sleep(pause_s)
    raise Broken(f"another process has been migrating for {patience.turn_wait_s:.0f} s; try again")
