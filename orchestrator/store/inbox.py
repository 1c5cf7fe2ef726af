"""What waits for a customer in the shop's own site: read from the ledger itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from orchestrator.model.message import State
from orchestrator.tables import contents, customers, message_log, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.json import ids_text, these_ids
from orchestrator.tables.messages import is_one_of

CHANNEL = "inbox"
SEEN, CLICKED = "opened", "clicked"
"""As the history of a message names them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ends: the message that it ends with."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the feed has it."""

    id: int
    at: datetime
    campaign: str
    topic: str
    expires_at: datetime
    subject: str | None
    text: str
    html: str | None


_BEFORE_ALL = Mark(datetime(9999, 1, 1, tzinfo=UTC), 0)
_now: ColumnElement[Any] = bindparam("now", type_=Instant())
_at: ColumnElement[Any] = bindparam("before_at", type_=Instant())
_THEIRS = and_(
    customers.c.key == bindparam("customer", type_=String()),
    messages.c.channel == CHANNEL,
    is_one_of(messages.c.state, (State.ACCEPTED, State.DELIVERED)),
)
_PAGE = (
    select(
        messages.c.id,
        messages.c.counts_at,
        messages.c.campaign,
        messages.c.topic,
        messages.c.expires_at,
        contents.c.subject,
        contents.c.text,
        contents.c.html,
    )
    .join(customers, customers.c.id == messages.c.customer_id)
    .join(contents, contents.c.message_id == messages.c.id)
    .where(
        _THEIRS,
        messages.c.expires_at > _now,
        messages.c.counts_at <= _at,
        or_(
            messages.c.counts_at < _at,
            messages.c.id < bindparam("before_id", type_=Integer()),
        ),
    )
    .order_by(messages.c.counts_at.desc(), messages.c.id.desc())
    .limit(bindparam("most", type_=Integer()))
)
_looked_at = exists(
    select(message_log.c.id)
    .where(message_log.c.message_id == messages.c.id, message_log.c.what.in_((SEEN, CLICKED)))
    .correlate(messages)
)
_UNSEEN = (
    select(func.count())
    .select_from(messages)
    .join(customers, customers.c.id == messages.c.customer_id)
    .join(contents, contents.c.message_id == messages.c.id)
    .where(_THEIRS, messages.c.expires_at > _now, ~_looked_at)
)
_NOTED = select(message_log.c.message_id, message_log.c.what).where(
    message_log.c.message_id.in_(these_ids("wanted")), message_log.c.what.in_((SEEN, CLICKED))
)
_OWN = (
    select(messages.c.id)
    .join(customers, customers.c.id == messages.c.customer_id)
    .where(_THEIRS, messages.c.id.in_(these_ids("wanted")))
)


def page(
    connection: Connection, customer: str, now: datetime, most: int, before: Mark | None = None
) -> list[Shown]:
    """A customer's messages that are still of use, the newest first, from a mark on."""
    mark = before or _BEFORE_ALL
    asked = {"before_at": mark.at, "before_id": mark.id, "most": most}
    found = connection.execute(_PAGE, {"customer": customer, "now": now, **asked})
    return [Shown(*row) for row in found]


def unseen(connection: Connection, customer: str, now: datetime) -> int:
    """How many of those were neither seen nor clicked."""
    return connection.execute(_UNSEEN, {"customer": customer, "now": now}).scalar_one()


def looked_at(connection: Connection, ids: Collection[int]) -> set[tuple[int, str]]:
    """(message, `SEEN` or `CLICKED`) of these messages."""
    if not ids:
        return set()
    return {(row[0], row[1]) for row in connection.execute(_NOTED, {"wanted": ids_text(ids)})}


def own(connection: Connection, customer: str, ids: Collection[int]) -> set[int]:
    """Which of these stand, or stood, in this customer's inbox."""
    if not ids:
        return set()
    asked = {"customer": customer, "wanted": ids_text(ids)}
    return set(connection.execute(_OWN, asked).scalars())
