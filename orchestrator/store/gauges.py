"""What the ledger tells at one instant to those who watch: queues, hands, totals, trouble.

All but `totals` is answered from small partial indexes, whatever the ledger holds. `totals` reads
every message: ask it seldom.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from orchestrator.model.message import IN_HAND, NEVER_PLANNED, TROUBLE, WAITING, State
from orchestrator.store.canaries import HELD_BACK
from orchestrator.store.passes import skipped_in_passes
from orchestrator.store.reports import maybe_twice, stated
from orchestrator.tables import attempts, messages
from orchestrator.tables.messages import is_one_of

_SENT = (State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED)
_MAY_TURN = (*WAITING, *IN_HAND, State.UNKNOWN_FINAL)

LATELY_MAX = 50_000
"""So many attempts are looked at, at most, to tell how fast messages leave."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits on a channel. `oldest_due`: of what is due and not stopped or held back."""

    channel: str
    waiting: int
    due: int
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class InHand:
    """What workers hold on a channel; `overdue` of it longer than they said."""

    channel: str
    state: str
    messages: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message that came to an end which nobody meant."""

    message_id: int
    campaign: str
    channel: str
    state: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """Over everything that was ever planned.

    `planned`, `sent`, `ended` and `skipped` never fall: a message that has come to one of these
    stays there. `states` is how many stand where now.
    """

    states: Counter[str]
    planned: Counter[str]
    """Campaign → messages."""
    sent: Counter[tuple[str, str]]
    """(campaign, channel) → messages that the provider took."""
    ended: Counter[tuple[str, str, str, str]]
    """(campaign, channel, state, reason) → planned messages that will not be sent."""
    skipped: Counter[tuple[str, str]]
    """(campaign, reason) → customers who were asked about and not planned."""
    maybe_twice: Counter[tuple[str, str]]
    """(campaign, channel) → how many times a message may have arrived once more."""


def queues(connection: Connection, now: datetime, *, stopped: Collection[str] = ()) -> list[Queue]:
    """What waits, by channel.

    What these `stopped` campaigns wait with is not late, nor what waits until the first messages of
    a new version have fared well.
    """
    due = messages.c.send_after <= now
    late = due & ~HELD_BACK
    late = late & messages.c.campaign.not_in(stopped) if stopped else late
    statement = (
        select(
            messages.c.channel,
            func.count(),
            func.count().filter(due),
            func.min(messages.c.send_after).filter(late),
        )
        .where(is_one_of(messages.c.state, WAITING))
        .group_by(messages.c.channel)
        .order_by(messages.c.channel)
    )
    return [Queue(*row) for row in connection.execute(statement)]


def in_hand(connection: Connection, now: datetime) -> list[InHand]:
    """What workers hold, and what was written and not answered, by channel and state."""
    statement = (
        select(
            messages.c.channel,
            messages.c.state,
            func.count(),
            func.count().filter(messages.c.lease_until < now),
        )
        .where(is_one_of(messages.c.state, IN_HAND))
        .group_by(messages.c.channel, messages.c.state)
        .order_by(messages.c.channel, messages.c.state)
    )
    return [InHand(*row) for row in connection.execute(statement)]


def trouble(connection: Connection) -> Counter[tuple[str, str]]:
    """(channel, state) → messages that came to an end which nobody meant."""
    statement = (
        select(messages.c.channel, messages.c.state, func.count())
        .where(is_one_of(messages.c.state, TROUBLE))
        .group_by(messages.c.channel, messages.c.state)
    )
    return Counter({(row[0], row[1]): row[2] for row in connection.execute(statement)})


def newest_trouble(connection: Connection, limit: int) -> list[Trouble]:
    """The last messages that came to an end which nobody meant."""
    names = ("id", "campaign", "channel", "state", "reason", "ended_at")
    statement = (
        select(*(messages.c[name] for name in names))
        .where(is_one_of(messages.c.state, TROUBLE), messages.c.ended_at.is_not(None))
        .order_by(messages.c.ended_at.desc())
        .limit(limit)
    )
    return [Trouble(*row) for row in connection.execute(statement)]


def sent_per_minute(
    connection: Connection, now: datetime, span: timedelta = timedelta(minutes=1)
) -> dict[str, float]:
    """Channel → messages written to its provider in a minute, measured over the last `span`.

    Where more than `LATELY_MAX` were written meanwhile, over the time that those took.
    """
    last = connection.scalar(select(func.max(attempts.c.id)))
    if last is None:
        return {}
    lately = (
        select(messages.c.channel, func.count(), func.min(attempts.c.at))
        .join(messages, messages.c.id == attempts.c.message_id)
        .where(attempts.c.id > last - LATELY_MAX, attempts.c.at > now - span, attempts.c.at <= now)
        .group_by(messages.c.channel)
    )
    found = connection.execute(lately).all()
    all_seen = sum(row[1] for row in found) < LATELY_MAX
    took = span if all_seen else max(now - min(row[2] for row in found), timedelta(seconds=1))
    return {row[0]: row[1] * (timedelta(minutes=1) / took) for row in found}


def totals(connection: Connection) -> Totals:
    """Every message and every pass, added up."""
    found = Totals(Counter(), Counter(), Counter(), Counter(), Counter(), maybe_twice(connection))
    for one in stated(connection):
        found.states[one.state] += one.messages
        if one.state in NEVER_PLANNED:
            reason = one.reason or one.state
            found.skipped[one.campaign, reason] += one.messages
            continue
        found.planned[one.campaign] += one.messages
        if one.state in _SENT:
            found.sent[one.campaign, one.channel] += one.messages
        elif one.state not in _MAY_TURN:
            found.ended[one.campaign, one.channel, one.state, one.reason or ""] += one.messages
    for campaign, counts in skipped_in_passes(connection).items():
        for reason, number in counts.items():
            if reason not in _KEPT_AS_ROWS:
                found.skipped[campaign, reason] += number
    return found


_KEPT_AS_ROWS = ("planned", "holdout", "began")
"""What a pass counts besides those it skipped: they have rows of their own."""
