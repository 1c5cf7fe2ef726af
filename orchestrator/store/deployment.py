"""What makes this database this deployment: its id, its secret, and when it last did what."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from orchestrator.store.dialect import insert_ignore, upsert
from orchestrator.tables import deployment


@dataclass(frozen=True, slots=True)
class Deployment:
    """`id` names this deployment at providers; `secret` signs the links in its messages."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Deployment(id={self.id!r})"


def this_deployment(connection: Connection, otherwise: Deployment) -> Deployment:
    """The deployment that this database was set up for; `otherwise` is what a new one becomes."""
    rows = [
        {"name": "id", "value": otherwise.id, "secret": False},
        {"name": "secret", "value": otherwise.secret, "secret": True},
    ]
    connection.execute(insert_ignore(connection, deployment), rows)
    found = stored_deployment(connection)
    assert found is not None  # both rows are there, whoever wrote them
    return found


def stored_deployment(connection: Connection) -> Deployment | None:
    """The deployment that this database was set up for; None where nobody has set it up yet."""
    rows = connection.execute(select(deployment.c.name, deployment.c.value))
    found = {row.name: row.value for row in rows}
    return Deployment(found["id"], found["secret"]) if {"id", "secret"} <= found.keys() else None


_NOTED = select(deployment.c.value).where(deployment.c.name == bindparam("of_name"))


def moment(connection: Connection, name: str) -> datetime | None:
    """When something was last done, if it was noted."""
    found = connection.scalar(_NOTED, {"of_name": name})
    return None if found is None else datetime.fromisoformat(found)


def note_moment(connection: Connection, name: str, at: datetime) -> None:
    """Note when something was last done."""
    row = {"name": name, "value": at.isoformat(), "secret": False}
    connection.execute(upsert(connection, deployment, ["name"], ["value"]), row)


def forget_moments(connection: Connection, names: Iterable[str]) -> None:
    """As if these had never been done."""
    connection.execute(delete(deployment).where(deployment.c.name.in_(list(names))))
