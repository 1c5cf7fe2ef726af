"""Products, prices and stock as they are told → as they are stored, with what changed thereby."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.flow.ingest.records import (
    EventRecord,
    Ingested,
    PriceRecord,
    ProductRecord,
    Refused,
    StockRecord,
    Tally,
)
from orchestrator.model.shop import Shop
from orchestrator.store.catalogue import (
    AMOUNT_SCALE,
    UNLISTED,
    Change,
    ProductRow,
    hold_products,
    insert_products,
    last_stock,
    load_products,
    update_products,
    write_changes,
    write_stock,
)
from orchestrator.store.dialect import ids_by_key
from orchestrator.store.price_changes import note_price_changes
from orchestrator.store.prices import (
    PriceKey,
    PriceRow,
    load_prices,
    price_key,
    resume_prices,
    write_prices,
)
from orchestrator.tables import products
from orchestrator.tables.instant import to_micros

KNOWN_MAX = 250_000
"""Ids of products that are kept from one batch of an import to the next."""

NOTHING_KNOWN = ProductRow(0, "", "", None, None, None, None, None, None, None, {})


def save_products(
    connection: Connection, records: Sequence[ProductRecord], now: datetime, done: Ingested
) -> None:
    """Insert and update; a column that a record does not mention stays as it is."""
    tally = done.tallies.setdefault("products", Tally())
    rows = load_products(connection, {record.key for record in records})
    before = dict(rows)
    counted: list[StockRecord] = []
    outcomes: list[tuple[str, Tally]] = []
    for record in records:
        old = rows.get(record.key, NOTHING_KNOWN._replace(key=record.key))
        if not old.title and not record.given.get("title"):
            done.refused.append(Refused("products", record.line, "title is missing"))
            continue
        columns = {name: value for name, value in record.given.items() if name != "stock"}
        kept = old.attributes
        if UNLISTED in kept:
            kept, columns["stock"] = {}, None
        merged = {**kept, **record.attributes}
        attributes = {name: value for name, value in merged.items() if value is not None}
        row = old._replace(**columns, attributes=attributes)
        known = record.key in rows
        outcomes.append((record.key, Tally(not known, known and row != old, known and row == old)))
        rows[record.key] = row
        if "stock" in record.given:
            counted.append(
                StockRecord(record.line, record.key, to_micros(now), record.given["stock"])
            )
    new = [row for key, row in rows.items() if key not in before]
    _, overtaken = insert_products(connection, new)
    update_products(connection, [row for key, row in rows.items() if before.get(key, row) != row])
    for key, outcome in outcomes:
        if key not in overtaken:
            tally.add(outcome)
    counted = [one for one in counted if one.product not in overtaken]
    if counted:
        # The catalogue's own count: told with the product, so it is not counted as a record.
        _write_stock(connection, counted, done, Tally())
    if overtaken:
        # An event that another writer brought has named them meanwhile, without saying more.
        hold_products(connection, overtaken)
        again = [record for record in records if record.key in overtaken]
        save_products(connection, again, now, done)


def save_prices(
    connection: Connection, records: Sequence[PriceRecord], shop: Shop, done: Ingested
) -> None:
    """Insert and update, then bring what goes on after them, and the changes, up to date.

    Only the shop's own currency makes changes: the same step told in two would count twice.
    """
    tally = done.tallies.setdefault("prices", Tally())
    ids = ids_by_key(connection, products, {record.product for record in records})
    told: dict[PriceKey, PriceRow] = {}
    repeated = 0
    for record in records:
        id_ = ids.get(record.product)
        if id_ is None:
            done.refused.append(Refused("prices", record.line, _no_product(record.product)))
            continue
        row = PriceRow(
            id_,
            record.currency,
            record.amount,
            record.list_amount,
            record.tax,
            record.at,
            record.until,
        )
        repeated += price_key(row) in told
        told[price_key(row)] = row
    known = load_prices(connection, told.keys())
    written = [row for key, row in told.items() if known.get(key) != row]
    replaced = sum(price_key(row) in known for row in written)
    tally.add(Tally(len(written) - replaced, replaced, len(told) - len(written) + repeated))
    write_prices(connection, written)
    begun = {price_key(row) for row in written}
    begun |= resume_prices(connection, begun)
    moved = [key for key in begun if key[1] == shop.currency]
    if moved:
        done.changes += note_price_changes(connection, moved)


def save_stock(connection: Connection, records: Sequence[StockRecord], done: Ingested) -> None:
    """Stock as counted; a count older than the last change that is known says nothing."""
    _write_stock(connection, records, done, done.tallies.setdefault("stock", Tally()))


def _write_stock(
    connection: Connection, records: Sequence[StockRecord], done: Ingested, tally: Tally
) -> None:
    rows = load_products(connection, {record.product for record in records})
    stock = {row.id: row.stock for row in rows.values()}
    last = last_stock(connection, stock.keys())
    changes: list[Change] = []
    touched: dict[int, int] = {}
    for record in sorted(records, key=lambda record: record.at):
        row = rows.get(record.product)
        if row is None:
            done.refused.append(Refused("stock", record.line, _no_product(record.product)))
            continue
        before = stock[row.id]
        if before == record.stock or record.at <= last.get(row.id, record.at - 1):
            tally.same += 1
            continue
        tally.changed += 1
        # The first count stands as a change from itself: it moves nobody, but has its instant.
        was = record.stock if before is None else before
        changes.append(
            Change(row.id, "stock", record.at, was * AMOUNT_SCALE, record.stock * AMOUNT_SCALE)
        )
        stock[row.id] = touched[row.id] = record.stock
        last[row.id] = record.at
    write_stock(connection, touched)
    done.changes += write_changes(connection, changes)


def ensure_products(
    connection: Connection, happened: Sequence[EventRecord], known: dict[str, int]
) -> Mapping[str, int]:
    """The ids of the products of events; `known` is looked into first, and added to.

    A product that no catalogue has listed is noted as such.
    It has no stock, so that nobody is offered it, until a catalogue lists it.
    """
    wanted = {line[0] for record in happened for line in record.lines}
    if len(known) > KNOWN_MAX:
        known.clear()
    ids = known
    ids.update(ids_by_key(connection, products, wanted - ids.keys()))
    missing = wanted - ids.keys()
    if missing:
        lines = (line for record in happened for line in record.lines if line[0] in missing)
        unlisted = {
            key: NOTHING_KNOWN._replace(
                key=key,
                title=title or key,
                category=category,
                stock=0,
                attributes={UNLISTED: True},
            )
            for key, _, _, title, category in lines
        }
        made, _ = insert_products(connection, list(unlisted.values()))
        ids.update(made)
    return ids


def _no_product(key: str) -> str:
    return f"no product {key!r}; import the products first"
