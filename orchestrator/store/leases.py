"""What nobody has in hand any more: expired, left behind by a worker, or perhaps written."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, select, update

from orchestrator.model.message import NO_ANSWER, WAITING, State
from orchestrator.store.attempts import some_may_have_arrived
from orchestrator.store.by_index import in_order
from orchestrator.store.controls import give_up_after, keep_moving
from orchestrator.store.dialect import changed
from orchestrator.tables import messages
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_left, is_one_of

_NOW: ColumnElement[Any] = bindparam("now", type_=Instant())

CLAIMS_MAX = 5
"""A message that was claimed so often without any result is poisoned: it stops alone."""


# What was held back until it was too late says why.
_WHY_EXPIRED = case(
    (messages.c.state == State.DEFERRED, func.coalesce(messages.c.reason, "expired")),
    else_="expired",
)


EXPIRED_AT_ONCE = 10_000
"""So many are ended at one look; the next one finds the others."""

_EXPIRED = (
    select(messages.c.id)
    .where(is_one_of(messages.c.state, WAITING), messages.c.expires_at <= _NOW)
    .order_by(messages.c.expires_at)
    .limit(EXPIRED_AT_ONCE)
    .with_for_update(skip_locked=True)
    .cte("expired")
    .prefix_with("MATERIALIZED")
)
_EXPIRE = (
    update(messages)
    .where(messages.c.id.in_(select(_EXPIRED.c.id)))
    .values(
        state=case((some_may_have_arrived(), State.UNKNOWN_FINAL), else_=State.EXPIRED),
        reason=case((some_may_have_arrived(), NO_ANSWER), else_=_WHY_EXPIRED),
        ended_at=_NOW,
    )
)
_OVERDUE_CLAIM = and_(is_left(State.CLAIMED), messages.c.lease_until <= _NOW)
_POISON = (
    update(messages)
    .where(_OVERDUE_CLAIM, messages.c.claims >= CLAIMS_MAX)
    .values(
        state=case((some_may_have_arrived(), State.UNKNOWN_FINAL), else_=State.POISONED),
        reason=case((some_may_have_arrived(), NO_ANSWER), else_="claimed_in_vain"),
        ended_at=_NOW,
        token=None,
    )
)
_FREE = update(messages).where(_OVERDUE_CLAIM).values(state=State.PLANNED, token=None)
_LOST = (
    update(messages)
    .where(is_left(State.SENDING), messages.c.lease_until <= _NOW)
    .values(state=State.UNKNOWN, reason=NO_ANSWER, token=None)
)


def tidy(connection: Connection, now: datetime, *, wait_max_ms: int | None = None) -> int:
    """End what has expired, free what a worker has left behind, and own up to what may have left.

    The answer is how many messages were moved. With `wait_max_ms`, raises OperationalError where
    somebody else holds one of them for longer: try again later.
    """
    keep_moving(connection)
    in_order(connection)
    if wait_max_ms is not None:
        give_up_after(connection, wait_max_ms)
    return sum(
        changed(connection, connection.execute(statement, {"now": now}))
        for statement in (_EXPIRE, _POISON, _FREE, _LOST)
    )
