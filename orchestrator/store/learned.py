"""What was learned from purchases, and the purchases that it is learned from."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, delete, func, select

from orchestrator.store.dialect import insert_stored, json_text
from orchestrator.tables import event_products, events, habits, pairs, products
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows

Basket = frozenset[int]

_IDS = rows("ids", {"id": Integer()})
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


def customers_with_events(connection: Connection, since: datetime, until: datetime) -> set[int]:
    """Customers with an event from `since` until just before `until`, or at it."""
    found = select(events.c.customer_id).where(events.c.at >= since, events.c.at <= until)
    names = connection.execute(select(events.c.name).distinct()).scalars().all()
    # Named, so that the index on name and time serves.
    return set(connection.execute(found.where(events.c.name.in_(names))).scalars())


def purchases(
    connection: Connection,
    event: str,
    since: datetime,
    until: datetime,
    times_min: int,
    customers: Collection[int] | None = None,
) -> Iterator[Purchase]:
    """What was bought from `since` to `until` at least so often, by customer, product and time."""
    window: tuple[ColumnElement[bool], ...]
    window = (_line.name == event, _line.at >= since, _line.at <= until)
    wanted: dict[str, str] = {}
    if customers is not None:
        window = (*window, _line.customer_id.in_(select(_IDS.c.id)))
        wanted = {"ids": json_text([[id_] for id_ in customers])}
    counted = (
        select(
            _line.customer_id,
            _line.product_id,
            _line.at,
            func.count().over(partition_by=(_line.customer_id, _line.product_id)).label("times"),
        )
        .where(*window)
        .subquery()
    )
    found = (
        select(counted.c.customer_id, counted.c.product_id, counted.c.at)
        .where(counted.c.times >= times_min)
        .order_by(counted.c.customer_id, counted.c.product_id, counted.c.at)
    )
    for customer, product, at in connection.execute(found, wanted):
        yield Purchase(customer, product, to_micros(at))


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
    connection: Connection, found: Sequence[HabitRow], customers: Collection[int] | None
) -> None:
    """The habits of these customers, or of all, instead of those that they had."""
    if customers is None:
        connection.execute(delete(habits))
    else:
        connection.execute(
            delete(habits).where(habits.c.customer_id.in_(select(_IDS.c.id))),
            {"ids": json_text([[id_] for id_ in customers])},
        )
    insert_stored(connection, habits, HabitRow._fields, found)


def replace_pairs(connection: Connection, found: Sequence[tuple[int, int, float]]) -> None:
    """All pairs: a product, the other one, the lift."""
    connection.execute(delete(pairs))
    insert_stored(connection, pairs, ("product_id", "other_id", "lift"), found)
