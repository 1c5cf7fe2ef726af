"""Consents and events as they are told → as they are stored."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.flow.ingest.catalogue import ensure_products
from orchestrator.flow.ingest.customers import ensure_customers
from orchestrator.flow.ingest.records import ConsentRecord, EventRecord, Ingested, Tally
from orchestrator.store.consents import LogRow, log_consents, restate_consents
from orchestrator.store.customers import touch_customers
from orchestrator.store.dialect import StoredRow, ids_by_key, new_ids
from orchestrator.store.events import EventRow, insert_events, known_events
from orchestrator.tables import customers, events


def save_consents(
    connection: Connection, records: Sequence[ConsentRecord], now: datetime, done: Ingested
) -> None:
    """Append to the log, then work out anew what holds for the customers concerned."""
    ids = _customers(connection, {record.customer for record in records}, now)
    added = log_consents(
        connection, [LogRow(ids[record.customer], *record[2:]) for record in records]
    )
    done.tallies.setdefault("consents", Tally()).add(Tally(added, 0, len(records) - added))
    if added:
        changed = restate_consents(connection, {ids[record.customer] for record in records})
        touch_customers(connection, changed, now)
        done.customers |= changed


def save_events(
    connection: Connection,
    records: Sequence[EventRecord],
    now: datetime,
    done: Ingested,
    known: dict[str, int],
) -> None:
    """Insert those whose key is new."""
    fresh: dict[str, EventRecord] = {}
    for record in records:
        fresh.setdefault(record.key, record)
    for key in known_events(connection, fresh.keys()):
        del fresh[key]
    happened = list(fresh.values())
    people = _customers(connection, {record.customer for record in happened}, now)
    things = ensure_products(connection, happened, known)
    rows: list[EventRow] = []
    lines: list[StoredRow] = []
    ids = new_ids(connection, events, len(happened)) if happened else ()
    for id_, (_, key, customer, name, at, properties, carried) in zip(ids, happened, strict=True):
        who = people[customer]
        rows.append(EventRow(id_, key, who, name, at, properties))
        # Plain tuples in the order of LineRow: there are ten times as many lines as events.
        lines += [
            (id_, number, who, things[product], name, at, quantity, amount)
            for number, (product, quantity, amount, _, _) in enumerate(carried)
        ]
    written = insert_events(connection, rows, lines) if rows else set()
    done.tallies.setdefault("events", Tally()).add(
        Tally(len(written), 0, len(records) - len(written))
    )
    done.events += sorted(written)
    done.customers |= {row.customer_id for row in rows if row.id in written}


def _customers(connection: Connection, keys: set[str], now: datetime) -> dict[str, int]:
    return ensure_customers(connection, ids_by_key(connection, customers, keys), keys, now)
