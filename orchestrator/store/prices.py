"""Prices over time: as they were told, and where one goes on once another has ended.

A price holds until the next one begins, or until its own end. Beneath a price that ends an earlier
one may hold that lasts longer: a promotion's end is then the other's beginning. It is written as a
price of its own that `resumes`, so that whoever asks for prices need know nothing of it, and it is
brought up to date whenever prices are told, in whatever order.
"""

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    String,
    delete,
    exists,
    or_,
    select,
    true,
    type_coerce,
)

from orchestrator.store.dialect import insert_stored, json_text
from orchestrator.tables import prices
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows


class PriceRow(NamedTuple):
    """A stored price, in the order of its columns."""

    product_id: int
    currency: str
    amount: int
    list_amount: int | None
    tax: str | None
    valid_from: int
    valid_until: int | None
    resumes: bool = False


def stored(column: Column[Any] | ColumnElement[Any]) -> ColumnElement[int]:
    """An amount as the whole number that is stored: a Decimal for each would cost more than all."""
    return type_coerce(column, BigInteger())


PRICE_KEYS = rows("asked", {"product_id": Integer(), "currency": String(), "valid_from": Instant()})
"""Prices by their keys, or whatever belongs to a product and a currency since an instant."""

PriceKey = tuple[int, str, int]


def of_the_same(price: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Whether two are about one product in one currency."""
    return (price.c.product_id == other.c.product_id) & (price.c.currency == other.c.currency)


_SAME = of_the_same(prices, PRICE_KEYS) & (prices.c.valid_from == PRICE_KEYS.c.valid_from)
_COLUMNS = (
    prices.c.product_id,
    prices.c.currency,
    stored(prices.c.amount),
    stored(prices.c.list_amount),
    prices.c.tax,
    prices.c.valid_from,
    prices.c.valid_until,
    prices.c.resumes,
)
_TOLD = select(*_COLUMNS).join(PRICE_KEYS, _SAME).where(~prices.c.resumes)


def price_key(row: PriceRow) -> PriceKey:
    """What makes a price the same one: product, currency and beginning."""
    return row.product_id, row.currency, row.valid_from


def load_prices(connection: Connection, keys: Collection[PriceKey]) -> dict[PriceKey, PriceRow]:
    """Those of the prices that were told."""
    return _found(connection, _TOLD, keys)


def write_prices(connection: Connection, written: Sequence[PriceRow]) -> None:
    """Insert prices, or write them over those with the same key."""
    insert_stored(
        connection,
        prices,
        PriceRow._fields,
        sorted(written, key=attrgetter("product_id", "currency", "valid_from")),
        key=("product_id", "currency", "valid_from"),
        replace=("amount", "list_amount", "tax", "valid_until", "resumes"),
    )


def _resuming() -> Select[Any]:
    """What goes on at the end of each price since `asked`: the latest of before that lasts longer.

    Unless that price has been replaced before its end, or another one begins with it.
    """
    ended, newer, base = (prices.alias(name) for name in ("ended", "newer", "base"))
    replaced = exists(
        select(newer.c.id).where(
            of_the_same(newer, ended),
            ~newer.c.resumes,
            newer.c.valid_from > ended.c.valid_from,
            newer.c.valid_from <= ended.c.valid_until,
            or_(newer.c.valid_until.is_(None), newer.c.valid_until >= ended.c.valid_until),
        )
    )
    beneath = (
        select(base.c.id)
        .where(
            of_the_same(base, ended),
            ~base.c.resumes,
            base.c.valid_from < ended.c.valid_from,
            or_(base.c.valid_until.is_(None), base.c.valid_until > ended.c.valid_until),
        )
        .order_by(base.c.valid_from.desc())
        .limit(1)
        .correlate(ended)
        .scalar_subquery()
    )
    since = ended.c.valid_until >= PRICE_KEYS.c.valid_from
    return (
        select(*_COLUMNS[:5], ended.c.valid_until, prices.c.valid_until, true())
        .select_from(PRICE_KEYS)
        .join(ended, of_the_same(ended, PRICE_KEYS) & since & ~ended.c.resumes)
        .join(prices, prices.c.id == beneath)
        .where(~replaced)
    )


_RESUMING = _resuming()
_RESUMED = (
    select(*_COLUMNS)
    .join(
        PRICE_KEYS,
        of_the_same(prices, PRICE_KEYS) & (prices.c.valid_from >= PRICE_KEYS.c.valid_from),
    )
    .where(prices.c.resumes)
)
_ENDED = delete(prices).where(
    prices.c.resumes,
    exists(select(PRICE_KEYS.c.product_id).where(_SAME)),
)


def resume_prices(connection: Connection, told: Iterable[PriceKey]) -> set[PriceKey]:
    """Let go on what has gone on since the prices at these keys began, and nothing else.

    The keys at which something else holds now than before.
    """
    since: dict[tuple[int, str], int] = {}
    for id_, currency, at in told:
        since[id_, currency] = min(at, since.get((id_, currency), at))
    asked = [(*of, at) for of, at in since.items()]
    before = _found(connection, _RESUMED, asked)
    now = _found(connection, _RESUMING, asked)
    over = before.keys() - now.keys()
    if over:
        connection.execute(_ENDED, {"asked": json_text(list(over))})
    begun = [row for key, row in now.items() if before.get(key) != row]
    write_prices(connection, begun)
    return over.union(map(price_key, begun))


def _found(
    connection: Connection, query: Select[Any], keys: Collection[PriceKey]
) -> dict[PriceKey, PriceRow]:
    found = connection.execute(query, {"asked": json_text(list(keys))})
    return {price_key(row): row for row in map(_as_stored, found)}


def _as_stored(row: Sequence[Any]) -> PriceRow:
    id_, currency, amount, listed, tax, since, until, resumes = row
    ends = None if until is None else to_micros(until)
    return PriceRow(id_, currency, amount, listed, tax, to_micros(since), ends, resumes)
