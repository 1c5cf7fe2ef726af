"""Events and the products that they carry, written many at a time."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, String, select

from orchestrator.store.dialect import StoredRow, insert_stored, json_text
from orchestrator.tables import event_products, events
from orchestrator.tables.json import rows

_KEYS = rows("wanted", {"key": String()})
_KNOWN = select(events.c.key).where(events.c.key.in_(select(_KEYS.c.key)))
_IDS = select(events.c.id).where(events.c.key.in_(select(_KEYS.c.key)))


class EventRow(NamedTuple):
    """A stored event, in the order of its columns."""

    id: int
    key: str
    customer_id: int
    name: str
    at: int
    properties: str


class LineRow(NamedTuple):
    """The order of a stored line's columns."""

    event_id: int
    line: int
    customer_id: int
    product_id: int
    name: str
    at: int
    quantity: int
    amount: int | None


def known_events(connection: Connection, keys: Collection[str]) -> set[str]:
    """Which of these events were here before."""
    wanted = json_text([[key] for key in keys])
    return set(connection.execute(_KNOWN, {"wanted": wanted}).scalars().all())


def insert_events(
    connection: Connection, happened: Sequence[EventRow], lines: Sequence[StoredRow]
) -> set[int]:
    """Insert events with their lines (as LineRow); the ids of those that are in.

    On PostgreSQL another writer may have brought the same event since `known_events`: the key
    decides, and the lines follow it.
    """
    insert_stored(connection, events, EventRow._fields, happened, ignore=True)
    ids = {row.id for row in happened}
    if connection.dialect.name != "sqlite":
        wanted = json_text([[row.key] for row in happened])
        ids &= set(connection.execute(_IDS, {"wanted": wanted}).scalars().all())
        lines = [line for line in lines if line[0] in ids]
    insert_stored(connection, event_products, LineRow._fields, lines)
    return ids
