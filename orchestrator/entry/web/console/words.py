"""How the console writes instants, spans, amounts and shares, and draws them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.entry.written import money, seconds
from orchestrator.flow.report.lift import Lift
from orchestrator.flow.report.report import OnChannel
from orchestrator.model.message import State

_ARRIVED = (State.ACCEPTED, State.DELIVERED)
_NOBODY_KNOWS = (State.UNKNOWN, State.UNKNOWN_FINAL)


def filters(zone: str) -> Mapping[str, Callable[..., Any]]:
    """For the templates; instants are on the shop's clock."""
    place = ZoneInfo(zone)

    def moment(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(place):%a %-d %b %Y, %H:%M}"

    def value(found: Any) -> str:
        return moment(found) if isinstance(found, datetime) else str(found)

    return {
        "moment": moment,
        "value": value,
        "number": lambda number: f"{number:,}",
        "money": money,
        "share": lambda part: f"{part:.1%}",
        "seconds": seconds,
        "parts": parts,
        "interval": interval,
    }


def parts(one: OnChannel) -> dict[str, tuple[int, float, float]]:
    """What became of a campaign's messages on a channel: how many, from where to where in a bar of
    100."""
    states = one.states
    arrived = sum(states.get(state, 0) for state in _ARRIVED)
    unknown = sum(states.get(state, 0) for state in _NOBODY_KNOWS)
    numbers = {
        "arrived": arrived,
        "unknown": unknown,
        "other": max(one.sent - arrived - unknown, 0),
        "waiting": one.waiting,
    }
    whole = sum(numbers.values()) or 1
    found, at = {}, 0.0
    for name, number in numbers.items():
        width = 100 * number / whole
        found[name] = (number, round(at, 2), round(width, 2))
        at += width
    return found


def interval(lift: Lift) -> dict[str, float]:
    """Where the gain and its interval lie in a bar of 100 that has zero at 50."""
    widest = max(abs(lift.low), abs(lift.high), 0.1) * 1.05
    place = {"low": lift.low, "high": lift.high, "points": lift.points}
    return {name: round(50 + 50 * points / widest, 2) for name, points in place.items()}
