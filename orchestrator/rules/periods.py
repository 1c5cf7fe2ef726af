"""Days, weeks and months of the calendar on a zone's wall, as stretches of real time.

A period begins at the first instant at which the zone's clocks show midnight of its first day, or
at the first instant after it where they leap over midnight, and ends where the next one begins.
Weeks begin on Monday (ISO 8601).
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from orchestrator.model.span import Unit
from orchestrator.rules.wall import readings, zone_of

_DAY = timedelta(days=1)

Stretch = tuple[datetime, datetime]


def period(at: datetime, unit: Unit, zone: str) -> Stretch:
    """The period that `at` lies in: half-open, in UTC."""
    day = at.astimezone(zone_of(zone)).date()
    while True:
        start, end = _stretch(_first(day, unit), unit, zone)
        # In a repeated hour around midnight the wall goes back into a day that is over.
        if at < start:
            day -= _DAY
        elif at >= end:
            day += _DAY
        else:
            return start, end


def periods(at: datetime, hold: timedelta, unit: Unit, zones: Sequence[str]) -> Stretch | None:
    """All periods that something may lie in which begins at `at` and ends within `hold`, where any
    of the zones may be the right one; None where there is none.
    """
    if not zones:
        return None
    found = [period(moment, unit, zone) for zone in zones for moment in (at, at + hold)]
    return min(start for start, _ in found), max(end for _, end in found)


@lru_cache(maxsize=10_000)
def _stretch(first: date, unit: Unit, zone: str) -> Stretch:
    return _midnight(first, zone), _midnight(_next(first, unit), zone)


def _midnight(day: date, zone: str) -> datetime:
    return readings(zone_of(zone), datetime.combine(day, time()))[0]


def _first(day: date, unit: Unit) -> date:
    match unit:
        case "day":
            return day
        case "week":
            return day - day.weekday() * _DAY
        case "month":
            return day.replace(day=1)


def _next(first: date, unit: Unit) -> date:
    match unit:
        case "day":
            return first + _DAY
        case "week":
            return first + 7 * _DAY
        case "month":
            return (first + 31 * _DAY).replace(day=1)
