"""What was learned from purchases, and the purchases that it is learned from."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from orchestrator.store.dialect import insert_stored, json_text
from orchestrator.tables import event_products, events, habits, pairs, prices, products
from orchestrator.tables.instant import micros
from orchestrator.tables.json import rows

Basket = frozenset[int]
Pair = tuple[int, int]
"""A customer's id and a product's."""

_PAIRS = rows("pairs", {"customer_id": Integer(), "product_id": Integer()})
_line = event_products.c


class Purchase(NamedTuple):
    """A product that a customer bought; `at` in microseconds."""

    customer_id: int
    product_id: int
    at: int


class HabitRow(NamedTuple):
    """A stored habit, in the order of its columns."""

    customer_id: int
    product_id: int
    times: int
    every_days: float
    last_at: int
    next_at: int


def bought_since(
    connection: Connection, event: str, since: datetime, until: datetime
) -> list[Pair]:
    """Which customers bought which products from `since` to `until`, each once."""
    found = (
        select(_line.customer_id, _line.product_id)
        .join(events, events.c.id == _line.event_id)
        .where(events.c.name == event, events.c.at >= since, events.c.at <= until)
        .distinct()
    )
    return [(row[0], row[1]) for row in connection.execute(found)]


def purchases(
    connection: Connection, event: str, since: datetime, until: datetime, times_min: int
) -> Iterator[Purchase]:
    """All that a customer bought at least so often, by customer, product and time."""
    counted = (
        select(
            _line.customer_id,
            _line.product_id,
            _line.at,
            func.count().over(partition_by=(_line.customer_id, _line.product_id)).label("times"),
        )
        .where(_line.name == event, _line.at >= since, _line.at <= until)
        .subquery()
    )
    found = (
        select(counted.c.customer_id, counted.c.product_id, micros(counted.c.at))
        .where(counted.c.times >= times_min)
        .order_by(counted.c.customer_id, counted.c.product_id, counted.c.at)
    )
    return _purchases(connection, found, {})


def purchases_of(
    connection: Connection, event: str, since: datetime, until: datetime, of: Sequence[Pair]
) -> Iterator[Purchase]:
    """The same of some products of some customers, however often."""
    found = (
        select(_line.customer_id, _line.product_id, micros(_line.at))
        .where(
            _line.customer_id.in_(select(_PAIRS.c.customer_id)),
            _line.name == event,
            _line.at >= since,
            _line.at <= until,
            tuple_(_line.customer_id, _line.product_id).in_(
                select(_PAIRS.c.customer_id, _PAIRS.c.product_id)
            ),
        )
        .order_by(_line.customer_id, _line.product_id, _line.at)
    )
    return _purchases(connection, found, {"pairs": json_text(of)})


def _purchases(
    connection: Connection, found: Select[int, int, int], wanted: dict[str, str]
) -> Iterator[Purchase]:
    return map(Purchase._make, connection.execute(found, wanted))


def baskets(
    connection: Connection, event: str, since: datetime, until: datetime
) -> Iterator[Basket]:
    """The different products of each event of this name."""
    found = (
        select(_line.event_id, _line.product_id)
        .where(_line.name == event, _line.at >= since, _line.at <= until)
        .order_by(_line.event_id)
    )
    for _, lines in groupby(connection.execute(found), key=itemgetter(0)):
        yield frozenset(product for _, product in lines)


def categories(connection: Connection) -> dict[int, str | None]:
    """The category of every product."""
    return {
        row[0]: row[1] for row in connection.execute(select(products.c.id, products.c.category))
    }


def replace_habits(
    connection: Connection, found: Sequence[HabitRow], of: Sequence[Pair] | None = None
) -> None:
    """These habits instead of those `of` some customers and products, or of all."""
    if of is None:
        connection.execute(delete(habits))
    else:
        pairs_of = select(_PAIRS.c.customer_id, _PAIRS.c.product_id)
        connection.execute(
            delete(habits).where(tuple_(habits.c.customer_id, habits.c.product_id).in_(pairs_of)),
            {"pairs": json_text(of)},
        )
    insert_stored(connection, habits, HabitRow._fields, found)


def replace_pairs(
    connection: Connection, kind: str, found: Sequence[tuple[int, int, float]]
) -> None:
    """All pairs of a kind: a product, the other one, the strength."""
    connection.execute(delete(pairs).where(pairs.c.kind == kind))
    rows = [(kind, *pair) for pair in found]
    insert_stored(connection, pairs, ("kind", "product_id", "other_id", "strength"), rows)


class Shelved(NamedTuple):
    """A product where it can be compared: what it is, how much of it, and what it costs."""

    product_id: int
    category: str
    size: str
    amount: Decimal


def shelves(connection: Connection, currency: str, now: datetime) -> list[Shelved]:
    """Every product with a category, a size and a price that holds now, likes beside each other."""
    newer = prices.alias("newer")
    replaced = exists(
        select(newer.c.id).where(
            newer.c.product_id == prices.c.product_id,
            newer.c.currency == currency,
            newer.c.valid_from > prices.c.valid_from,
            newer.c.valid_from <= now,
        )
    )
    statement = (
        select(products.c.id, products.c.category, products.c.size, prices.c.amount)
        .join(prices, prices.c.product_id == products.c.id)
        .where(
            products.c.category.is_not(None),
            products.c.size.is_not(None),
            prices.c.currency == currency,
            prices.c.valid_from <= now,
            or_(prices.c.valid_until.is_(None), prices.c.valid_until > now),
            ~replaced,
        )
        .order_by(products.c.category, products.c.size, prices.c.amount, products.c.id)
    )
    return [Shelved(*row) for row in connection.execute(statement)]


def set_popularity(connection: Connection, bought: str, after: datetime, now: datetime) -> None:
    """For every product, the lines of purchases that carried it with after < at ≤ now."""
    line = event_products
    sold = (
        select(func.count())
        .select_from(line)
        .where(
            line.c.product_id == products.c.id,
            line.c.name == bought,
            line.c.at > after,
            line.c.at <= now,
        )
        .correlate(products)
        .scalar_subquery()
    )
    connection.execute(update(products).values(popularity=sold))
