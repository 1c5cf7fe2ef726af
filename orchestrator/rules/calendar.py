"""One rule about hours on one zone's wall, as stretches of real time.

A rule opens at most once on each local date. Its stretch is half-open, `[from, until)` in UTC: it
begins at the later reading of its opening and ends at the earlier reading of its closing, so that
a repeated hour is quiet if either reading is. An opening that does not exist moves to the first
instant after the leap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from orchestrator.model.clock import QuietHours
from orchestrator.model.law import WEEK, HoursRow
from orchestrator.rules.wall import readings, zone_of

_DAY = timedelta(days=1)
_DATES_KEPT_MAX = 64

Stretch = tuple[datetime, datetime]
Hours = tuple[time, time]


@dataclass(frozen=True, slots=True)
class WeekRule:
    """When a rule is open, by local weekday (Monday first). Closing before opening: the next day.

    `country`: its public holidays are closed.
    """

    name: str
    days: tuple[Hours | None, ...]
    country: str | None = None

    def hours(self, day: date) -> Hours | None:
        """Opening and closing of a local date; nothing if it is closed."""
        if self.country is not None and day in _holidays(self.country, day.year):
            return None
        return self.days[day.weekday()]


def quiet_rule(name: str, quiet: QuietHours) -> WeekRule:
    """Open when it is not quiet."""
    return WeekRule(name, ((quiet.end, quiet.start),) * 7)


def law_rule(rows: tuple[HoursRow, ...]) -> WeekRule:
    """Open when a row is. Where two name the same weekday, what both permit."""
    days: list[Hours | None] = []
    for name in WEEK:
        named = [row for row in rows if name in row.days]
        opens = max((row.opens for row in named), default=time.max)
        closes = min((row.closes for row in named), default=time.min)
        days.append((opens, closes) if opens < closes else None)
    closed = next((row.country for row in rows if not row.holidays), None)
    return WeekRule(", ".join(row.id for row in rows), tuple(days), closed)


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> Mapping[date, str]:
    """The national public holidays."""
    return dict(holidays.country_holidays(country, years=year))


class Calendar:
    """A rule on a zone's wall. What it finds for a date is kept, for some dates; and the stretch
    that it found last, for until that is over the answer is the same."""

    __slots__ = ("_found", "_last", "_zone", "rule")

    def __init__(self, rule: WeekRule, zone: ZoneInfo) -> None:
        self.rule = rule
        self._zone = zone
        self._found: dict[date, Stretch | None] = {}
        self._last: tuple[datetime, timedelta, Stretch] | None = None  # from when on, for what hold

    def open_at(self, now: datetime, hold: timedelta, horizon: datetime) -> Stretch | None:
        """The first stretch from `now` on in which one can stay for `hold`, less what is past.

        None when there is none that begins before `horizon`.
        """
        last = now + hold
        if self._last is not None:
            since, same, (start, end) = self._last
            if since <= now and last < end and hold == same:
                return (max(start, now), end) if start < horizon else None
        day = now.astimezone(self._zone).date() - _DAY
        final = horizon.date() + _DAY  # no zone is further ahead of UTC than a day
        while day <= final:
            stretch = self._stretch(day)
            if stretch is not None:
                start, end = stretch
                if start >= horizon:
                    return None
                if end > last and start + hold < end:
                    self._last = (now, hold, stretch)
                    return max(start, now), end
            day += _DAY
        return None

    def _stretch(self, day: date) -> Stretch | None:
        try:
            return self._found[day]
        except KeyError:
            if len(self._found) >= _DATES_KEPT_MAX:
                self._found.clear()
            found = self._found[day] = self._find(day)
            return found

    def _find(self, day: date) -> Stretch | None:
        hours = self.rule.hours(day)
        if hours is None:
            return None
        opens, closes = hours
        until = day if opens < closes else day + _DAY
        _, start = readings(self._zone, datetime.combine(day, opens))
        closing = datetime.combine(until, closes)
        end, _ = readings(self._zone, closing)
        if end.astimezone(self._zone).replace(tzinfo=None) != closing:
            # The clocks leap over the closing: perhaps over all that is quiet, to the next opening.
            following = self._stretch(day + _DAY)
            if following is not None and following[0] <= end:
                end = following[1]
        return (start, end) if start < end else None


@lru_cache(maxsize=16_384)
def calendar(rule: WeekRule, zone: str) -> Calendar:
    """The one calendar of a rule and a zone; ZoneInfoNotFoundError if there is no such zone."""
    return Calendar(rule, zone_of(zone))
