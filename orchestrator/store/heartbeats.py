"""Who is at work, by their own word: written as work gets on, so that who is stuck goes silent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from orchestrator.store.dialect import upsert
from orchestrator.tables import heartbeats


@dataclass(frozen=True, slots=True)
class Beat:
    """What one worker says of itself.

    `worker`: its name, the same after a restart. `again_by`: when it means to have got on again;
    silent beyond that, it is stuck or dead. `done`: what → how many, since it started.
    """

    worker: str
    kind: str
    host: str
    pid: int
    started_at: datetime
    progress_at: datetime
    again_by: datetime
    doing: str
    done: Mapping[str, int]

    def is_silent(self, now: datetime) -> bool:
        """Whether it has not got on for longer than it meant to."""
        return self.again_by < now


_NAMES = tuple(Beat.__dataclass_fields__)
_COLUMNS = [heartbeats.c[name] for name in _NAMES]


def beat(connection: Connection, said: Beat) -> None:
    """One statement, for a transaction that the worker has anyway."""
    statement = upsert(connection, heartbeats, ["worker"], _NAMES[1:])
    connection.execute(statement, {**asdict(said), "done": dict(said.done)})


def everyone(connection: Connection) -> list[Beat]:
    """All workers, also those that went silent."""
    found = connection.execute(select(*_COLUMNS).order_by(heartbeats.c.worker))
    return [Beat(*row) for row in found]


def last_of(connection: Connection, kind: str) -> datetime | None:
    """When any worker of a kind got on last."""
    mine = heartbeats.c.kind == kind
    found = connection.execute(select(func.max(heartbeats.c.progress_at)).where(mine))
    last: datetime | None = found.scalar()
    return last


def silent(connection: Connection, now: datetime) -> list[Beat]:
    """Those that have not got on for longer than they meant to: stuck, or dead."""
    return [one for one in everyone(connection) if one.is_silent(now)]


def leave(connection: Connection, worker: str) -> None:
    """It ends in good order, and is not to be missed."""
    connection.execute(delete(heartbeats).where(heartbeats.c.worker == worker))


def forget(connection: Connection, before: datetime) -> int:
    """Drop those who went silent before an instant, such as machines that are gone; how many."""
    gone = delete(heartbeats).where(heartbeats.c.again_by < before)
    return connection.execute(gone).rowcount
