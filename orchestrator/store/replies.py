"""Replies that nobody but a person can interpret: those that wait to be read, and how they were."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select, text, update

from orchestrator.store.feedback import Heard
from orchestrator.tables import addresses, customers, feedback, messages
from orchestrator.tables.json import ids_text, these_ids

ReadAs = Literal["stop", "fine"]

_COLUMNS = [feedback.c[name] for name in Heard.__dataclass_fields__]
_UNREAD = text("kind = 'replied' AND read_at IS NULL")
"""In the very words of the index."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A reply as it was heard."""

    id: int
    heard: Heard


def unread(
    connection: Connection, *, ids: Collection[int] | None = None, most: int = 1_000
) -> list[Unread]:
    """Replies that wait to be read, these or the oldest. Who asks for some holds them."""
    statement = select(feedback.c.id, *_COLUMNS).where(_UNREAD).order_by(feedback.c.id).limit(most)
    given = {}
    if ids is not None:
        statement = statement.where(feedback.c.id.in_(these_ids("wanted"))).with_for_update()
        given = {"wanted": ids_text(ids)}
    return [Unread(row[0], Heard(*row[1:])) for row in connection.execute(statement, given)]


def mark_read(connection: Connection, ids: Collection[int], read_as: ReadAs, now: datetime) -> None:
    """They were read, and taken for this."""
    these = update(feedback).where(feedback.c.id.in_(these_ids("wanted")))
    connection.execute(these.values(read_at=now, read_as=read_as), {"wanted": ids_text(ids)})


def as_stop(reply: Unread, now: datetime) -> Heard:
    """The event that a reply was, as whoever read it has understood it: an end, since it was said.

    It comes too late to be answered.
    """
    return replace(
        reply.heard,
        kind="unsubscribed",
        event_key=f"read/{reply.id}",
        received_at=now,
        answer_by=None,
    )


def keys_by_address(
    connection: Connection, address_keys: Collection[str]
) -> Mapping[str, list[str]]:
    """Who has these addresses, by the shop's own keys."""
    statement = (
        select(addresses.c.address_key, customers.c.key)
        .join(customers, customers.c.id == addresses.c.customer_id)
        .where(addresses.c.address_key.in_(sorted(address_keys)))
        .order_by(customers.c.id)
    )
    found: dict[str, list[str]] = {}
    for address_key, key in connection.execute(statement):
        found.setdefault(address_key, []).append(key)
    return found


def keys_by_message(connection: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Whom these messages were for, by the shop's own keys."""
    statement = (
        select(messages.c.id, customers.c.key)
        .join(customers, customers.c.id == messages.c.customer_id)
        .where(messages.c.id.in_(these_ids("wanted")))
    )
    found = connection.execute(statement, {"wanted": ids_text(ids)})
    return {row.id: row.key for row in found}
