"""What was learned from purchases, and the purchases that it is learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from orchestrator.store.dialect import insert_stored
from orchestrator.store.one_by_one import one_by_one
from orchestrator.tables import event_products, events, habits, pairs, prices, products
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later_by, micros

Basket = frozenset[int]
_line = event_products.c
LINES_AT_ONCE = 5_000
"""Fetched one by one, half of the time would go into the fetching."""

LESSONS = "lessons"
"""What is learned is written by one at a time: two of them would write the same rows."""

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class HabitRule:
    """What counts as a habit: bought on so many days from `begin` to `end`, at gaps whose standard
    deviation is at most `variation_max` of their mean. `day_begins`: so long before midnight UTC.
    """

    event: str
    begin: datetime
    end: datetime
    days_min: int
    variation_max: Fraction
    day_begins: timedelta


def replace_habits(connection: Connection, rule: HabitRule, since: datetime | None) -> None:
    """All habits anew, or those of customers and products that were bought `since`."""
    one_by_one(connection, LESSONS)
    known = habits.delete()
    if since is not None:
        known = known.where(
            tuple_(habits.c.customer_id, habits.c.product_id).in_(_bought(rule, since))
        )
    connection.execute(known)
    names = [column.name for column in habits.columns]
    connection.execute(habits.insert().from_select(names, _habits(rule, since)))


def _bought(rule: HabitRule, since: datetime) -> Select[Any]:
    return (
        select(_line.customer_id, _line.product_id)
        .join(events, events.c.id == _line.event_id)
        .where(events.c.name == rule.event, events.c.at >= since, events.c.at <= rule.end)
        .distinct()
    )


def _often(rule: HabitRule) -> Select[Any]:
    """A first look, which an index alone can answer: most products are bought once or twice."""
    return (
        select(_line.customer_id, _line.product_id)
        .where(*_in_time(rule))
        .group_by(_line.customer_id, _line.product_id)
        .having(func.count() >= rule.days_min)
    )


def _in_time(rule: HabitRule) -> tuple[ColumnElement[bool], ...]:
    return _line.name == rule.event, _line.at >= rule.begin, _line.at <= rule.end


def _habits(rule: HabitRule, since: datetime | None) -> Select[Any]:
    """customer_id, product_id, times, every_days, last_at, next_at: in whole numbers, so that no
    rounding decides. With n gaps of sum s, the variance is at most v² of the mean squared where
    n · Σgap² − s² ≤ v² · s².
    """
    shift = literal(rule.day_begins // _MICROSECOND, BigInteger())
    wanted = _often(rule) if since is None else _bought(rule, since)
    wanted_of = wanted.cte("wanted").prefix_with("MATERIALIZED")
    days = (
        select(
            _line.customer_id,
            _line.product_id,
            ((micros(_line.at) + shift) // literal(_DAY, BigInteger())).label("day"),
            func.max(_line.at).label("last_at"),
        )
        .join(
            wanted_of,
            and_(
                _line.customer_id == wanted_of.c.customer_id,
                _line.product_id == wanted_of.c.product_id,
            ),
        )
        .where(*_in_time(rule))
        .group_by(_line.customer_id, _line.product_id, "day")
    )
    day = days.cte("days").c
    whose = (day.customer_id, day.product_id)
    before = func.lag(day.day).over(partition_by=whose, order_by=day.day)
    gap = select(*whose, day.last_at, (day.day - before).label("gap")).cte("gaps").c
    number = cast(func.count(gap.gap), BigInteger())
    total, squares = (cast(func.sum(n), BigInteger()) for n in (gap.gap, gap.gap * gap.gap))
    last_at, v = func.max(gap.last_at, type_=Instant()), rule.variation_max
    steady = (number * squares - total * total) * v.denominator**2 <= (
        total * total * v.numerator**2
    )
    return (
        select(
            gap.customer_id,
            gap.product_id,
            number + 1,
            cast(total, Float()) / number,
            last_at,
            later_by(last_at, total * literal(_DAY, BigInteger()) // number),
        )
        .group_by(gap.customer_id, gap.product_id)
        .having(number + 1 >= rule.days_min, steady)
    )


def baskets(
    connection: Connection, event: str, since: datetime, until: datetime
) -> Iterator[Basket]:
    """The different products of each event of this name."""
    found = (
        select(_line.event_id, _line.product_id)
        .where(_line.name == event, _line.at >= since, _line.at <= until)
        .order_by(_line.event_id)
    )
    parts = connection.execute(found).partitions(LINES_AT_ONCE)
    for _, lines in groupby(chain.from_iterable(parts), key=itemgetter(0)):
        yield frozenset(product for _, product in lines)


def categories(connection: Connection) -> dict[int, str | None]:
    """The category of every product."""
    return {
        row[0]: row[1] for row in connection.execute(select(products.c.id, products.c.category))
    }


def replace_pairs(
    connection: Connection, kind: str, found: Sequence[tuple[int, int, float]]
) -> None:
    """All pairs of a kind: a product, the other one, the strength."""
    one_by_one(connection, LESSONS)
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
    one_by_one(connection, LESSONS)
    connection.execute(update(products).values(popularity=sold))
