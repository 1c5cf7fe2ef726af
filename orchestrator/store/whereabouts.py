"""Where a database lives: noted in it, so that a copy of it elsewhere can be told from it."""

from datetime import datetime

from sqlalchemy import Connection, select, text

from orchestrator.store import controls
from orchestrator.store.deployment import Deployment
from orchestrator.store.dialect import insert_ignore, upsert
from orchestrator.tables import deployment

_NAME = "whereabouts"
MOVED = (
    "this database was copied or restored from another place. See to it that only one of them "
    "sends, then: `tactful deployment adopt`, and `tactful resume everything`"
)


def noted(connection: Connection) -> str | None:
    """Where this database was when it was put to work; None where it never was."""
    return connection.scalar(select(deployment.c.value).where(deployment.c.name == _NAME))


def watch(connection: Connection, here: str, now: datetime) -> bool:
    """Note where a new database is. One that has been elsewhere is paused: False."""
    row = {"name": _NAME, "value": here, "secret": False}
    connection.execute(insert_ignore(connection, deployment), row)
    if noted(connection) == here:
        return True
    controls.pause(connection, *controls.EVERYTHING, MOVED, now)
    return False


def adopt(connection: Connection, here: str) -> None:
    """From now on this database belongs here."""
    row = {"name": _NAME, "value": here, "secret": False}
    connection.execute(upsert(connection, deployment, ["name"], ["value"]), row)


def become_another(connection: Connection, new: Deployment) -> None:
    """Under another id, and with another secret: the one that it was copied from goes on."""
    rows = [
        {"name": "id", "value": new.id, "secret": False},
        {"name": "secret", "value": new.secret, "secret": True},
    ]
    connection.execute(upsert(connection, deployment, ["name"], ["value"]), rows)


def of_server(connection: Connection) -> str:
    """What a PostgreSQL database shares with none that was made from its dump.

    The cluster's own number, where this role may read it, and the database's within it.
    """
    may = text("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
    number = text("SELECT oid FROM pg_database WHERE datname = current_database()")
    oid = connection.execute(number).scalar_one()
    if not connection.execute(may).scalar_one():
        return f"postgresql {oid}"
    cluster = connection.execute(text("SELECT system_identifier FROM pg_control_system()"))
    return f"postgresql {cluster.scalar_one()} {oid}"
