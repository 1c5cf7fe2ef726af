"""Messages that may have left: written, perhaps, and never answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from orchestrator.model.message import NO_ANSWER, UNDECIDED, State
from orchestrator.tables import attempts, contents, message_log, messages
from orchestrator.tables.messages import is_left


@dataclass(frozen=True, slots=True)
class Lost:
    """The last attempt of a message whose state is `unknown`."""

    message_id: int
    attempt_id: int
    channel: str
    provider: str
    address: str
    text: str
    marketing: bool
    written_at: datetime


def due(connection: Connection, now: datetime, *, limit: int) -> list[Lost]:
    """The unknown messages that are due to be looked for, the longest due first."""
    last = (
        select(func.max(attempts.c.id))
        .where(attempts.c.message_id == messages.c.id)
        .correlate(messages)
        .scalar_subquery()
    )
    statement = (
        select(
            messages.c.id,
            attempts.c.id,
            messages.c.channel,
            attempts.c.provider,
            messages.c.address,
            contents.c.text,
            messages.c.marketing,
            attempts.c.at,
        )
        .join(attempts, attempts.c.id == last)
        .join(contents, contents.c.message_id == messages.c.id)
        .where(is_left(State.UNKNOWN), messages.c.lease_until <= now)
        .order_by(messages.c.lease_until, messages.c.id)
        .limit(limit)
    )
    return [Lost(*row) for row in connection.execute(statement)]


def may_be_anothers(connection: Connection, one: Lost, provider_ref: str) -> bool:
    """Whether what was found stands for another message to the same address, or soon may.

    A provider that is searched by recipient and text finds whatever reads alike.
    """
    mine, other = messages.alias("mine"), messages.alias("other")
    statement = (
        select(other.c.id)
        .join(mine, mine.c.address_key == other.c.address_key)
        .where(
            mine.c.id == one.message_id,
            other.c.id != one.message_id,
            other.c.channel == one.channel,
            or_(other.c.provider_ref == provider_ref, other.c.state == State.SENDING),
        )
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def settle(
    connection: Connection,
    one: Lost,
    state: State,
    provider_ref: str | None,
    again_at: datetime | None,
    now: datetime,
    *,
    certain: bool,
) -> int:
    """What was found out, and whether it is `certain`: 1 if the message was still unknown, else 0.

    An attempt of which nobody knows stays `unknown`, wherever the message goes.
    """
    comes_back = state is State.DEFERRED
    statement = (
        update(messages)
        .where(messages.c.id == one.message_id, messages.c.state == State.UNKNOWN)
        .values(
            state=state,
            reason=None if state is State.ACCEPTED else NO_ANSWER,
            provider_ref=provider_ref,
            lease_until=again_at,
            send_after=now if comes_back else messages.c.send_after,
            counts_at=now if comes_back else messages.c.counts_at,
            ended_at=None if state in UNDECIDED else now,
        )
    )
    moved = connection.execute(statement).rowcount
    if moved:
        row = {"message_id": one.message_id, "at": now, "what": f"reconciled: {state}"}
        if comes_back and not certain:
            row["detail"] = "it may have arrived, and is sent again"
        connection.execute(message_log.insert(), row)
        outcome = str(state if certain else State.UNKNOWN)
        answer = {"outcome": outcome, "provider_ref": provider_ref}
        connection.execute(update(attempts).where(attempts.c.id == one.attempt_id).values(answer))
    return moved
