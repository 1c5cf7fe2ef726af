"""What one customer has agreed to and wishes for, read and written for their own page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from orchestrator.store.consents import ANY_TOPIC
from orchestrator.tables import (
    addresses,
    clocks,
    consents,
    customers,
    messages,
    suppressions,
    wishes,
)
from orchestrator.tables.instant import to_micros

_WORDS: Mapping[str, tuple[str, ...]] = {"clock_id": ("quiet_from", "quiet_until")}
"""Columns by the words in which others would tell what the customer has wished."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom a message was for, and by which channel and address."""

    customer_id: int
    channel: str
    topic: str
    address_key: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a customer. `addresses`: kind → address. `blocked`: kinds whose address must
    not be used for marketing. `agreed`: channel and topic → whether, as it stands just then.
    """

    customer_id: int
    locale: str | None
    preferred_channel: str | None
    max_per_week: int | None
    paused_until: datetime | None
    clock: str
    addresses: Mapping[str, str]
    blocked: frozenset[str]
    agreed: Mapping[tuple[str, str], bool]

    def allows(self, channel: str, topic: str) -> bool:
        """Whether they may be written to about the topic: by its own word, else by that on all."""
        told = self.agreed.get((channel, topic))
        return bool(self.agreed.get((channel, ANY_TOPIC)) if told is None else told)


@dataclass(frozen=True, slots=True)
class Wish:
    """One change of a preference: from what to what, in which words it was asked for."""

    what: str
    before: str | None
    after: str | None
    wording: str


def whose(connection: Connection, message_id: int) -> Whose | None:
    """Whom a message was for; None where there is none, or the customer was forgotten since."""
    statement = (
        select(*(messages.c[name] for name in Whose.__dataclass_fields__))
        .join(customers, customers.c.id == messages.c.customer_id)
        .where(messages.c.id == message_id, customers.c.forgotten_at.is_(None))
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Whose(*row)


def held(connection: Connection, customer_id: int, now: datetime) -> Held:
    """What is known and holds at this moment."""
    c = customers.c
    who = connection.execute(
        select(c.id, c.locale, c.preferred_channel, c.max_per_week, c.paused_until, clocks.c.key)
        .join(clocks, clocks.c.id == c.clock_id)
        .where(c.id == customer_id)
    ).one()
    kept = connection.execute(
        select(addresses.c.kind, addresses.c.address, suppressions.c.scope)
        .outerjoin(suppressions, suppressions.c.address_key == addresses.c.address_key)
        .where(addresses.c.customer_id == customer_id)
    ).all()
    said = connection.execute(
        select(consents.c.channel, consents.c.topic, consents.c.given, consents.c.until).where(
            consents.c.customer_id == customer_id, consents.c.at <= now
        )
    )
    return Held(
        *who,
        addresses={row.kind: row.address for row in kept},
        blocked=frozenset(row.kind for row in kept if row.scope is not None),
        agreed={
            (row.channel, row.topic): row.given and (row.until is None or row.until > now)
            for row in said
        },
    )


def write(
    connection: Connection,
    customer_id: int,
    values: Mapping[str, Any],
    changed: Sequence[Wish],
    touchpoint: str,
    now: datetime,
) -> None:
    """Write columns of the customer, and keep what was changed as evidence."""
    theirs = customers.c.id == customer_id
    told = connection.scalar(select(customers.c.told).where(theirs)) or {}
    words = (word for name in values for word in _WORDS.get(name, (name,)))
    told = {**told, **dict.fromkeys(words, to_micros(now))}
    row = {**values, "told": told, "updated_at": now}
    connection.execute(update(customers).where(theirs).values(row))
    if changed:
        connection.execute(
            insert(wishes),
            [
                {
                    "customer_id": customer_id,
                    "at": now,
                    "what": one.what,
                    "before": one.before,
                    "after": one.after,
                    "touchpoint": touchpoint,
                    "wording": one.wording,
                }
                for one in changed
            ],
        )
