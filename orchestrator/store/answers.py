"""Answers to STOP, START and HELP in the ledger: once for a wish, as every other message is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from orchestrator.model.message import State
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import addresses, messages


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is to leave at once. `occasion`: the event that it answers."""

    campaign: str
    version: str
    customer_id: int
    address: str
    address_key: str
    occasion: str
    channel: str
    topic: str
    said_at: datetime
    expires_at: datetime


def holder(connection: Connection, address_key: str, kind: str) -> tuple[int, str] | None:
    """Who has an address and how it reads: of several the one who has been known longest."""
    statement = (
        select(addresses.c.customer_id, addresses.c.address)
        .where(addresses.c.address_key == address_key, addresses.c.kind == kind)
        .order_by(addresses.c.customer_id)
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else (row.customer_id, row.address)


def last_answer(
    connection: Connection, address_key: str, campaigns: Collection[str], since: datetime
) -> str | None:
    """Which of these answers an address was given last, or is about to be, if any since then."""
    statement = (
        select(messages.c.campaign)
        .where(
            messages.c.address_key == address_key,
            messages.c.counts_at > since,
            messages.c.campaign.in_(sorted(campaigns)),
        )
        .order_by(messages.c.id.desc())
        .limit(1)
    )
    return connection.scalar(statement)


def put(connection: Connection, reply: Reply, now: datetime) -> None:
    """Put it into the ledger, due now; the second time for one occasion changes nothing."""
    row = {
        "campaign": reply.campaign,
        "version": reply.version,
        "customer_id": reply.customer_id,
        "occasion": reply.occasion,
        "step": 0,
        "channel": reply.channel,
        "state": State.PLANNED,
        "marketing": False,
        "topic": reply.topic,
        "priority": 100,
        "address": reply.address,
        "address_key": reply.address_key,
        "due_at": reply.said_at,
        "planned_at": now,
        "send_after": now,
        "expires_at": reply.expires_at,
        "counts_at": now,
    }
    connection.execute(insert_ignore(connection, messages), row)
