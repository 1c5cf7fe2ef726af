"""What the law of a place allows: hours and caps under every campaign's own wishes.

The rows are dated data with a source each (`orchestrator/data`), not legal advice. A place's own
rows and its region's rows hold together; a country without rows of its own has those of `*`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Protocol, TypeVar

from orchestrator.model.clock import Clock
from orchestrator.model.regions import known_region

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANY = "*"
"""For a country: all that have no rows of their own. For a region: unknown. For a channel: all."""


@dataclass(frozen=True, slots=True)
class HoursRow:
    """Hours in which messages are permitted, by the recipient's clock, from `opens` to `closes`.

    A weekday that no row of a place names is closed. `holidays`: whether public holidays are open.
    """

    id: str
    country: str
    region: str | None
    channels: tuple[str, ...]
    days: tuple[str, ...]
    holidays: bool
    opens: time
    closes: time
    source: str
    dated: date

    def __post_init__(self) -> None:
        if not self.opens < self.closes:
            raise ValueError(f"{self.id}: opens must be before closes, on the same day")
        if unknown := set(self.days) - set(WEEK):
            raise ValueError(f"{self.id}: no days of the week: {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class LegalCap:
    """At most `count` messages in any `per`; `per_subject`: of one topic, else of all together."""

    id: str
    country: str
    region: str | None
    channels: tuple[str, ...]
    count: int
    per: timedelta
    per_subject: bool
    source: str
    dated: date


class _Placed(Protocol):
    @property
    def country(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def channels(self) -> tuple[str, ...]: ...


_Row = TypeVar("_Row", bound=_Placed)


def _layers(rows: Iterable[_Row], clock: Clock, channel: str) -> tuple[tuple[_Row, ...], ...]:
    """The rows of the country, then those of the region. An unknown region is `*`."""
    rows = [row for row in rows if channel in row.channels or ANY in row.channels]
    own = [row for row in rows if row.country == clock.country]
    country = [row for row in own if row.region is None] or [
        row for row in rows if row.country == ANY
    ]
    name = clock.region if known_region(clock.country, clock.region) else ANY
    region = [row for row in own if row.region == name]
    return tuple(tuple(layer) for layer in (country, region) if layer)


@dataclass(frozen=True, eq=False, slots=True)
class Law:
    """Read once and compared by identity, so that looking something up under it costs nothing."""

    hours: tuple[HoursRow, ...] = ()
    caps: tuple[LegalCap, ...] = ()

    def hours_for(self, clock: Clock, channel: str) -> tuple[tuple[HoursRow, ...], ...]:
        """The layers of permitted hours: open when each layer has a row that is open.

        No layer means that the law sets no hours for this kind of channel.
        """
        return _layers(self.hours, clock, channel)

    def caps_for(self, clock: Clock, channel: str) -> tuple[LegalCap, ...]:
        """The legal caps of the clock's place; all of them hold."""
        return tuple(cap for layer in _layers(self.caps, clock, channel) for cap in layer)
