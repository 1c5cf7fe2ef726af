"""Quiet hours: the earliest instant at which a message may leave, or why there is none.

All rules only narrow: the law of the clock's place, the shop's and the campaign's quiet hours, and
the customer's own wish, each in every zone that may be the customer's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfoNotFoundError

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import Law
from orchestrator.rules.calendar import (
    DAYS_AHEAD_MAX,
    Calendar,
    WeekRule,
    calendar,
    law_rule,
    quiet_rule,
)

Reason = Literal["open", "quiet_hours", "no_time_zone"]

_AHEAD_MAX = timedelta(days=DAYS_AHEAD_MAX)


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
    try:
        calendars = _calendars(clock, channel, tuple(quiet), law)
    except (ZoneInfoNotFoundError, ValueError):
        # A name that the tz database no longer has is as good as none.
        return Opening(None, None, "no_time_zone", f"no such zone: {', '.join(clock.zones)}")
    if calendars is None:
        return Opening(None, None, "no_time_zone", "no zone is known")
    if not calendars:
        return Opening(now, None, "open")
    found = _together(now, calendars, hold)
    if found is None and len(clock.zones) > 1:
        return Opening(None, None, "no_time_zone", "the possible zones are never open together")
    if found is None:
        return Opening(None, None, "quiet_hours", _blocking(now, calendars, hold))
    at, until = found
    if at == now:
        return Opening(at, until, "open")
    return Opening(at, until, "quiet_hours", _blocking(now, calendars, hold))


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


@lru_cache(maxsize=65_536)
def _calendars(
    clock: Clock, channel: str, quiet: tuple[QuietHours, ...], law: Law
) -> tuple[Calendar, ...] | None:
    """Every rule in every possible zone; nothing if no rule applies; None if no zone is known."""
    rules: list[WeekRule] = [law_rule(layer) for layer in law.hours_for(clock, channel)]
    rules += [quiet_rule(f"quiet {hours}", hours) for hours in quiet]
    if clock.wish is not None:
        rules.append(quiet_rule(f"wish {clock.wish}", clock.wish))
    if not rules:
        return ()
    if not clock.zones:
        return None
    return tuple(calendar(rule, zone) for zone in clock.zones for rule in rules)


def _together(
    now: datetime, calendars: tuple[Calendar, ...], hold: timedelta
) -> tuple[datetime, datetime] | None:
    """The first stretch in which all are open, from `now` on: each moves the instant forward
    until none does."""
    at, settled, ends = now, 0, datetime.max.replace(tzinfo=now.tzinfo)
    index = 0
    while settled < len(calendars):
        stretch = calendars[index].open_at(at, hold)
        if stretch is None or stretch[0] - now > _AHEAD_MAX:
            return None
        if stretch[0] > at:
            at, ends, settled = stretch[0], stretch[1], 1
        else:
            ends, settled = min(ends, stretch[1]), settled + 1
        index = (index + 1) % len(calendars)
    return at, ends


def _blocking(now: datetime, calendars: tuple[Calendar, ...], hold: timedelta) -> str:
    """The rule that blocks now and opens last."""
    name, latest = "", now
    for each in calendars:
        stretch = each.open_at(now, hold)
        if stretch is None:
            return each.rule.name
        if stretch[0] > latest:
            name, latest = each.rule.name, stretch[0]
    return name
