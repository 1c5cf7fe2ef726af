"""History: what a customer did in a window, as one number or one instant.

A history is a specification first: what is counted, over which events. `correlated` turns it into
a subquery for the customer at hand.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, String, cast, distinct, exists, func, select

from orchestrator.model.condition import Did, EventFilter, First, Last, Where
from orchestrator.rules.now import lately
from orchestrator.rules.tests import Value, asked
from orchestrator.tables import event_products, events, products

Measure = Literal["count", "sum", "distinct", "first", "last"]
PRODUCT_COLUMNS = ("key", "title", "category", "theme", "brand", "size")


@dataclass(frozen=True)
class History:
    """`measure` over the events called `event` that pass `filter`, in (now - within, now]."""

    event: str
    measure: Measure
    filter: EventFilter = field(default_factory=EventFilter)
    within: timedelta | None = None
    of: str | None = None  # the property that is summed or told apart

    @classmethod
    def of_did(cls, did: Did) -> "History":
        """What a `did` leaf counts."""
        measure: Measure = "sum" if did.sum else "distinct" if did.distinct else "count"
        return cls(did.did, measure, did, did.within, did.sum or did.distinct)

    @classmethod
    def of_moment(cls, moment: First | Last) -> "History":
        """The instant that a `first` or `last` leaf asks for."""
        if isinstance(moment, First):
            return cls(moment.first, "first", moment)
        return cls(moment.last, "last", moment)


def correlated(history: History, customer_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number or instant for one customer, as a scalar subquery.

    Counts and sums of nothing are 0; the first and last of nothing are unknown.
    """
    return matching(history, customer_id, _measured(history)).scalar_subquery()


def happened(history: History, customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether there is any such event: the cheap form of "count is at least 1"."""
    return exists(matching(history, customer_id, events.c.id))


def matching(
    history: History, customer_id: ColumnElement[Any], *what: ColumnElement[Any]
) -> Select[Any]:
    """Select `what` from the customer's events that the history is about."""
    return (
        select(*what)
        .select_from(events)
        .where(
            events.c.customer_id == customer_id,
            events.c.name == history.event,
            *lately(events.c.at, history.within),
            *filtered(history.filter, events),
        )
        .correlate_except(events, event_products, products)
    )


def filtered(filter: EventFilter, of: Any) -> list[ColumnElement[bool]]:
    """What an event (`of` is the table or an alias) must meet besides its name and time."""
    tests = [
        asked(tests, Value.within(of.c.properties, key)) for key, tests in filter.where.items()
    ]
    return [*tests, _carries(filter.product, of)] if filter.product else tests


def _carries(where: Where, of: Any) -> ColumnElement[bool]:
    return exists(
        select(event_products.c.line)
        .join(products, products.c.id == event_products.c.product_id)
        .where(event_products.c.event_id == of.c.id, *product_tests(where))
        .correlate_except(event_products, products)
    )


def product_tests(where: Where) -> list[ColumnElement[bool]]:
    """Tests on the row of `products` at hand."""
    return [asked(tests, _product_value(key)) for key, tests in where.items()]


def _product_value(key: str) -> Value:
    if key in PRODUCT_COLUMNS:
        return Value.column(products.c[key])
    return Value.within(products.c.attributes, key)


def _measured(history: History) -> ColumnElement[Any]:
    match history.measure:
        case "count":
            return func.count()
        case "first":
            return func.min(events.c.at)
        case "last":
            return func.max(events.c.at)
        case "sum":
            return func.coalesce(func.sum(events.c.properties[history.of].as_float()), 0.0)
        case "distinct":
            return func.count(distinct(cast(events.c.properties[history.of].as_string(), String)))
