"""Cancelling: what has not been admitted for writing never leaves.

Whoever sends holds the customer, then moves the message. Cancelling does the same, so that the two
come one after the other, whoever is first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, select, true, update

from orchestrator.model.message import PENDING, State
from orchestrator.store.attempts import some_may_have_arrived
from orchestrator.store.messages import lock_customers
from orchestrator.tables import customers, journeys, messages
from orchestrator.tables.messages import is_one_of

REASON = "cancelled_by_hand"
_AT_ONCE = 1_000
_MAY_HAVE_LEFT = (State.SENDING, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Which:
    """The messages of a campaign, of a customer by key or id, of both; or one message."""

    campaign: str | None = None
    customer: str | None = None
    message: int | None = None
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """One message, and where it stands now."""

    message: int
    state: State


def cancel(
    connection: Connection, which: Which, now: datetime, reason: str = REASON
) -> list[Stopped]:
    """End what has not left; where each message stands that had not ended before.

    A single message is told of in any case. Whoever is on the way leaves the campaign.
    """
    asked = _asked(which)
    if which.message is None:
        _leave(connection, which, now, reason)  # first: whoever plans their next step is waited for
    waiting = connection.execute(
        select(messages.c.id, messages.c.customer_id).where(
            *asked, is_one_of(messages.c.state, PENDING)
        )
    ).all()
    lock_customers(connection, {row.customer_id for row in waiting})
    statement = (
        update(messages)
        .where(*asked, is_one_of(messages.c.state, PENDING))
        .values(
            state=case((some_may_have_arrived(), State.UNKNOWN_FINAL), else_=State.CANCELLED),
            reason=reason,
            ended_at=now,
            token=None,
            lease_until=None,
        )
        .returning(messages.c.id, messages.c.state)
    )
    ended = {id: State(state) for id, state in connection.execute(statement)}
    still = is_one_of(messages.c.state, _MAY_HAVE_LEFT) if which.message is None else true()
    others = select(messages.c.id, messages.c.state).where(*asked, still)
    ended |= {id: State(state) for id, state in connection.execute(others)}
    overtaken = {row.id for row in waiting} - ended.keys()
    ended |= _states(connection, sorted(overtaken))
    return [Stopped(id, state) for id, state in sorted(ended.items())]


def _asked(which: Which) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.campaign is not None:
        found.append(messages.c.campaign == which.campaign)
    if which.customer is not None:
        found.append(messages.c.customer_id == _id_of(which.customer))
    if which.customer_id is not None:
        found.append(messages.c.customer_id == which.customer_id)
    if which.message is not None:
        found.append(messages.c.id == which.message)
    assert found, "name what is to be cancelled"
    return found


def _leave(connection: Connection, which: Which, now: datetime, reason: str) -> None:
    on_the_way: list[ColumnElement[bool]] = [journeys.c.ended_at.is_(None)]
    if which.campaign is not None:
        on_the_way.append(journeys.c.campaign == which.campaign)
    if which.customer is not None:
        on_the_way.append(journeys.c.customer_id == _id_of(which.customer))
    if which.customer_id is not None:
        on_the_way.append(journeys.c.customer_id == which.customer_id)
    connection.execute(update(journeys).where(*on_the_way).values(ended_at=now, ended_as=reason))


def _id_of(key: str) -> ColumnElement[int]:
    return select(customers.c.id).where(customers.c.key == key).scalar_subquery()


def _states(connection: Connection, ids: Sequence[int]) -> dict[int, State]:
    """What was waiting a moment ago, and has gone meanwhile."""
    found: dict[int, State] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        statement = select(messages.c.id, messages.c.state).where(messages.c.id.in_(some))
        found |= {id: State(state) for id, state in connection.execute(statement)}
    return found
