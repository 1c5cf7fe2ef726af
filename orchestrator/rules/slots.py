"""The occasions of a schedule in one zone.

A slot is named by the local wall time that the schedule says, so that it happens once: at the
first of two readings where an hour repeats, and at the first instant after a leap over it.
"""

from calendar import isleap
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile

from cronsim import CronSim

from orchestrator.model.schedule import Cron, Once
from orchestrator.rules.wall import readings, zone_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """One asking of a schedule. `label`: local, `2017-11-20T10:00`; `at`: the instant, UTC."""

    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DateSlot:
    """A local moment for whose trait is one of `match`; if yearly, of that year or one before."""

    label: str
    at: datetime
    match: tuple[str, ...]


def slots(schedule: Cron | Once, zone: str, after: datetime, until: datetime) -> list[Slot]:
    """The slots with `after < at <= until`, in order.

    Of several that a leap moves to one instant only the last is kept: an hourly schedule has one
    slot at the end of a missing hour, not two. A zone that does not exist: ZoneInfoNotFoundError.
    """
    place = zone_of(zone)
    # A label only ever moves forward: none up to what the wall shows at `after` is still due.
    start = after.astimezone(place).replace(tzinfo=None, fold=0, second=0, microsecond=0)
    walls = (
        (schedule.at,)
        if isinstance(schedule, Once)
        else _walls(schedule.expression, start, _last_wall(until.astimezone(place)))
    )
    found: list[Slot] = []
    for wall in walls:
        at, _ = readings(place, wall)
        if at > until:
            break
        if at <= after:
            continue
        if found and found[-1].at == at:
            found.pop()
        found.append(Slot(_label(wall), at))
    return found


def date_slots(
    offset_days: int, at: time, zone: str, after: datetime, until: datetime, yearly: bool
) -> list[DateSlot]:
    """One slot for each local date whose `at` is in `(after, until]`, with the traits that it hits.

    The trait's date is `offset_days` before the slot's. Born on 29 February counts as the 28th in
    a year that has none.
    """
    place = zone_of(zone)
    day = after.astimezone(place).date()
    last = until.astimezone(place).date()
    found = []
    while day <= last:
        wall = datetime.combine(day, at)
        instant, _ = readings(place, wall)
        if after < instant <= until:
            match = _match(day - timedelta(days=offset_days), yearly)
            found.append(DateSlot(_label(wall), instant, match))
        day += _DAY
    return found


def _match(day: date, yearly: bool) -> tuple[str, ...]:
    if yearly and (day.month, day.day) == (2, 28) and not isleap(day.year):
        return (day.isoformat(), f"{day.year}-02-29")
    return (day.isoformat(),)


def _last_wall(until: datetime) -> datetime:
    """The latest that the wall has shown up to `until`: more than now while an hour repeats."""
    first = until.replace(fold=0).utcoffset() or timedelta()
    put_back = first - (until.utcoffset() or timedelta())
    return until.replace(tzinfo=None, fold=0) + max(put_back, timedelta())


@lru_cache(maxsize=256)
def _walls(expression: str, start: datetime, last: datetime) -> tuple[datetime, ...]:
    """The wall times of a cron expression after `start` and up to `last`; zones share them."""
    return tuple(takewhile(lambda wall: wall <= last, CronSim(expression, start)))


def _label(wall: datetime) -> str:
    return wall.isoformat(timespec="minutes")
