"""Schedules, as local wall time; `orchestrator.rules.slots` makes instants of them in a zone."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time has no zone
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::00)?")


@dataclass(frozen=True, slots=True)
class Cron:
    """`0 10 * * MON`: minute, hour, day of the month, month, weekday. A wrong one: `ValueError`."""

    expression: str

    def __post_init__(self) -> None:
        expression = " ".join(self.expression.split())
        object.__setattr__(self, "expression", expression)
        if len(expression.split(" ")) != 5:
            raise ValueError(
                "write a schedule as minute, hour, day, month and weekday, such as 0 10 * * MON,"
                f" not {expression!r}"
            )
        try:
            CronSim(expression, _SOME_DAY)
        except CronSimError as error:
            what = str(error).removeprefix("Bad ")
            raise ValueError(f"the {what} of {expression!r} is none that can be") from error

    def __str__(self) -> str:
        return self.expression


@dataclass(frozen=True, slots=True)
class Once:
    """One local moment, to the minute."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo or self.at.second or self.at.microsecond:
            raise ValueError("write a local moment as 2017-11-22 10:00, without a zone or seconds")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


def parse_cron(text: object) -> Cron:
    """A cron expression of five fields."""
    return text if isinstance(text, Cron) else Cron(str(text))


def parse_once(text: object) -> Once:
    """`2017-11-22 10:00` as a local moment.

    >>> print(parse_once("2017-11-22T10:00"))
    2017-11-22 10:00
    """
    if isinstance(text, Once):
        return text
    if isinstance(text, datetime):
        return Once(text)
    match = _MOMENT.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"write a local moment as 2017-11-22 10:00, not {str(text).strip()!r}")
    try:
        return Once(datetime.fromisoformat(f"{match[1]}T{match[2]}"))
    except ValueError as error:
        raise ValueError(f"there is no such day or time: {str(text).strip()}") from error


CronText = Annotated[
    Cron,
    BeforeValidator(parse_cron),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["0 10 * * MON"]}),
]
"""A cron expression, as written."""
