"""Tests on one value of a JSON document: a trait, a property of an event or of a product."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_

from orchestrator.model.condition import Operator, Tests
from orchestrator.tables.instant import day_shift
from orchestrator.tables.json import json_has

Reader = Callable[[str], ColumnElement[Any]]
"""Gives the value as "text", "number" or "truth"."""


def reader(document: ColumnElement[Any], key: str) -> Reader:
    """Reads one key of a JSON column."""
    value = document[key]

    def read(kind: str) -> ColumnElement[Any]:
        match kind:
            case "number":
                return value.as_float()
            case "truth":
                return value.as_boolean()
            case _:
                return value.as_string()

    return read


def column_reader(column: ColumnElement[Any]) -> Reader:
    """Reads a column of its own."""
    return lambda kind: column


def asked(
    tests: Tests,
    read: Reader,
    *,
    document: ColumnElement[Any] | None = None,
    key: str = "",
    local_day: ColumnElement[Any] | None = None,
) -> ColumnElement[bool]:
    """All tests hold. Unknown (SQL's null) where the value is; only `known` is never unknown."""
    return and_(*(_test(op, value, read, document, key, local_day) for op, value in tests.tests()))


def _test(
    op: Operator,
    value: Any,
    read: Reader,
    document: ColumnElement[Any] | None,
    key: str,
    local_day: ColumnElement[Any] | None,
) -> ColumnElement[bool]:
    match op:
        case "is":
            return _typed(read, value) == _plain(value)
        case "is_not":
            return _typed(read, value) != _plain(value)
        case "in":
            return _typed(read, value[0]).in_([_plain(v) for v in value])
        case "not_in":
            return _typed(read, value[0]).not_in([_plain(v) for v in value])
        case "at_least":
            return read("number") >= float(value)
        case "at_most":
            return read("number") <= float(value)
        case "above":
            return read("number") > float(value)
        case "below":
            return read("number") < float(value)
        case "before":
            return read("text") < value.isoformat()
        case "after":
            return read("text") > value.isoformat()
        case "known":
            return read("text").is_not(None) if value else read("text").is_(None)
        case "has" if document is not None:
            return json_has(document, key, _plain(value))
        case "within_last" if local_day is not None:
            day = read("text")
            return and_(day <= local_day, day > day_shift(local_day, -value.days))
        case "within_next" if local_day is not None:
            day = read("text")
            return and_(day >= local_day, day < day_shift(local_day, value.days))
        case "older_than" if local_day is not None:
            return read("text") <= day_shift(local_day, -value.days)
        case _:
            raise AssertionError(f"the check lets no {op} through here")


def _typed(read: Reader, value: Any) -> ColumnElement[Any]:
    if isinstance(value, bool):
        return read("truth")
    return read("number") if isinstance(value, int | float | Decimal) else read("text")


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, int | Decimal) else value
