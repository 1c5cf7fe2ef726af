"""Which price holds now, and what the lowest one was before it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select

from orchestrator.rules.now import NOW
from orchestrator.tables import prices
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later

PRIOR = timedelta(days=30)
"""A reduction is told against the lowest price of so long before it (EU 98/6/EC Art. 6a)."""


def price_now(product_id: ColumnElement[Any], currency: str) -> ColumnElement[Any]:
    """The id of the price that holds now; null where there is none."""
    latest = (
        select(prices.c.id)
        .where(
            prices.c.product_id == product_id,
            prices.c.currency == currency,
            prices.c.valid_from <= NOW,
        )
        .order_by(prices.c.valid_from.desc())
        .limit(1)
        .correlate_except(prices)
        .scalar_subquery()
    )
    current = prices.alias("current")
    return (
        select(current.c.id)
        .where(
            current.c.id == latest,
            or_(current.c.valid_until.is_(None), current.c.valid_until > NOW),
        )
        .correlate_except(current)
        .scalar_subquery()
    )


def lowest_before(price: Any) -> ColumnElement[Any]:
    """The lowest amount that held at any time in the 30 days before `price` (an alias) began.

    It began where it was told for the first time: a catalogue that is told again every night says
    nothing new. Unknown where one of those before was told with another tax: an amount with the tax
    in it and one without it are not compared.
    """
    earlier, next_one = prices.alias("earlier"), prices.alias("next_one")
    # Worked out once for each price: neither database takes the select with an offset apart.
    began = select(_began(price).label("at")).offset(0).subquery("began").c.at
    window_began = later(began, -PRIOR)
    replaced_before = exists(
        select(next_one.c.id)
        .where(
            next_one.c.product_id == price.c.product_id,
            next_one.c.currency == price.c.currency,
            next_one.c.valid_from > earlier.c.valid_from,
            next_one.c.valid_from <= window_began,
        )
        .correlate_except(next_one)
    )
    otherwise_taxed = func.count().filter(earlier.c.tax.is_distinct_from(price.c.tax))
    return (
        select(case((otherwise_taxed == 0, func.min(earlier.c.amount))))
        .where(
            earlier.c.product_id == price.c.product_id,
            earlier.c.currency == price.c.currency,
            earlier.c.valid_from < began,
            or_(earlier.c.valid_until.is_(None), earlier.c.valid_until > window_began),
            ~replaced_before,
        )
        .correlate(price)
        .scalar_subquery()
    )


def _began(price: Any) -> ColumnElement[Any]:
    """Since when the amount of `price` holds without a break, however often it was told since."""
    other, after = prices.alias("other"), prices.alias("after_other")
    same = prices.alias("same")
    next_from = (
        select(func.min(after.c.valid_from))
        .where(
            after.c.product_id == other.c.product_id,
            after.c.currency == other.c.currency,
            after.c.valid_from > other.c.valid_from,
        )
        .correlate(other)
        .scalar_subquery()
    )
    last_other = (
        select(func.max(other.c.valid_from))
        .where(
            other.c.product_id == price.c.product_id,
            other.c.currency == price.c.currency,
            other.c.valid_from < price.c.valid_from,
            or_(
                other.c.amount != price.c.amount,
                other.c.tax.is_distinct_from(price.c.tax),
                other.c.valid_until < next_from,
            ),
        )
        .correlate(price)
        .scalar_subquery()
    )
    return (
        select(func.min(same.c.valid_from, type_=Instant()))
        .where(
            same.c.product_id == price.c.product_id,
            same.c.currency == price.c.currency,
            same.c.valid_from <= price.c.valid_from,
            or_(last_other.is_(None), same.c.valid_from > last_other),
        )
        .correlate(price)
        .scalar_subquery()
    )
