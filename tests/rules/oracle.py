"""The oracle: conditions over plain Python customers, as naively as they can be read.

Shares nothing with `orchestrator.rules`. Three answers: True, False, and None for unknown.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

LEFT = {"sending", "unknown", "accepted", "delivered", "bounced", "complained", "unknown_final"}


@dataclass
class Happening:
    """An event; `products` are records."""

    name: str
    at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    products: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Person:
    """A customer. `consents`: (channel, topic, given, at, until); `got`: (campaign, state, at)."""

    key: str
    zone: str | None = "America/New_York"
    traits: dict[str, Any] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)
    consents: list[tuple[str, str, bool, datetime, datetime | None]] = field(default_factory=list)
    got: list[tuple[str, str, datetime]] = field(default_factory=list)


def both(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def either(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def negated(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def holds(
    said: dict[str, Any], who: Person, now: datetime, segments: dict[str, Any]
) -> bool | None:
    """Whether the condition, as written, holds."""
    if "trait" in said:
        day = now.astimezone(ZoneInfo(who.zone)).date() if who.zone else None
        return both([passes(op, who.traits.get(said["trait"]), x, day) for op, x in tests(said)])
    if "did" in said:
        return did(said, who, now)
    if "last" in said or "first" in said:
        name = said.get("last") or said["first"]
        times = [e.at for e in matching(said, name, who, now)]
        if not times:
            return None
        at = max(times) if "last" in said else min(times)
        return at > now - said["within"] if "within" in said else at <= now - said["older_than"]
    if "consent" in said:
        return consented(said["consent"], said.get("topic"), who, now)
    if "segment" in said:
        return holds(segments[said["segment"]], who, now, segments) is True
    if "got" in said:
        after = now - said.get("within", timedelta(days=9999))
        return any(c == said["got"] and s in LEFT and after < at <= now for c, s, at in who.got)
    parts = [holds(c, who, now, segments) for c in said.get("all", ())]
    if said.get("any"):
        parts.append(either([holds(c, who, now, segments) for c in said["any"]]))
    parts += [negated(holds(c, who, now, segments)) for c in said.get("none", ())]
    return both(parts)


def tests(said: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(op, x) for op, x in said.items() if op not in ("trait",)]


def passes(op: str, value: Any, x: Any, day: date | None = None) -> bool | None:
    if op == "known":
        return (value is not None) == x
    if value is None:
        return None
    if op in ("is", "is_not"):
        return (value == x) == (op == "is")
    if op in ("in", "not_in"):
        return (value in x) == (op == "in")
    if op == "has":
        return x in value
    if op in ("before", "after"):
        return value < x if op == "before" else value > x
    if op in ("at_least", "at_most", "above", "below", "exactly"):
        return {
            "at_least": value >= x, "at_most": value <= x, "above": value > x, "below": value < x,
            "exactly": value == x,
        }[op]  # fmt: skip
    if day is None:
        return None
    then, days = date.fromisoformat(value), x.days
    if op == "within_last":
        return 0 <= (day - then).days < days
    if op == "within_next":
        return 0 <= (then - day).days < days
    return (day - then).days >= days


def matching(said: dict[str, Any], name: str, who: Person, now: datetime) -> list[Happening]:
    def all_true(asked: dict[str, Any], record: dict[str, Any]) -> bool:
        return all(
            passes(op, record.get(key), x) is True
            for key, tests in asked.items()
            for op, x in tests.items()
        )

    return [
        e
        for e in who.events
        if e.name == name
        and e.at <= now
        and all_true(said.get("where", {}), e.properties)
        and (not said.get("product") or any(all_true(said["product"], p) for p in e.products))
    ]


def did(said: dict[str, Any], who: Person, now: datetime) -> bool:
    found = matching(said, said["did"], who, now)
    if "within" in said:
        found = [e for e in found if e.at > now - said["within"]]
    values = [e.properties.get(said.get("sum") or said.get("distinct", "")) for e in found]
    known = [v for v in values if v is not None]
    number = sum(known) if "sum" in said else len(set(known)) if "distinct" in said else len(found)
    bounds = [b for b in ("at_least", "at_most", "above", "below", "exactly") if b in said]
    if not bounds:
        return number >= 1
    return all(passes(b, number, said[b]) is True for b in bounds)


def consented(channel: str, topic: str | None, who: Person, now: datetime) -> bool:
    standing = {
        t: given
        for c, t, given, at, until in who.consents
        if c == channel and (at <= now or not given) and (until is None or until > now)
    }
    if topic is None:
        return True in standing.values()
    return (standing.get(topic) or standing.get("*")) is True and standing.get(topic) is not False
