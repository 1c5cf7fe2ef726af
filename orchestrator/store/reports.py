"""Sums over the ledger.

What takes `of` is told of these campaigns alone, and reads no other's messages; of all without any.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, true

from orchestrator.model.message import ADMITTED, IN_HAND, WAITING
from orchestrator.tables import attempts, contents, journeys, messages
from orchestrator.tables.messages import is_one_of, may_have_arrived


@dataclass(frozen=True, slots=True)
class Stated:
    """How many messages of a campaign on a channel are in a state for a reason."""

    campaign: str
    channel: str
    state: str
    reason: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class Written:
    """What left, or may have left: the pieces that are paid for."""

    campaign: str
    channel: str
    pieces: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on a channel, and when the next of it is due."""

    channel: str
    messages: int
    due_now: int
    next: datetime


def stated(connection: Connection, of: Collection[str] = ()) -> list[Stated]:
    """Every message, by campaign, channel, state and reason."""
    key = [messages.c[name] for name in ("campaign", "channel", "state", "reason")]
    counted = select(*key, func.count().label("messages")).where(_is_of(of))
    statement = counted.group_by(*key).order_by(*key)
    return [
        Stated(row.campaign, row.channel, row.state, row.reason, row.messages)
        for row in connection.execute(statement)
    ]


def written(connection: Connection, of: Collection[str] = ()) -> list[Written]:
    """What left, or may have left, by campaign and channel."""
    statement = (
        select(
            messages.c.campaign,
            messages.c.channel,
            func.coalesce(func.sum(func.coalesce(contents.c.segments, 1)), 0),
        )
        .outerjoin(contents, contents.c.message_id == messages.c.id)
        .where(is_one_of(messages.c.state, ADMITTED), _is_of(of))
        .group_by(messages.c.campaign, messages.c.channel)
        .order_by(messages.c.campaign, messages.c.channel)
    )
    return [Written(*row) for row in connection.execute(statement)]


def maybe_twice(connection: Connection, of: Collection[str] = ()) -> Counter[tuple[str, str]]:
    """(campaign, channel) → how many times a message may have arrived once more.

    Each attempt that was accepted, or of which nobody knows, is one time; the first is meant.
    """
    times = (
        select(messages.c.campaign, messages.c.channel, (func.count() - 1).label("more"))
        .join(attempts, attempts.c.message_id == messages.c.id)
        .where(messages.c.tries > 1, may_have_arrived(), _is_of(of))
        .group_by(messages.c.id)
        .having(func.count() > 1)
        .subquery()
    )
    key = times.c.campaign, times.c.channel
    found = connection.execute(select(*key, func.sum(times.c.more)).group_by(*key))
    return Counter({(row[0], row[1]): int(row[2]) for row in found})


def _is_of(campaigns: Collection[str]) -> ColumnElement[bool]:
    return messages.c.campaign.in_(sorted(campaigns)) if campaigns else true()


def waiting(connection: Connection, now: datetime) -> list[Waiting]:
    """What waits to be sent, by channel."""
    due = func.count().filter(messages.c.send_after <= now)
    statement = (
        select(messages.c.channel, func.count(), due, func.min(messages.c.send_after))
        .where(is_one_of(messages.c.state, WAITING))
        .group_by(messages.c.channel)
        .order_by(messages.c.channel)
    )
    return [Waiting(*row) for row in connection.execute(statement)]


def in_hand(connection: Connection) -> dict[str, int]:
    """Messages that a worker holds, or whose answer was lost, by state."""
    statement = (
        select(messages.c.state, func.count())
        .where(is_one_of(messages.c.state, IN_HAND))
        .group_by(messages.c.state)
    )
    found = {row[0]: row[1] for row in connection.execute(statement)}
    return {str(state): found.get(state, 0) for state in IN_HAND}


def under_way(connection: Connection) -> dict[str, int]:
    """Customers on their way through the steps of a campaign."""
    statement = (
        select(journeys.c.campaign, func.count())
        .where(journeys.c.ended_at.is_(None))
        .group_by(journeys.c.campaign)
        .order_by(journeys.c.campaign)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def last_activity(connection: Connection) -> datetime | None:
    """When a message was last planned or tried: by the newest rows, not by reading them all."""
    planned = select(messages.c.planned_at).order_by(messages.c.id.desc()).limit(1)
    tried = select(attempts.c.at).order_by(attempts.c.id.desc()).limit(1)
    found = (connection.scalar(newest) for newest in (planned, tried))
    return max((at for at in found if at is not None), default=None)
