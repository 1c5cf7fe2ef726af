"""What Tactful's tables say in the end: read for grouping, and to be held against the log."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, func, select

from orchestrator.model.message import UNDECIDED
from orchestrator.store.database import reading
from orchestrator.store.journeys import NOT_SET_OUT, TOO_LATE
from orchestrator.tables import (
    attempts,
    customers,
    events,
    journeys,
    message_log,
    messages,
    passes,
)


@dataclass(slots=True)
class Row:
    """One message."""

    id: str
    campaign: str
    customer: str
    occasion: str
    step: int
    channel: str
    state: str
    reason: str | None
    marketing: bool
    topic: str
    event: str | None = None
    planned_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: list[str] = field(default_factory=list)
    outcomes: list[str | None] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    @property
    def maybe_more(self) -> int:
        """How many times more than once it may have arrived, by its own record."""
        times = sum(one in (None, "accepted", "unknown") for one in self.outcomes)
        return max(times - 1, 0)

    @property
    def ended(self) -> bool:
        """At an end, with a reason where it was not accepted."""
        return self.state not in UNDECIDED and (self.state == "accepted" or bool(self.reason))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Messages by id; the slots of schedules that were decided, by campaign; and why those who
    asked, by (event, campaign), never set out on a journey."""

    rows: Mapping[str, Row]
    passes: Mapping[str, Sequence[datetime]]
    never_began: Mapping[tuple[str, str], str] = field(default_factory=dict)


def read_ledger(engine: Engine) -> Ledger:
    """All of it."""
    m = messages.c
    names = ("id", "campaign", "occasion", "step", "channel", "state", "reason", "marketing")
    more = ("topic", "planned_at", "ended_at")
    statement = (
        select(
            *(m[name] for name in names + more),
            customers.c.key.label("customer"),
            events.c.key.label("event"),
        )
        .join(customers, customers.c.id == m.customer_id)
        .outerjoin(events, events.c.id == m.event_id)
    )
    with reading(engine) as connection:
        rows: dict[str, Row] = {}
        for found in connection.execute(statement).mappings():
            rows[str(found["id"])] = Row(**{**found, "id": str(found["id"])})
        for one in connection.execute(select(attempts).order_by(attempts.c.id)):
            said = f"attempt {one.id} at {one.at} through {one.provider}: {one.outcome}"
            rows[str(one.message_id)].attempts.append(f"{said} {one.detail or ''}")
            rows[str(one.message_id)].outcomes.append(one.outcome)
        for line in connection.execute(select(message_log).order_by(message_log.c.id)):
            said = f"{line.at} {line.what} {line.detail or ''}"
            rows[str(line.message_id)].history.append(said)
        decided: dict[str, list[datetime]] = defaultdict(list)
        for slot in connection.execute(select(passes.c.campaign, passes.c.due_at)):
            decided[slot.campaign].append(slot.due_at)
        ended = (
            select(events.c.key, journeys.c.campaign, journeys.c.ended_as)
            .join(events, events.c.id == journeys.c.event_id)
            .where(journeys.c.ended_as.in_((NOT_SET_OUT, TOO_LATE)))
        )
        never_began = {(key, name): why for key, name, why in connection.execute(ended)}
    return Ledger(rows, decided, never_began)


def unfinished(engine: Engine) -> tuple[int, int]:
    """Messages and journeys that are not at an end yet."""
    with reading(engine) as connection:
        open_messages = connection.execute(
            select(func.count()).where(messages.c.state.in_(UNDECIDED))
        ).scalar_one()
        under_way = connection.execute(
            select(func.count()).where(journeys.c.ended_at.is_(None))
        ).scalar_one()
    return open_messages, under_way
