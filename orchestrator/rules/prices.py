"""Which price holds now, and what the lowest one was before it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select

from orchestrator.rules.now import NOW
from orchestrator.tables import prices
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

    Unknown where one of them was told with another tax: an amount with the tax in it and one
    without it are not compared.
    """
    earlier, next_one = prices.alias("earlier"), prices.alias("next_one")
    window_began = later(price.c.valid_from, -PRIOR)
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
            earlier.c.valid_from < price.c.valid_from,
            or_(earlier.c.valid_until.is_(None), earlier.c.valid_until > window_began),
            ~replaced_before,
        )
        .correlate_except(earlier)
        .scalar_subquery()
    )
