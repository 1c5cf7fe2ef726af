"""The kill switch: a row means stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.exc import OperationalError

from orchestrator.model.errors import Broken
from orchestrator.store.database import writing
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import accounts, controls, versions

EVERYTHING = ("everything", "*")
_HOLD = text("LOCK TABLE controls IN SHARE MODE")
STILL_MAX_MS = 5_000
"""A process that holds, and then stands still, is cut off after this: nothing of it has left."""

SWITCH_WAIT_MAX_MS = 15_000
"""So long a person's command waits for its turn: whoever sends lets go before."""

_LOCK_NOT_AVAILABLE = "55P03"

SCOPES = ("everything", "channel", "provider", "campaign")


@dataclass(frozen=True, slots=True)
class Pause:
    """One thing that is stopped, since when and why."""

    scope: str
    name: str
    reason: str
    at: datetime

    def stops_campaign(self, name: str) -> bool:
        """Whether it stops this campaign as a whole."""
        return (self.scope, self.name) in (EVERYTHING, ("campaign", name))


@contextmanager
def switching(engine: Engine, wait_max_ms: int = SWITCH_WAIT_MAX_MS) -> Iterator[Connection]:
    """A transaction that stops something, or lets it go on, for a person who waits for the answer.

    Raises Broken where somebody's open transaction is in the way: then nothing was changed.
    """
    try:
        with writing(engine) as connection:
            give_up_after(connection, wait_max_ms)
            yield connection
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise Broken(
            "nothing was changed: somebody's transaction has changed the controls and does not "
            "end. Commit it, or see whose it is in pg_stat_activity, then ask again"
        ) from error


def pause(connection: Connection, scope: str, name: str, reason: str, now: datetime) -> bool:
    """Stop it; False when it was stopped already."""
    statement = insert_ignore(connection, controls)
    row = {"scope": scope, "name": name, "reason": reason, "at": now}
    return connection.execute(statement, row).rowcount > 0


def resume(connection: Connection, scope: str, name: str) -> bool:
    """Let it go on; False when it was not stopped."""
    statement = delete(controls).where(controls.c.scope == scope, controls.c.name == name)
    return connection.execute(statement).rowcount > 0


def is_paused(connection: Connection, scope: str, name: str) -> bool:
    """Whether just this is stopped."""
    mine = select(controls.c.name).where(controls.c.scope == scope, controls.c.name == name)
    return connection.execute(mine).first() is not None


def was_at_work(connection: Connection, scope: str, name: str) -> bool:
    """Whether a campaign of this name was ever put to work, or a channel or provider was used."""
    if scope == "campaign":
        mine = select(versions.c.name).where(versions.c.name == name).limit(1)
        return connection.execute(mine).first() is not None
    column = accounts.c.channel if scope == "channel" else accounts.c.plugin
    return connection.execute(select(column).where(column == name)).first() is not None


def hold(connection: Connection) -> None:
    """Until this transaction ends, nobody can pause or resume: for who is about to send.

    Any number may hold at once, and whoever waits to pause goes before those who come later. Also
    a pause that is written in plain SQL waits: for the transaction, and no longer than
    `STILL_MAX_MS` for a process that sleeps in it. SQLite's write transaction holds everything
    already.
    """
    if connection.dialect.name == "postgresql":
        keep_moving(connection)
        connection.execute(_HOLD)


def give_up_after(connection: Connection, wait_max_ms: int) -> None:
    """A statement of this transaction that waits for somebody else's lock for so long fails with
    OperationalError. SQLite's write transaction waits as it begins."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(wait_max_ms)}")


def keep_moving(connection: Connection, still_max_ms: int = STILL_MAX_MS) -> None:
    """A process that stands still in this transaction for so long is cut off from it: so nobody
    waits for longer for what it has locked. Nothing of the transaction is committed then.
    """
    if connection.dialect.name == "postgresql":
        still = f"SET LOCAL idle_in_transaction_session_timeout = {int(still_max_ms)}"
        connection.exec_driver_sql(still)


def pauses(connection: Connection) -> list[Pause]:
    """All that is stopped."""
    found = connection.execute(select(controls).order_by(controls.c.scope, controls.c.name))
    return [Pause(row.scope, row.name, row.reason, row.at) for row in found]
