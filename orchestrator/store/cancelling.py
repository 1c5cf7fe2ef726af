"""Cancelling: what has not been admitted for writing never leaves.

Whoever sends holds the customer, then moves the message. Cancelling does the same, so that the two
come one after the other, whoever is first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, select, true, update

from orchestrator.model.message import PENDING, State
from orchestrator.store.attempts import some_may_have_arrived
from orchestrator.store.messages import lock_customers
from orchestrator.tables import customers, journeys, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.json import ids_text, these_ids
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


class Waiting(NamedTuple):
    """A message that has not left, and whose it is."""

    id: int
    customer_id: int


def cancel(
    connection: Connection, which: Which, now: datetime, reason: str = REASON
) -> list[Stopped]:
    """End what has not left, all in this transaction: for a message, or for one customer.

    Told is where each message stands that had not ended before; a single one in any case.
    """
    leave(connection, which, now, reason)
    stopped = end(connection, pending(connection, which), now, reason)
    return all_of(stopped, may_have_left(connection, which))


def leave(connection: Connection, which: Which, now: datetime, reason: str = REASON) -> None:
    """Whoever is on the way leaves the campaign. Comes first: whoever plans their next step is
    waited for."""
    end_journeys(connection, on_the_way(connection, which), now, reason)


def on_the_way(
    connection: Connection, which: Which, after: int = 0, most: int | None = None
) -> list[int]:
    """The journeys that have not ended, by number, from the one `after` on; for a message none."""
    if which.message is not None:
        return []
    asked = [*_asked(which, journeys), journeys.c.ended_at.is_(None), journeys.c.id > after]
    found = select(journeys.c.id).where(*asked).order_by(journeys.c.id).limit(most)
    return list(connection.scalars(found))


_END_JOURNEYS = (
    update(journeys)
    .where(journeys.c.id.in_(these_ids("under_way")), journeys.c.ended_at.is_(None))
    .values(ended_at=bindparam("now", type_=Instant()), ended_as=bindparam("why"))
)


def end_journeys(
    connection: Connection, some: Sequence[int], now: datetime, reason: str = REASON
) -> None:
    """These go no further, as far as they have not ended."""
    if some:
        wanted = {"under_way": ids_text(some), "why": reason, "now": now}
        connection.execute(_END_JOURNEYS, wanted)


def pending(connection: Connection, which: Which, up_to: int | None = None) -> list[Waiting]:
    """What has not left, customer by customer. `up_to`: what was planned later does not count."""
    asked = [*_asked(which), is_one_of(messages.c.state, PENDING)]
    if up_to is not None:
        asked.append(messages.c.id <= up_to)
    found = connection.execute(select(messages.c.id, messages.c.customer_id).where(*asked)).all()
    return sorted((Waiting._make(row) for row in found), key=lambda one: one.customer_id)


_END = (
    update(messages)
    .where(messages.c.id.in_(these_ids("waiting")), is_one_of(messages.c.state, PENDING))
    .values(
        state=case((some_may_have_arrived(), State.UNKNOWN_FINAL), else_=State.CANCELLED),
        reason=bindparam("why"),
        ended_at=bindparam("now", type_=Instant()),
        token=None,
        lease_until=None,
    )
    .returning(messages.c.id, messages.c.state)
)


def end(
    connection: Connection, waiting: Sequence[Waiting], now: datetime, reason: str = REASON
) -> list[Stopped]:
    """End these, as far as they still wait; where each of them stands now."""
    if not waiting:
        return []
    lock_customers(connection, {one.customer_id for one in waiting})
    wanted = {"waiting": ids_text(one.id for one in waiting), "why": reason, "now": now}
    ended = {id: State(state) for id, state in connection.execute(_END, wanted)}
    ended |= _states(connection, sorted({one.id for one in waiting} - ended.keys()))
    return [Stopped(id, state) for id, state in ended.items()]


def may_have_left(connection: Connection, which: Which) -> list[Stopped]:
    """What is being written, or whose answer was lost; of a single message where it stands."""
    still = is_one_of(messages.c.state, _MAY_HAVE_LEFT) if which.message is None else true()
    found = select(messages.c.id, messages.c.state).where(*_asked(which), still)
    return [Stopped(id, State(state)) for id, state in connection.execute(found)]


def all_of(*many: Iterable[Stopped]) -> list[Stopped]:
    """Each message once, by its number; the later word counts."""
    by_id = {one.message: one for some in many for one in some}
    return [by_id[id] for id in sorted(by_id)]


def _asked(which: Which, table: Table = messages) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.campaign is not None:
        found.append(table.c.campaign == which.campaign)
    if which.customer is not None:
        found.append(table.c.customer_id == _id_of(which.customer))
    if which.customer_id is not None:
        found.append(table.c.customer_id == which.customer_id)
    if which.message is not None:
        found.append(table.c.id == which.message)
    assert found, "name what is to be cancelled"
    return found


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
