"""Instants as people write and read them: on the shop's clock."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from orchestrator.model.errors import WrongUse


def read_moment(text: str, zone: str) -> datetime:
    """`2017-11-20`, `2017-11-20 10:00` or `2017-11-20T15:00Z`; without an offset, the shop's."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongUse(
            f"not a moment: {text!r}; write 2017-11-20, '2017-11-20 10:00' or 2017-11-20T15:00Z"
        ) from None
    if len(text.strip()) <= len("2017-11-20"):
        at = datetime.combine(at.date(), time())
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def show_moment(at: datetime, zone: str) -> str:
    """`Mon 20 Nov 2017 10:00`, on the clock of `zone`."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M}"


def show_span(first: datetime, last: datetime, zone: str) -> str:
    """From when to when, with what both have in common said once."""
    place = ZoneInfo(zone)
    begins, ends = first.astimezone(place), last.astimezone(place)
    if f"{begins:%F %H:%M}" == f"{ends:%F %H:%M}":
        return show_moment(first, zone)
    if begins.date() == ends.date():
        return f"{begins:%a %d %b %Y %H:%M}–{ends:%H:%M}"
    return f"{show_moment(first, zone)} – {show_moment(last, zone)}"
