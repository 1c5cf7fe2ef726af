"""Claiming: what is due goes into one worker's hands, for the length of a lease."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.message import State
from orchestrator.store.by_index import in_order
from orchestrator.store.canaries import HELD_BACK
from orchestrator.store.stopped import STOPPED
from orchestrator.store.waiting import due_sends, is_due
from orchestrator.tables import addresses, canary_messages, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_suspect


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

_MAY_LEAVE = (
    select(messages.c.id, messages.c.customer_id)
    .where(
        messages.c.channel == bindparam("of_channel"),
        is_due(messages),
        or_(messages.c.tries == 0, bindparam("may_retry", type_=Boolean())),
    )
    .limit(bindparam("batch_size", type_=Integer()))
    .with_for_update(skip_locked=True)
)


def _claim(which: Select[Any]) -> ReturningUpdate[Any]:
    """Claim some of what is due. Customers move: it goes to the address that holds now."""
    due = which.cte("due").prefix_with("MATERIALIZED")
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


_OF_SEND = _MAY_LEAVE.where(
    messages.c.version == bindparam("its_version"),
    messages.c.step == bindparam("its_step", type_=Integer()),
    ~is_suspect(messages.c.claims),
).order_by(messages.c.send_after, messages.c.id)
_GOES_FIRST = select(canary_messages.c.message_id).where(
    canary_messages.c.version == bindparam("its_version"),
    canary_messages.c.step == bindparam("its_step", type_=Integer()),
)
_CLAIM_OF_SEND = _claim(_OF_SEND)
_CLAIM_FIRST_OF_SEND = _claim(_OF_SEND.where(messages.c.id.in_(_GOES_FIRST)))
_CLAIM_SUSPECT = _claim(
    _MAY_LEAVE.where(
        is_suspect(messages.c.claims),
        ~STOPPED,
        ~HELD_BACK,
    ).order_by(messages.c.priority.desc(), messages.c.send_after, messages.c.id)
)


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
    if suspect_first:
        found = _suspect(connection, wanted) or _harmless(connection, wanted, batch_size)
    else:
        found = _harmless(connection, wanted, batch_size) or _suspect(connection, wanted)
    return sorted(found, key=lambda c: (-c.priority, c.id))


def _harmless(connection: Connection, wanted: Mapping[str, Any], batch_size: int) -> list[Claimed]:
    """Send by send, until the batch is full."""
    found: list[Claimed] = []
    for send in due_sends(connection, wanted["of_channel"], wanted["now"]):
        left = batch_size - len(found)
        if not left:
            break
        of_send = {"its_version": send.version, "its_step": send.step, "batch_size": left}
        in_order(connection, not send.held)
        statement = _CLAIM_FIRST_OF_SEND if send.held else _CLAIM_OF_SEND
        found += _claimed(connection, statement, {**wanted, **of_send})
    return found


def _suspect(connection: Connection, wanted: Mapping[str, Any]) -> list[Claimed]:
    in_order(connection, wanted=False)
    return _claimed(connection, _CLAIM_SUSPECT, {**wanted, "batch_size": 1})


def _claimed(
    connection: Connection, statement: ReturningUpdate[Any], wanted: Mapping[str, Any]
) -> list[Claimed]:
    # All at once: one by one, fetching a row takes three times as long.
    return [Claimed._make(row) for row in connection.execute(statement, wanted).all()]
