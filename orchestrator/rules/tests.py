"""Tests on one value: a trait, a property of an event or of a product."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, true

from orchestrator.model.condition import Operator, Tests
from orchestrator.tables.instant import day_shift
from orchestrator.tables.json import json_has, json_number, json_truth


@dataclass(frozen=True)
class Value:
    """A value as SQL, in the forms that tests compare. Unknown (null) where it is not known."""

    text: ColumnElement[Any]
    number: ColumnElement[Any]
    truth: ColumnElement[Any]
    has: Callable[[Any], ColumnElement[bool]]

    @classmethod
    def within(cls, document: Any, key: str) -> "Value":
        """One key of a JSON column."""
        return cls(
            text=document[key].as_string(),
            number=json_number(document, key),
            truth=json_truth(document, key),
            has=lambda wanted: json_has(document, key, wanted),
        )

    @classmethod
    def column(cls, column: ColumnElement[Any]) -> "Value":
        """A column of its own."""
        return cls(text=column, number=column, truth=column, has=column.__eq__)

    def like(self, other: Any) -> ColumnElement[Any]:
        """The form that compares with `other`."""
        if isinstance(other, bool):
            return self.truth
        return self.number if isinstance(other, int | float | Decimal) else self.text


def asked(
    tests: Tests, value: Value, local_day: ColumnElement[Any] | None = None
) -> ColumnElement[bool]:
    """All tests hold. Unknown where the value is; only `known` is never unknown.

    `local_day` is the customer's date, for tests of how long ago a day was.
    """
    parts = (_test(op, value, wanted, local_day) for op, wanted in tests.tests())
    return and_(true(), *parts)


def _test(
    op: Operator, value: Value, wanted: Any, local_day: ColumnElement[Any] | None
) -> ColumnElement[bool]:
    day = value.text
    match op:
        case "is":
            return value.like(wanted).__eq__(_plain(wanted))
        case "is_not":
            return value.like(wanted).__ne__(_plain(wanted))
        case "in":
            return value.like(wanted[0]).in_([_plain(one) for one in wanted])
        case "not_in":
            return value.like(wanted[0]).not_in([_plain(one) for one in wanted])
        case "at_least":
            return value.number >= float(wanted)
        case "at_most":
            return value.number <= float(wanted)
        case "above":
            return value.number > float(wanted)
        case "below":
            return value.number < float(wanted)
        case "before":
            return day < literal(_plain(wanted))
        case "after":
            return day > literal(_plain(wanted))
        case "known":
            return value.text.is_not(None) if wanted else value.text.is_(None)
        case "has":
            return value.has(_plain(wanted))
    assert local_day is not None, f"the check lets {op} through for traits alone"
    if op == "within_last":
        return and_(day <= local_day, day > day_shift(local_day, -wanted.days))
    if op == "within_next":
        return and_(day >= local_day, day < day_shift(local_day, wanted.days))
    return day <= day_shift(local_day, -wanted.days)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, int | Decimal) else value
