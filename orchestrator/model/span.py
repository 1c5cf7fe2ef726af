"""Spans of time, counts and rates, as people write them: `4h`, `14d`, `3 times`, `2 per 7d`."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SPAN = re.compile(r"(-?)(\d{1,5})\s*([smhdw])")
_RATE = re.compile(
    r"(\d{1,6})\s*(?:x|times)?\s*per\s+(\d{0,5}\s*[smhdw]|day|week|month|calendar\s+(?:day|week|month))",
    re.I,
)
_NAMED = {"day": "1d", "week": "7d", "month": "30d"}

Unit = Literal["day", "week", "month"]
"""A period of the calendar; weeks begin on Monday."""

LONGEST: dict[Unit, timedelta] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
}
"""How long a period of the calendar is at most, on a wall whose clocks are not changed."""


def parse_span(text: object) -> timedelta:
    """`90s`, `30m`, `4h`, `14d` or `2w` as a timedelta; a leading minus looks back.

    >>> parse_span("4h")
    datetime.timedelta(seconds=14400)
    """
    if isinstance(text, timedelta):
        return text
    match = _SPAN.fullmatch(str(text).strip())
    if not match:
        raise ValueError("write a span of time as a number and s, m, h, d or w, such as 4h or 14d")
    sign, number, unit = match.groups()
    span = int(number) * _UNITS[unit]
    return -span if sign else span


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be more than nothing")
    return span


def show_span(span: timedelta) -> str:
    """The shortest way to write it.

    >>> show_span(timedelta(days=14)), show_span(timedelta(minutes=90))
    ('2w', '90m')
    """
    sign = "-" if span < timedelta(0) else ""
    for unit in reversed(_UNITS):
        number, rest = divmod(abs(span), _UNITS[unit])
        if number and not rest:
            return f"{sign}{number}{unit}"
    return f"{sign}{abs(span).total_seconds():g}s"


_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,5} ?[smhdw]$", "examples": ["4h"]})
Shift = Annotated[timedelta, BeforeValidator(parse_span), _SCHEMA]
"""A span that may look back: `-7d`."""

Span = Annotated[timedelta, BeforeValidator(lambda text: _positive(parse_span(text))), _SCHEMA]
"""A span longer than nothing: `4h`."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `per`, in whatever stretch of that length one looks.

    With a `calendar` unit: in each of its periods, by the customer's own wall; `per` is then the
    longest of them.
    """

    count: int
    per: timedelta
    calendar: Unit | None = None

    def __str__(self) -> str:
        per = show_span(self.per) if self.calendar is None else f"calendar {self.calendar}"
        return f"{self.count} per {per}"


def parse_rate(text: object) -> Rate:
    """`2 per 7d`, `3 per day`, `4 per calendar month`. `0` is allowed, and means none at all.

    >>> print(parse_rate("3 per week"), parse_rate("3 per calendar week"), sep=", ")
    3 per 1w, 3 per calendar week
    """
    if isinstance(text, Rate):
        return text
    match = _RATE.fullmatch(str(text).strip())
    if not match:
        raise ValueError("write a cap as a number and a span of time, such as 2 per 7d")
    count, per = match.groups()
    for unit, longest in LONGEST.items():
        if per.lower().split() == ["calendar", unit]:
            return Rate(int(count), longest, unit)
    per = _NAMED.get(per.lower(), per)
    return Rate(int(count), _positive(parse_span(per if per[0].isdigit() else f"1{per}")))


Cap = Annotated[
    Rate,
    BeforeValidator(parse_rate),
    WithJsonSchema({"type": "string", "pattern": r"^\d+ per .+$", "examples": ["2 per 7d"]}),
]


def parse_pace(text: object) -> Rate:
    """A rate at which something may go on: not by the calendar."""
    rate = parse_rate(text)
    if rate.calendar is not None:
        raise ValueError("write a pace as a number and a span of time, such as 100 per 1s")
    return rate


Pace = Annotated[
    Rate,
    BeforeValidator(parse_pace),
    WithJsonSchema({"type": "string", "pattern": r"^\d+ per .+$", "examples": ["100 per 1s"]}),
]


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def parse_amount(value: Any) -> Any:
    """A number as written: never yes or no, never a text."""
    if not _is_number(value):
        raise ValueError("write a number, such as 20 or 0.0079, without quotes")
    return value


def parse_times(value: Any) -> Any:
    """`3 times` and `1 time` are the numbers 3 and 1; a plain number stays one."""
    match = re.fullmatch(r"(\d+)\s*times?", value.strip()) if isinstance(value, str) else None
    if not match and not _is_number(value):
        raise ValueError("write a number, such as 3 or 3 times")
    return int(match.group(1)) if match else value


def parse_whole(value: Any) -> int:
    """A whole number, and nothing that could be read as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("write a whole number, such as 50")


def parse_day(value: Any) -> date:
    """`2017-11-23` as a date.

    >>> parse_day("2017-11-23")
    datetime.date(2017, 11, 23)
    """
    if type(value) is date:
        return value
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        raise ValueError("write a date as 2017-11-23")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"there is no such day: {value}") from error


def parse_percent(value: Any) -> float:
    """`10%` as 10."""
    if isinstance(value, float):
        return value
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", str(value).strip())
    if match:
        return float(match.group(1))
    raise ValueError("write a share as a percentage, such as 10%")


Whole = Annotated[int, BeforeValidator(parse_whole)]
"""A whole number."""

Amount = Annotated[Decimal, BeforeValidator(parse_amount, json_schema_input_type=float)]
"""A number with as many digits as were written."""

Number = Annotated[
    Decimal | int,
    BeforeValidator(parse_times),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+ *times?$"}],
            "examples": ["3 times"],
        }
    ),
]
"""A number, or `3 times`."""

YesNo = Annotated[bool, WithJsonSchema({"enum": [True, False, "yes", "no"]})]
"""`yes` or `no`, as people write them."""

Day = Annotated[
    date,
    BeforeValidator(parse_day),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$", "examples": ["2017-11-23"]}),
]
"""A date, as written: `2017-11-23`."""


def parse_portion(value: Any) -> int | float:
    """`200` messages as an int, `2%` of them as a float.

    >>> parse_portion(200), parse_portion("2%")
    (200, 2.0)
    """
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError("must be one message at least")
        return value
    try:
        share = parse_percent(value)
    except ValueError:
        raise ValueError(
            "write a number of messages, such as 200, or a share, such as 2%"
        ) from None
    if not 0 < share < 100:
        raise ValueError("must be more than 0% and less than 100%")
    return share


Percent = Annotated[
    float,
    BeforeValidator(parse_percent),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)? ?%$", "examples": ["10%"]}),
]

Portion = Annotated[
    int | float,
    BeforeValidator(parse_portion),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"},
            ],
            "examples": ["200"],
        }
    ),
]
"""`200` of them, or `2%`."""
