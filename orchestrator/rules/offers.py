"""Which products an offer proposes to a customer, best first, and which price holds now.

The same select answers "is there anything to offer?" (as an EXISTS in a gate) and "which ones?"
(joined to a batch of messages).
"""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    exists,
    literal,
    or_,
    select,
    union_all,
)

from orchestrator.model.offer import Products
from orchestrator.model.shop import Shop
from orchestrator.rules.now import NOW, ago, lately
from orchestrator.rules.prices import price_now
from orchestrator.tables import (
    event_products,
    habits,
    pairs,
    prices,
    product_changes,
    products,
)
from orchestrator.tables.instant import later
from orchestrator.tables.json import these_ids

DUE_SOON, OVERDUE = timedelta(days=3), timedelta(days=14)
"""A regular product is due from so long before its day until so long after."""

BESTSELLERS_MAX = 100
"""So many products count as bestsellers."""


def proposals(offer: Products, shop: Shop, asked: Any) -> Select[Any]:
    """Product, price and rank (lower is better) for each row of `asked`.

    `asked` has the columns customer_id, event_id and change_id.
    """
    candidate, rank, *ties = _slot(offer, shop, asked)
    price = price_now(products.c.id, shop.currency)
    found = (
        select(products.c.id.label("product_id"), price.label("price_id"), rank.label("rank"))
        .where(
            candidate,
            *ties,
            in_stock(),
            price.is_not(None),
        )
        .correlate_except(*looked_through(offer))
    )
    if shop.never_offer:
        found = found.where(~private(shop))
    if offer.category:
        found = found.where(products.c.category == offer.category)
    if offer.theme:
        found = found.where(products.c.theme == offer.theme)
    if offer.from_ in ("goes_with", "better", "bestsellers"):
        lately_bought = lately(event_products.c.at, offer.not_bought_within)
        found = found.where(~_bought(shop, asked, *lately_bought))
    return found


def looked_through(offer: Products) -> tuple[Table, ...]:
    """The tables that say what there is to be proposed, the products last."""
    match offer.from_:
        case "regulars":
            return habits, products
        case "goes_with" | "better":
            return pairs, products
        case _:
            return (products,)


def in_stock() -> ColumnElement[bool]:
    """The product is on the shelf, or nobody counts it."""
    return or_(products.c.stock.is_(None), products.c.stock > 0)


@cache
def prices_now(currency: str) -> Select[Any]:
    """Those of the prices `price_ids` that still hold, of products that are still there."""
    asked = prices.alias("asked")
    return (
        select(asked.c.id)
        .join(products, products.c.id == asked.c.product_id)
        .where(
            asked.c.id.in_(these_ids("price_ids")),
            asked.c.id == price_now(asked.c.product_id, currency),
            in_stock(),
        )
    )


def private(shop: Shop) -> ColumnElement[bool]:
    """Of a category that no message names; never unknown."""
    return and_(products.c.category.is_not(None), products.c.category.in_(shop.never_offer))


def _slot(offer: Products, shop: Shop, asked: Any) -> tuple[ColumnElement[Any], ...]:
    """What makes a product a candidate, its rank, and further conditions."""
    match offer.from_:
        case "trigger":
            return _of_trigger(products.c.id, asked), literal(0)
        case "listed":
            order = {key: place for place, key in enumerate(offer.ids)}
            return products.c.key.in_(offer.ids), case(order, value=products.c.key)
        case "bestsellers":
            return _popular(), -products.c.popularity
        case "regulars":
            return (
                products.c.id == habits.c.product_id,
                -habits.c.times,
                habits.c.customer_id == asked.c.customer_id,
                habits.c.next_at <= later(NOW, DUE_SOON),
                habits.c.next_at > ago(OVERDUE),
                # Habits are learned once a day: who has bought it since then is not running out.
                ~_bought(shop, asked, event_products.c.at > habits.c.last_at),
            )
        case "goes_with" | "better" as kind:
            return (
                products.c.id == pairs.c.other_id,
                -pairs.c.strength,
                pairs.c.kind == kind,
                _of_trigger(pairs.c.product_id, asked),
                ~_of_trigger(pairs.c.other_id, asked),  # they have that already, or in the cart
            )


def _popular() -> ColumnElement[bool]:
    """One of those that sell most, whatever is then left out of them for this customer."""
    most = products.alias("most")
    return products.c.id.in_(
        select(most.c.id)
        .where(most.c.popularity > 0)
        .order_by(most.c.popularity.desc(), most.c.id)
        .limit(BESTSELLERS_MAX)
    )


def _of_trigger(product_id: ColumnElement[Any], asked: Any) -> ColumnElement[bool]:
    """The product is one of the event's, or the one that changed."""
    of_event = select(event_products.c.product_id).where(
        event_products.c.event_id == asked.c.event_id
    )
    of_change = select(product_changes.c.product_id).where(
        product_changes.c.id == asked.c.change_id
    )
    both = (
        of_event.correlate_except(event_products),
        of_change.correlate_except(product_changes),
    )
    return product_id.in_(union_all(*both))


def _bought(shop: Shop, asked: Any, *when: ColumnElement[bool]) -> ColumnElement[bool]:
    """The customer has bought the product at hand at such a time, up to now."""
    return exists(
        select(event_products.c.line)
        .where(
            event_products.c.customer_id == asked.c.customer_id,
            event_products.c.product_id == products.c.id,
            event_products.c.name == shop.bought,
            event_products.c.at <= NOW,
            *when,
        )
        .correlate_except(event_products)
    )
