"""A copy of the database as if the ledger had never been: the ground for a simulation."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from orchestrator.model.errors import WrongUse
from orchestrator.tables import (
    attempts,
    campaigns,
    canaries,
    canary_messages,
    consent_log,
    consents,
    contents,
    controls,
    customers,
    habits,
    journeys,
    memberships,
    message_log,
    messages,
    pairs,
    passes,
)

_LEDGER = (
    canary_messages,
    message_log,
    attempts,
    contents,
    messages,
    journeys,
    memberships,
    passes,
    canaries,
    campaigns,
)
_LEARNED = (habits, pairs)


def copy_to(engine: Engine, path: Path) -> None:
    """Copy a SQLite database, as it is at this moment, into a new file."""
    if engine.dialect.name != "sqlite":
        raise WrongUse("a simulation copies a SQLite database; import the history into one first")
    with engine.connect() as connection:
        source: Any = connection.connection.dbapi_connection
        target = sqlite3.connect(path)
        try:
            source.backup(target)
        finally:
            target.close()


def forget_ledger(connection: Connection) -> None:
    """Take out everything that the engine did or learned, and what was stopped."""
    for table in (*_LEDGER, *_LEARNED, controls):
        connection.execute(delete(table))


def take_out_consents(connection: Connection) -> list[dict[str, Any]]:
    """All statements of consent, by time, as records; they are gone from the database then."""
    statement = (
        select(consent_log, customers.c.key.label("customer"))
        .join(customers, customers.c.id == consent_log.c.customer_id)
        .order_by(consent_log.c.at, consent_log.c.id)
    )
    found = [dict(row) for row in connection.execute(statement).mappings()]
    connection.execute(delete(consent_log))
    connection.execute(delete(consents))
    return list(_records(found))


def _records(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        del row["id"], row["customer_id"]
        for name in ("at", "until"):
            value = row[name]
            row[name] = value.isoformat() if isinstance(value, datetime) else None
        yield row
