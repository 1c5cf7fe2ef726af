"""What makes this database this deployment: its id and its secret."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrator.store.dialect import insert_ignore
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
    rows_now = connection.execute(select(deployment.c.name, deployment.c.value))
    found = {row.name: row.value for row in rows_now}
    return Deployment(found["id"], found["secret"])
