"""From what a wall clock shows to the instant, on nights that have an hour twice or not at all."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name, read once: `ZoneInfo` itself remembers only a handful.

    No such zone: ZoneInfoNotFoundError, or ValueError where the name cannot be one.
    """
    return ZoneInfo(name)


def readings(zone: ZoneInfo, wall: datetime) -> tuple[datetime, datetime]:
    """The earlier and the later instant (UTC) at which the zone's clocks show `wall`.

    `wall` is naive and in whole seconds. The two are the same but in a repeated hour; a time that
    the clocks leap over is the first instant after the leap.
    """
    first = wall.replace(tzinfo=zone).utcoffset() or timedelta()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    instant = wall.replace(tzinfo=UTC)
    if first >= second:
        return instant - first, instant - second
    leap = _leap(zone, instant - second, instant - first)
    return leap, leap


def _leap(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant with the offset of `after`; that of `before` is another."""
    target = after.astimezone(zone).utcoffset()
    low, high = 0, (after - before) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).utcoffset() == target:
            high = middle
        else:
            low = middle
    return before + high * _SECOND
