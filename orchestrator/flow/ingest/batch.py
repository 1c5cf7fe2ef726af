"""One batch of checked records into the database, and the short way there from raw ones."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.ingest.behaviour import save_consents, save_events
from orchestrator.flow.ingest.catalogue import save_prices, save_products, save_stock
from orchestrator.flow.ingest.customers import save_customers
from orchestrator.flow.ingest.reading import Reader
from orchestrator.flow.ingest.records import KINDS, Batch, Ingested, Kind, Refused, Tally
from orchestrator.flow.ingest.returning import came_in, without_the_forgotten
from orchestrator.model.shop import Shop
from orchestrator.store.catalogue import hold_products
from orchestrator.store.customers import hold_customers, hold_names
from orchestrator.store.forgotten import digests


def ingest(
    connection: Connection,
    batch: Batch,
    now: datetime,
    shop: Shop,
    known_products: dict[str, int] | None = None,
) -> Ingested:
    """Write the batch in the caller's transaction. A second arrival changes nothing.

    Products and customers come first, so that everything else in the batch finds them. An event or
    a consent of an unknown customer makes the customer, with an unknown clock and no address: what
    was done or withdrawn is kept, and nobody is written to. A price or a stock of an unknown
    product is refused; an event's unknown product is kept as unlisted. Of customers who were
    forgotten nothing is taken, unless they have agreed to something since then.

    `known_products` remembers their ids over the batches of an import; whoever passes it throws it
    away when a transaction fails.
    """
    done = Ingested()
    spoken_of = {one.key for one in batch.customers} | {one.customer for one in batch.consents}
    hold_customers(connection, spoken_of)
    hold_names(connection, {one.customer for one in batch.events} - spoken_of)
    hold_products(
        connection,
        {one.key for one in batch.products}
        | {one.product for one in batch.prices}
        | {one.product for one in batch.stock},
    )
    forgotten = digests(connection)
    if forgotten is not None:
        told = batch
        batch = without_the_forgotten(connection, forgotten, told)
        _count_left_out(told, batch, done)
    if batch.products:
        save_products(connection, batch.products, now, done)
    if batch.customers:
        save_customers(connection, batch.customers, now, shop, done)
    if batch.prices:
        save_prices(connection, batch.prices, shop, done)
    if batch.stock:
        save_stock(connection, batch.stock, done)
    if batch.consents:
        save_consents(connection, batch.consents, now, done)
    if batch.events:
        save_events(
            connection, batch.events, now, done, {} if known_products is None else known_products
        )
    if forgotten is not None and (batch.customers or batch.consents):
        came_in(connection, forgotten, done.customers)
    return done


def _count_left_out(told: Batch, taken: Batch, done: Ingested) -> None:
    for kind in KINDS:
        number = len(getattr(told, kind)) - len(getattr(taken, kind))
        if number:
            done.forgotten += number
            done.tallies[kind] = Tally(same=number)


def ingest_raw(
    connection: Connection,
    records: Iterable[tuple[Kind, Mapping[str, Any]]],
    now: datetime,
    shop: Shop,
    reader: Reader | None = None,
) -> Ingested:
    """Raw records of mixed kinds, as a stream brings them; their `line` is the place in it, from 1.

    A `reader` that serves many batches keeps one account of notes; it is given each one's `now`.
    """
    if reader is None:
        reader = Reader(shop, now)
    else:
        reader.set_now(now)
    read: dict[Kind, list[Any]] = {kind: [] for kind in KINDS}
    refused: list[Refused] = []
    for line, (kind, raw) in enumerate(records, 1):
        try:
            read[kind].append(reader.read(kind, line, raw))
        except ValueError as error:
            refused.append(Refused(kind, line, str(error)))
    done = ingest(connection, Batch(**{kind: tuple(of) for kind, of in read.items()}), now, shop)
    done.refused += refused
    return done
