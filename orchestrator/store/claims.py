"""Claiming: what is due goes into one worker's hands, for the length of a lease."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.message import WAITING, State
from orchestrator.store.canaries import HELD_BACK
from orchestrator.store.stopped import STOPPED
from orchestrator.tables import addresses, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_one_of, is_suspect

_NOW: ColumnElement[Any] = bindparam("now", type_=Instant())


class Claimed(NamedTuple):
    """A message that one worker has in its hands, until the lease runs out."""

    id: int
    version: str
    customer_id: int
    step: int
    channel: str
    address: str
    address_key: str
    event_id: int | None
    change_id: int | None
    priority: int
    expires_at: datetime
    tries: int


_CLAIM_COLUMNS = [messages.c[name] for name in Claimed._fields]

_DUE = (
    select(messages.c.id, messages.c.customer_id)
    .where(
        messages.c.channel == bindparam("of_channel"),
        is_one_of(messages.c.state, WAITING),
        messages.c.send_after <= _NOW,
        messages.c.expires_at > _NOW,
        or_(messages.c.tries == 0, bindparam("may_retry", type_=Boolean())),
        ~STOPPED,
        ~HELD_BACK,
    )
    .order_by(messages.c.priority.desc(), messages.c.send_after, messages.c.id)
    .limit(bindparam("batch_size", type_=Integer()))
    .with_for_update(skip_locked=True)
)


def _claim(which: ColumnElement[bool]) -> ReturningUpdate[Any]:
    """Claim what is due, of some. Customers move: it goes to the address that holds now."""
    due = _DUE.where(which).cte("due").prefix_with("MATERIALIZED")
    held = and_(
        addresses.c.customer_id == due.c.customer_id,
        addresses.c.kind == bindparam("address_kind"),
    )
    now = (
        select(due.c.id, addresses.c.address, addresses.c.address_key)
        .select_from(due.outerjoin(addresses, held))
        .subquery("now_held")
    )
    return (
        update(messages)
        .where(messages.c.id == now.c.id)
        .values(
            state=State.CLAIMED,
            address=func.coalesce(now.c.address, messages.c.address),
            address_key=func.coalesce(now.c.address_key, messages.c.address_key),
            token=bindparam("new_token"),
            lease_until=bindparam("new_lease", type_=Instant()),
            claims=messages.c.claims + 1,
        )
        .returning(*_CLAIM_COLUMNS)
    )


_CLAIM_HARMLESS = _claim(~is_suspect(messages.c.claims))
_CLAIM_SUSPECT = _claim(is_suspect(messages.c.claims))


def claim(
    connection: Connection,
    channel: str,
    now: datetime,
    *,
    batch_size: int,
    token: str,
    lease_until: datetime,
    may_retry: bool = True,
    suspect_first: bool = False,
) -> list[Claimed]:
    """Take what is due on a channel, the highest priority first; nobody else gets it meanwhile.

    Unless it `may_retry`, only what was never tried. Suspects, of which workers may have died, are
    taken alone, so that they take no others down with them again: when nothing else is due, or
    `suspect_first`.
    """
    wanted = {
        "of_channel": channel,
        "address_kind": ADDRESS_KINDS[channel],
        "now": now,
        "may_retry": may_retry,
        "new_token": token,
        "new_lease": lease_until,
    }
    ways = [(_CLAIM_HARMLESS, batch_size), (_CLAIM_SUSPECT, 1)]
    found: list[Claimed] = []
    for statement, number in reversed(ways) if suspect_first else ways:
        _sorted_by_index(connection, statement is _CLAIM_HARMLESS)
        # All at once: one by one, fetching a row takes three times as long.
        taken = connection.execute(statement, {**wanted, "batch_size": number}).all()
        found = [Claimed._make(row) for row in taken]
        if found:
            break
    return sorted(found, key=lambda c: (-c.priority, c.id))


def _sorted_by_index(connection: Connection, always: bool) -> None:
    """For this transaction. What PostgreSQL knows of how much waits is some minutes old; while it
    takes that for little, it would read and sort all of it for every batch."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL enable_sort = {'off' if always else 'on'}")
