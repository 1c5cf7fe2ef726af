"""The data's own time: UTC instants, weeks that begin on Monday at midnight US Eastern.

The week boundaries in the data lie at 05:00 UTC in winter and 04:00 UTC in summer, so the
timestamps are UTC and the weeks are Eastern; week 1 holds a single day, Sunday 2017-01-01.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
"""The zone in which the data's shops keep their weeks."""

WEEKS = 53
_SUNDAY_BEFORE = date(2017, 1, 1)


def midnight(day: date) -> datetime:
    """The instant (UTC) at which `day` begins in the shops' zone."""
    return datetime.combine(day, time(), tzinfo=EASTERN).astimezone(UTC)


@cache
def week_start(week: int) -> datetime:
    """The instant (UTC) at which a data week begins; week 54 is the end of week 53."""
    return midnight(_SUNDAY_BEFORE + timedelta(days=7 * week - 13))


REPLAY_FROM = week_start(46)  # Monday 2017-11-06
REPLAY_TO = week_start(50)  # Monday 2017-12-04; Thanksgiving is 2017-11-23


def text(instant: datetime) -> str:
    """An instant as import records write it. All have one form, so they sort as text."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def week_text(week: int) -> str:
    """The beginning of a data week as records write it."""
    return text(week_start(week))
