"""What a batch of messages needs to be written: its customers, events and products, each in one
statement."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, select

from orchestrator.model.clock import Clock
from orchestrator.store.clocks import clock_of
from orchestrator.tables import clocks, customers, events, prices, products
from orchestrator.tables.json import ids_text, these_ids

_IDS = these_ids("wanted")


class Recipient(NamedTuple):
    """A customer, as far as a message is concerned."""

    id: int
    key: str
    locale: str | None
    traits: dict[str, Any]
    clock: Clock


class Happened(NamedTuple):
    """The event that asked for a message."""

    id: int
    key: str
    name: str
    at: datetime
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PricedRow:
    """A product with one of its prices, as stored; `lowest` is what held before it."""

    product: dict[str, Any]
    price_id: int
    currency: str
    amount: Decimal
    tax: str | None
    valid_from: datetime
    valid_until: datetime | None
    lowest: Decimal | None


_PRODUCT = ("id", "title", "brand", "size", "category", "url", "image_url")
_RECIPIENTS = (
    select(customers.c.id, customers.c.key, customers.c.locale, customers.c.traits, clocks.c.key)
    .join(clocks, clocks.c.id == customers.c.clock_id)
    .where(customers.c.id.in_(_IDS))
)
_EVENTS = select(events.c.id, events.c.key, events.c.name, events.c.at, events.c.properties).where(
    events.c.id.in_(_IDS)
)


def recipients(connection: Connection, ids: Collection[int]) -> dict[int, Recipient]:
    """The customers with these ids."""
    found = connection.execute(_RECIPIENTS, {"wanted": ids_text(ids)}).all()
    return {row[0]: Recipient(*row[:4], clock_of(row[4])) for row in found}


def happened(connection: Connection, ids: Collection[int]) -> dict[int, Happened]:
    """The events with these ids."""
    if not ids:
        return {}
    return {
        row[0]: Happened._make(row)
        for row in connection.execute(_EVENTS, {"wanted": ids_text(ids)}).all()
    }


def priced(
    connection: Connection, ids: Collection[int], lowest: ColumnElement[Any]
) -> dict[int, PricedRow]:
    """The prices with these ids and their products; `lowest` is worked out by the rules."""
    if not ids:
        return {}
    found: Any = connection.execute(_priced(lowest), {"wanted": ids_text(ids)}).all()
    return {row[7]: PricedRow(dict(zip(_PRODUCT, row, strict=False)), *row[7:]) for row in found}


@cache
def _priced(lowest: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            products.c.key,
            products.c.title,
            products.c.brand,
            products.c.size,
            products.c.category,
            products.c.url,
            products.c.image_url,
            prices.c.id,
            prices.c.currency,
            prices.c.amount,
            prices.c.tax,
            prices.c.valid_from,
            prices.c.valid_until,
            lowest.label("lowest"),
        )
        .join(products, products.c.id == prices.c.product_id)
        .where(prices.c.id.in_(_IDS))
    )
