"""Quiet hours: the earliest instant at which a message may leave, or why there is none.

All rules only narrow: the law of the clock's place, the shop's and the campaign's quiet hours, and
the customer's own wish, each in every zone that may be the customer's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfoNotFoundError

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import Law
from orchestrator.rules.calendar import (
    Calendar,
    Stretch,
    WeekRule,
    calendar,
    law_rule,
    quiet_rule,
)

Reason = Literal["open", "quiet_hours", "no_time_zone"]

DAYS_AHEAD_MAX = 8
"""A stretch that begins after so many more whole days (UTC) is as good as none."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Opening:
    """When a message may leave.

    `at`: the earliest instant, `now` itself when it is open; None: held, there is none in sight.
    `until`: when that open stretch ends (half-open: a write must be over before); None: it does
    not end, as nothing narrows it, or there is no `at`.
    `reason`: what blocks now. `rule`: which rule does: ids of legal rows, `quiet 21:00-09:00` or
    `wish 22:00-08:00`; the one that opens last where several do; empty when open.
    """

    at: datetime | None
    until: datetime | None
    reason: Reason
    rule: str = ""


def opening(
    now: datetime,
    clock: Clock,
    channel: str,
    *,
    quiet: Sequence[QuietHours],
    law: Law,
    hold_s: float = 15,
) -> Opening:
    """The earliest instant t from `now` on such that all of `[t, t + hold_s]` is permitted.

    `channel` is a kind: sms, voice, whatsapp, email … Fails closed: where any rule applies and no
    zone is known, or the possible zones are never open together, the message is held.
    """
    hold = timedelta(seconds=hold_s)
    return _narrowed(clock, channel, tuple(quiet), law).opening(now, hold)


def openings(
    now: datetime,
    clocks: Mapping[int, Clock],
    channel: str,
    *,
    quiet: Sequence[QuietHours],
    law: Law,
    hold_s: float = 15,
) -> dict[int, Opening]:
    """`opening` for many clocks, by their number."""
    quiet = tuple(quiet)
    return {
        number: opening(now, clock, channel, quiet=quiet, law=law, hold_s=hold_s)
        for number, clock in clocks.items()
    }


class _Narrowed:
    """All that narrows one clock's time on a channel: every rule in every possible zone.

    Remembers its last answer for as long as no rule opens or closes, as most of a tick's questions
    are those of the tick before.
    """

    __slots__ = ("_calendars", "_kept", "_zones")

    def __init__(self, zones: int, calendars: tuple[Calendar, ...]) -> None:
        self._zones = zones
        self._calendars = calendars
        self._kept: tuple[datetime, datetime, timedelta, Opening] | None = None

    def opening(self, now: datetime, hold: timedelta) -> Opening:
        kept = self._kept
        if kept is None or not kept[0] <= now < kept[1] or kept[2] != hold:
            answer, changes = self._answer(now, hold)
            self._kept = (now, changes, hold, answer)
        else:
            answer = kept[3]
        if answer.reason == "open" and answer.at != now:
            return Opening(now, answer.until, "open")
        return answer

    def _answer(self, now: datetime, hold: timedelta) -> tuple[Opening, datetime]:
        """The opening, and the instant from which it may be another."""
        midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC) + timedelta(days=1)
        horizon = midnight + timedelta(days=DAYS_AHEAD_MAX)
        rule, latest, changes, ends = "", now, midnight, _NEVER
        for each in self._calendars:
            stretch = each.open_at(now, hold, horizon)
            start, end = stretch if stretch is not None else (horizon, horizon)
            changes, ends = min(changes, start if start > now else end - hold), min(ends, end)
            if start > latest:
                rule, latest = each.rule.name, start
        if not rule:
            return Opening(now, ends, "open"), changes
        together = self._together(now, hold, horizon)
        if together is not None:
            return Opening(together[0], together[1], "quiet_hours", rule), changes
        if self._zones > 1:
            rule = "the possible zones are never open together"
            return Opening(None, None, "no_time_zone", rule), changes
        return Opening(None, None, "quiet_hours", rule), changes

    def _together(self, now: datetime, hold: timedelta, horizon: datetime) -> Stretch | None:
        """The first stretch in which all are open: each moves the instant on until none does."""
        at, ends, settled, turn = now, _NEVER, 0, 0
        while settled < len(self._calendars):
            stretch = self._calendars[turn % len(self._calendars)].open_at(at, hold, horizon)
            if stretch is None:
                return None
            start, end = stretch
            ends, settled = (end, 1) if start > at else (min(ends, end), settled + 1)
            at, turn = start, turn + 1
        return at, ends


@dataclass(frozen=True, slots=True)
class _Held:
    """Some rule applies, and no zone is known to apply it in."""

    rule: str

    def opening(self, now: datetime, hold: timedelta) -> Opening:
        return Opening(None, None, "no_time_zone", self.rule)


class _Free:
    """No rule applies."""

    def opening(self, now: datetime, hold: timedelta) -> Opening:
        return Opening(now, None, "open")


@lru_cache(maxsize=65_536)
def _narrowed(
    clock: Clock, channel: str, quiet: tuple[QuietHours, ...], law: Law
) -> _Narrowed | _Held | _Free:
    rules: list[WeekRule] = [law_rule(layer) for layer in law.hours_for(clock, channel)]
    rules += [quiet_rule(f"quiet {hours}", hours) for hours in quiet]
    if clock.wish is not None:
        rules.append(quiet_rule(f"wish {clock.wish}", clock.wish))
    if not rules:
        return _Free()
    if not clock.zones:
        return _Held("no zone is known")
    try:
        calendars = [calendar(rule, zone) for zone in clock.zones for rule in rules]
    except (ZoneInfoNotFoundError, ValueError):
        # A name that the tz database does not have (any more) is as good as none.
        return _Held(f"no such zone: {', '.join(clock.zones)}")
    return _Narrowed(len(clock.zones), tuple(calendars))
