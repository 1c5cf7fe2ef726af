"""Every change of every zone's clocks from 2020 to 2037, against an oracle that walks minutes.

Zones that change at the same instant between the same offsets are one case: nothing else of a
zone is looked at within a day of a change.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import Law
from orchestrator.model.schedule import Cron
from orchestrator.rules.hours import opening
from orchestrator.rules.slots import slots

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
STEP, MINUTE, HOUR = timedelta(days=3), timedelta(minutes=1), timedelta(hours=1)
NO_LAW = Law()


class Change(NamedTuple):
    at: datetime
    before: timedelta
    after: timedelta


def changes_of(zone: ZoneInfo) -> Iterator[Change]:
    def offset(instant: datetime) -> timedelta:
        found = instant.astimezone(zone).utcoffset()
        assert found is not None
        return found

    low, before = START, offset(START)
    while low < END:
        high = low + STEP
        after = offset(high)
        if before != after:
            left, right = low, high
            while right - left > MINUTE:
                middle = left + (right - left) // MINUTE // 2 * MINUTE
                left, right = (middle, right) if offset(middle) == before else (left, middle)
            yield Change(right, before, after)
        low, before = high, after


@cache
def changes() -> dict[Change, str]:
    """Every distinct change with a zone that makes it."""
    return {
        change: name
        for name in sorted(available_timezones() - {"localtime"})
        for change in changes_of(ZoneInfo(name))
    }


def settings(change: Change) -> list[QuietHours]:
    """Quiet hours with ends before, in, at the ends of and after what is skipped or repeated."""
    early, late = sorted([change.at + change.before, change.at + change.after])
    middle = early + (late - early) // 2
    third = timedelta(minutes=10)
    pairs = [
        (middle, middle + 12 * HOUR),
        (middle - 12 * HOUR, middle),
        (early, late),
        (late, early),
        (middle - third, middle + third),
        (middle + third, middle - third),
        (early - 11 * HOUR, early),
        (late, late + 11 * HOUR),
    ]
    return [QuietHours(_minute(a), _minute(b)) for a, b in pairs] + [QuietHours(time(21), time(9))]


def _minute(moment: datetime) -> time:
    return moment.time().replace(second=0, microsecond=0)


def is_quiet(wall: time, quiet: QuietHours) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def test_there_are_changes_of_every_kind() -> None:
    found = changes()
    shifts = {change.after - change.before for change in found}
    assert len(found) > 1000
    assert {HOUR, -HOUR, HOUR / 2, -HOUR / 2, 2 * HOUR, -2 * HOUR} <= shifts
    at_midnight = [c for c in found if (c.at + c.before).time() == time(0) and c.after > c.before]
    assert {"America/Havana", "Asia/Beirut"} & {found[change] for change in at_midnight}


def test_no_instant_of_an_opening_is_quiet_and_none_is_wasted() -> None:
    for change, name in changes().items():
        zone = ZoneInfo(name)
        reach = abs(change.after - change.before) + timedelta(minutes=80)
        count = 2 * (reach // MINUTE)
        start = change.at - reach
        walls = [(start + n * MINUTE).astimezone(zone) for n in range(count)]
        twice = [wall.utcoffset() > wall.replace(fold=1).utcoffset() or wall.fold for wall in walls]
        clock = Clock((name,))
        for quiet in settings(change):
            silent = [is_quiet(wall.time(), quiet) for wall in walls]
            for since in (0, count // 2 - 31, count // 2 - 1, count // 2, count // 2 + 29):
                now = start + since * MINUTE
                found = opening(now, clock, "email", quiet=[quiet], law=NO_LAW, hold_s=0)
                where = f"{name} {now} {quiet} {found}"
                assert found.at is not None, where
                assert found.until is not None, where
                opens = (found.at - start) // MINUTE
                closes = (found.until - start) // MINUTE
                assert not any(silent[opens:closes]), where
                waited = zip(silent[since:opens], twice[since:opens], strict=True)
                assert all(quiet_then or again for quiet_then, again in waited), where
                if closes < count:
                    assert silent[closes] or twice[closes], where


def test_a_daily_slot_comes_once_a_day_and_never_early() -> None:
    for change, name in changes().items():
        zone = ZoneInfo(name)
        early, late = sorted([change.at + change.before, change.at + change.after])
        for wall in (early, early + (late - early) // 2, late - MINUTE, late):
            cron = Cron(f"{wall.minute} {wall.hour} * * *")
            after, until = change.at - 40 * HOUR, change.at + 40 * HOUR
            whole = slots(cron, name, after, until)
            days = [slot.label[:10] for slot in whole]
            where = f"{name} {cron} {whole}"
            assert len(days) == len(set(days)), where
            assert wall.date().isoformat() in days, where
            assert [slot.at for slot in whole] == sorted({slot.at for slot in whole}), where
            for slot in whole:
                shown = slot.at.astimezone(zone).replace(tzinfo=None, fold=0)
                label = datetime.fromisoformat(slot.label)
                assert shown == label or (shown > label and slot.at == change.at), where
            halves = slots(cron, name, after, change.at) + slots(cron, name, change.at, until)
            assert halves == whole, where
