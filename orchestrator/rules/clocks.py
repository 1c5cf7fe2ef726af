"""The clock rules' answers, joined to customers by their clock.

Worked out in Python once for each clock and given to a statement as one parameter, `clock_rows`:
the clock, the customer's local day, for every channel the instants at which it opens and closes
again, and for every legal cap whether it applies there; for caps by the calendar, the period in
which a message would leave on the channel.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import FromClause, Integer, String
from sqlalchemy.types import TypeEngine

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import ANY, Law, LegalCap
from orchestrator.model.span import Unit
from orchestrator.rules.hours import Opening, openings
from orchestrator.rules.periods import periods
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows

HOLD = timedelta(seconds=15)
"""D of the delivery promise: a write ends no later than this after its gates were checked."""


def opens(channel: str) -> str:
    """The name of the column that tells when a channel opens."""
    return f"opens_{channel}"


def closes(channel: str) -> str:
    """The name of the column that tells when a channel closes again, once it has opened."""
    return f"closes_{channel}"


def applies(channel: str, cap: LegalCap) -> str:
    """The name of the column that tells whether a legal cap applies: 1 or 0."""
    return f"law_{channel}_{cap.id}"


def begins(channel: str, unit: Unit) -> str:
    """The name of the column that tells since when messages count in the period of the calendar in
    which the channel opens: a write may last for `HOLD`."""
    return f"{unit}_begins_{channel}"


def ends(channel: str, unit: Unit) -> str:
    """The name of the column that tells when that period ends."""
    return f"{unit}_ends_{channel}"


def legal_caps(law: Law, channel: str) -> tuple[LegalCap, ...]:
    """The legal caps that a channel may meet in some place."""
    return tuple(cap for cap in law.caps if channel in cap.channels or ANY in cap.channels)


def clock_rows(
    channels: Sequence[str], law: Law, name: str = "clock_rows", units: Sequence[Unit] = ()
) -> FromClause:
    """The joined table: clock_id, local_day, for each channel `opens_…`, `closes_…` and `law_…`,
    and last the periods of the calendar. `name` is that of the parameter.

    A customer whose zone is unknown has no local day, and null where the rules hold the message.
    """
    columns: dict[str, TypeEngine[Any]] = {"clock_id": Integer(), "local_day": String()}
    for channel in channels:
        columns |= {opens(channel): Instant(), closes(channel): Instant()}
        columns |= {applies(channel, cap): Integer() for cap in legal_caps(law, channel)}
    for channel in channels:
        for unit in units:
            columns |= {begins(channel, unit): Instant(), ends(channel, unit): Instant()}
    return rows(name, columns)


@dataclass(frozen=True)
class ClockRules:
    """What the answers go by. `quiet` are the hours that the shop and the campaign have set.

    `any_hour`: nothing is quiet, for the customer has just written and awaits an answer.
    """

    law: Law
    channels: tuple[str, ...]
    quiet: tuple[QuietHours, ...]
    any_hour: bool = False
    units: tuple[Unit, ...] = ()  # of the caps by the calendar

    def parameter(self, now: datetime, clocks: Mapping[int, Clock]) -> str:
        """The parameter for `clock_rows`, as JSON text."""
        columns: list[list[Any]] = [list(clocks), [local_day(now, c) for c in clocks.values()]]
        found = {channel: self._openings(now, clocks, channel) for channel in self.channels}
        for channel, opening in found.items():
            columns += self._of_channel(opening, clocks, channel)
        for opening in found.values():
            for unit in self.units:
                columns += _periods(opening, clocks, unit)
        return json.dumps(list(zip(*columns, strict=True)))

    def _openings(
        self, now: datetime, clocks: Mapping[int, Clock], channel: str
    ) -> Mapping[int, Opening]:
        if self.any_hour:
            return dict.fromkeys(clocks, Opening(now, None, "open"))
        return openings(
            now, clocks, channel, quiet=self.quiet, law=self.law, hold_s=HOLD.total_seconds()
        )

    def _of_channel(
        self, found: Mapping[int, Opening], clocks: Mapping[int, Clock], channel: str
    ) -> Iterator[list[int | None]]:
        for instants in (found[id].at for id in clocks), (found[id].until for id in clocks):
            yield [None if at is None else to_micros(at) for at in instants]
        for cap in legal_caps(self.law, channel):
            yield [int(cap in _caps_for(self.law, clock, channel)) for clock in clocks.values()]


def _periods(
    found: Mapping[int, Opening], clocks: Mapping[int, Clock], unit: Unit
) -> list[list[int | None]]:
    around = [
        None if (at := found[id].at) is None else periods(at, HOLD, unit, clock.zones)
        for id, clock in clocks.items()
    ]
    return [
        [None if one is None else to_micros(one[0] - HOLD) for one in around],
        [None if one is None else to_micros(one[1]) for one in around],
    ]


@lru_cache(maxsize=100_000)
def _caps_for(law: Law, clock: Clock, channel: str) -> tuple[LegalCap, ...]:
    return law.caps_for(clock, channel)


def local_day(now: datetime, clock: Clock) -> str | None:
    """The customer's date, as ISO text; None where the zone is not known for certain."""
    return _day_in(now, clock.zones[0]) if len(clock.zones) == 1 else None


@lru_cache(maxsize=10_000)
def _day_in(now: datetime, zone: str) -> str:
    return now.astimezone(ZoneInfo(zone)).date().isoformat()
