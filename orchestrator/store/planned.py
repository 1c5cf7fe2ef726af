"""What one planning wrote into the ledger, before it is undone or goes on its way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from orchestrator.model.message import State
from orchestrator.store.claims import Claimed
from orchestrator.tables import customers, messages

_CLAIMED = Claimed._fields
_NEW = (messages.c.id > bindparam("last_id"), messages.c.state == State.PLANNED)


@dataclass(frozen=True, slots=True)
class Way:
    """The planned messages of one campaign on one channel, and when they would leave."""

    campaign: str
    channel: str
    messages: int
    customers: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """One planned message."""

    campaign: str
    customer: str
    occasion: str
    step: int
    channel: str
    address: str
    send_after: datetime


def last_message(connection: Connection) -> int:
    """The highest id in the ledger so far; 0 where it is empty."""
    return connection.scalar(select(func.coalesce(func.max(messages.c.id), 0))) or 0


def ways(connection: Connection, last_id: int) -> list[Way]:
    """The messages that were planned after `last_id`, by campaign and channel."""
    statement = (
        select(
            messages.c.campaign,
            messages.c.channel,
            func.count().label("messages"),
            func.count(messages.c.customer_id.distinct()).label("customers"),
            func.min(messages.c.send_after).label("first"),
            func.max(messages.c.send_after).label("last"),
        )
        .where(*_NEW)
        .group_by(messages.c.campaign, messages.c.channel)
        .order_by(messages.c.campaign, messages.c.channel)
    )
    return [Way(*row) for row in connection.execute(statement, {"last_id": last_id})]


def in_order(connection: Connection, last_id: int) -> Iterator[Planned]:
    """Every planned message after `last_id`, in an order that does not depend on ids."""
    statement = (
        select(
            messages.c.campaign,
            customers.c.key,
            messages.c.occasion,
            messages.c.step,
            messages.c.channel,
            messages.c.address,
            messages.c.send_after,
        )
        .join(customers, customers.c.id == messages.c.customer_id)
        .where(*_NEW)
        .order_by(
            messages.c.campaign,
            customers.c.key,
            messages.c.occasion,
            messages.c.step,
            messages.c.channel,
        )
        .execution_options(yield_per=1_000)
    )
    for row in connection.execute(statement, {"last_id": last_id}):
        yield Planned(*row)


def spread(
    connection: Connection, last_id: int, way: Way, most: int
) -> list[tuple[Claimed, datetime]]:
    """At most so many messages of one way, evenly spread, each with the instant of its planning."""
    every = -(-way.messages // most)
    numbered = (
        select(
            *(messages.c[name] for name in _CLAIMED),
            messages.c.planned_at,
            func.row_number().over(order_by=messages.c.id).label("number"),
        )
        .where(*_NEW, messages.c.campaign == way.campaign, messages.c.channel == way.channel)
        .subquery()
    )
    statement = (
        select(*(numbered.c[name] for name in _CLAIMED), numbered.c.planned_at)
        .where((numbered.c.number - 1) % every == 0)
        .order_by(numbered.c.number)
    )
    found = connection.execute(statement, {"last_id": last_id})
    return [(Claimed(*row[:-1]), row.planned_at) for row in found]


def write_supposed(connection: Connection, one: Claimed, campaign: str) -> None:
    """Put a message into the ledger that is only supposed, in a transaction that will be undone.

    Its occasion is none that the customer may have had a message for already.
    """
    at = one.expires_at
    row = {name: getattr(one, name) for name in _CLAIMED}
    row |= {
        "campaign": campaign,
        "occasion": "supposed",
        "state": State.CLAIMED,
        "marketing": False,
        "topic": "",
        "due_at": at,
        "planned_at": at,
        "send_after": at,
        "counts_at": at,
    }
    connection.execute(insert(messages), row)
