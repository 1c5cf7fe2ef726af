"""History: what a customer did in a window, as one number or one instant."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, select

from orchestrator.model.condition import Did, EventFilter, First, Last, Where
from orchestrator.rules.facts import (
    EVENT_TIMES,
    EVENT_VALUES,
    EVENTS,
    Fact,
    Facts,
    Measure,
    any_of,
    value,
)
from orchestrator.rules.now import NOW
from orchestrator.rules.tests import Value, asked
from orchestrator.tables import event_products, events, products
from orchestrator.tables.json import json_number

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


def measured(
    history: History, customer_id: ColumnElement[Any], facts: Facts | None = None
) -> ColumnElement[Any]:
    """The number or instant for a customer.

    Counts and sums of nothing are 0; the first and last of nothing are unknown.
    """
    return value(_fact(history), customer_id, facts)


def happened(
    history: History, customer_id: ColumnElement[Any], facts: Facts | None = None
) -> ColumnElement[bool]:
    """Whether there is any such event: the cheap form of "count is at least 1"."""
    return any_of(_fact(history), customer_id, facts)


def _fact(history: History) -> Fact:
    filter = history.filter
    source = EVENTS if filter.where or filter.product or history.of else EVENT_TIMES
    return Fact(
        key=repr((filter.where, filter.product, history.of)),
        source=EVENT_VALUES if history.measure == "distinct" else source,
        measure=history.measure,
        kind=history.event,
        tests=(events.c.at <= NOW, *filtered(filter, events)),
        within=history.within,
        of=_of(history),
    )


def _of(history: History) -> Any:
    if history.of is None:
        return None
    if history.measure == "sum":
        return json_number(events.c.properties, history.of)
    if history.measure == "distinct":
        return cast(events.c.properties[history.of].as_string(), String)
    return None


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
