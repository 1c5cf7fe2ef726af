"""Times of day, quiet hours, and a customer's clock: all that decides when to write to them."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_HOURS = re.compile(r"(\S+?)\s*[-–]\s*(\S+)")


def parse_time(text: object) -> time:
    """`22:00` as a time of day, to the minute.

    >>> parse_time("9:30")
    datetime.time(9, 30)
    """
    if isinstance(text, time):
        return text
    written = str(text).strip()
    if written == "24:00":
        raise ValueError("24:00 is the next day's 00:00; write midnight as 00:00")
    match = _TIME.fullmatch(written)
    if not match:
        raise ValueError(f"write a time as 22:00, not {written!r}")
    return time(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times not to disturb: from `start` until just before `end`, also over midnight."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("write a beginning and another end, such as 21:00-09:00")

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_hours(text: object) -> QuietHours:
    """`21:00-09:00` as quiet hours.

    >>> print(parse_hours("21:00 - 9:00"))
    21:00-09:00
    """
    if isinstance(text, QuietHours):
        return text
    match = _HOURS.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"write quiet hours as 21:00-09:00, not {str(text).strip()!r}")
    return QuietHours(parse_time(match[1]), parse_time(match[2]))


TimeOfDay = Annotated[
    time,
    BeforeValidator(parse_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d?\d:\d\d$", "examples": ["22:00"]}),
]
"""A local time, as written: `22:00`."""

Hours = Annotated[
    QuietHours,
    BeforeValidator(parse_hours),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d?\d:\d\d ?- ?\d?\d:\d\d$", "examples": ["21:00-09:00"]}
    ),
]
"""Quiet hours, as written: `21:00-09:00`."""


@dataclass(frozen=True, slots=True)
class Clock:
    """All that decides when it is a good time for a customer. Equal clocks are one clock.

    `zones`: IANA names; none means unknown; several mean that any of them may be the right one.
    `country`: ISO 3166, two letters. `region`: a state without its country, such as `TX`.
    `quiet_from` and `quiet_until`: the customer's own wish, both or neither, to the minute.
    Zones are sorted and told once. A wish with one end, or of no length, is a `ValueError`.
    """

    zones: tuple[str, ...] = ()
    country: str | None = None
    region: str | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "zones", tuple(sorted(set(self.zones))))
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("a wish for quiet needs both ends: quiet_from and quiet_until")
        for end in (self.quiet_from, self.quiet_until):
            if end is not None and (end.second or end.microsecond or end.tzinfo):
                raise ValueError("a wish for quiet is a local time to the minute, such as 22:00")
        _ = self.wish  # a wish of no length is refused by the hours themselves

    @property
    def wish(self) -> QuietHours | None:
        """The customer's own quiet hours."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_until)

    @property
    def key(self) -> str:
        """The clock as text; equal clocks and no others have equal keys.

        >>> Clock(("America/Denver", "America/Chicago"), "US", "TX", time(21), time(9)).key
        'America/Chicago,America/Denver|US|TX|21:00-09:00'
        """
        wish = self.wish
        zones = ",".join(self.zones)
        return f"{zones}|{self.country or ''}|{self.region or ''}|{wish or ''}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """The clock of a `key`; a `ValueError` if it is none."""
        parts = key.split("|")
        if len(parts) != 4:
            raise ValueError(f"not the key of a clock: {key!r}")
        zones, country, region, written = parts
        wish = parse_hours(written) if written else None
        return cls(
            zones=tuple(zones.split(",")) if zones else (),
            country=country or None,
            region=region or None,
            quiet_from=wish.start if wish else None,
            quiet_until=wish.end if wish else None,
        )
