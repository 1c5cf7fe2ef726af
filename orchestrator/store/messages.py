"""The ledger's moves: admitted, ended, put off. Every move is fenced by the claim's token.

Many messages move in one statement: what differs between them travels as one JSON parameter.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    select,
    update,
)

from orchestrator.model.message import (
    NEVER_ARRIVED,
    NO_ANSWER,
    PENDING,
    UNDECIDED,
    WAITING,
    State,
)
from orchestrator.store.attempts import some_may_have_arrived
from orchestrator.store.dialect import changed, insert_stored, json_text
from orchestrator.tables import (
    addresses,
    attempts,
    contents,
    customers,
    message_log,
    messages,
)
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import ids_text, rows, these_ids
from orchestrator.tables.messages import is_one_of
from orchestrator.tables.spread import sooner, spread

_NOW: ColumnElement[Any] = bindparam("now", type_=Instant())


class Move(NamedTuple):
    """Where a message goes, and why. `again_at`: when it is due again, if it comes back; where many
    wait for that moment, they leave `spread_over` a while after it, and before `closes_at`."""

    id: int
    state: State
    reason: str | None = None
    again_at: datetime | None = None
    provider_ref: str | None = None
    spread_over: timedelta = timedelta(0)
    closes_at: datetime | None = None


_MOVES = rows(
    "moves",
    {
        "id": Integer(),
        "state": String(),
        "reason": String(),
        "again_at": Instant(),
        "waits_until": Instant(),
        "provider_ref": String(),
        "ended_at": Instant(),
        "spread_us": Integer(),
        "closes_at": Instant(),
    },
)


_HELD_TOKEN: ColumnElement[str] = bindparam("held_token", type_=String())
_ENDS_UNSURE = and_(
    is_one_of(_MOVES.c.state, NEVER_ARRIVED), some_may_have_arrived(besides=_HELD_TOKEN)
)
_MOVE = (
    update(messages)
    .where(
        messages.c.id == _MOVES.c.id,
        messages.c.token == _HELD_TOKEN,
        is_one_of(messages.c.state, UNDECIDED),
    )
    .values(
        state=case((_ENDS_UNSURE, State.UNKNOWN_FINAL), else_=_MOVES.c.state),
        reason=case((_ENDS_UNSURE, NO_ANSWER), else_=_MOVES.c.reason),
        send_after=case(
            (_MOVES.c.waits_until.is_(None), messages.c.send_after),
            (_MOVES.c.spread_us == 0, _MOVES.c.waits_until),
            else_=spread(
                _MOVES.c.waits_until,
                messages.c.customer_id,
                sooner(messages.c.expires_at, _MOVES.c.closes_at),
                _MOVES.c.spread_us,
            ),
        ),
        counts_at=func.coalesce(_MOVES.c.waits_until, messages.c.counts_at, type_=Instant()),
        provider_ref=func.coalesce(_MOVES.c.provider_ref, messages.c.provider_ref),
        ended_at=_MOVES.c.ended_at,
        lease_until=_MOVES.c.again_at,
        claims=0,
        token=None,
    )
)


def move(connection: Connection, token: str, moves: Sequence[Move], now: datetime) -> int:
    """Let go of messages, each to its own state; those that lost their lease meanwhile stay."""
    if not moves:
        return 0
    table = [
        [
            m.id,
            str(m.state),
            m.reason,
            None if m.again_at is None else to_micros(m.again_at),
            to_micros(m.again_at) if m.again_at is not None and m.state in WAITING else None,
            m.provider_ref,
            None if m.state in UNDECIDED else to_micros(now),
            m.spread_over // timedelta(microseconds=1),
            None if m.closes_at is None else to_micros(m.closes_at),
        ]
        for m in moves
    ]
    moved = connection.execute(_MOVE, {"moves": json_text(table), "held_token": token})
    return changed(connection, moved)


_ADMIT = (
    update(messages)
    .where(
        messages.c.id.in_(these_ids("admitted")),
        messages.c.token == bindparam("held_token"),
        messages.c.state == State.CLAIMED,
    )
    .values(
        state=State.SENDING,
        tries=messages.c.tries + 1,
        counts_at=_NOW,
        lease_until=bindparam("new_lease", type_=Instant()),
    )
    .returning(messages.c.id)
)


def admit(
    connection: Connection,
    token: str,
    ids: Collection[int],
    now: datetime,
    *,
    lease_until: datetime,
) -> set[int]:
    """From claimed to sending: from here on each counts as sent. The answer: which were moved."""
    if not ids:
        return set()
    found = connection.execute(
        _ADMIT,
        {"admitted": ids_text(ids), "held_token": token, "now": now, "new_lease": lease_until},
    )
    return set(found.scalars().all())


_FORGET_CONTENTS = contents.delete().where(contents.c.message_id.in_(these_ids("shown")))
_SHOWN = ("message_id", "subject", "text", "html", "quote", "segments")


def keep_contents(connection: Connection, shown: Sequence[dict[str, Any]]) -> None:
    """What was shown, for each message; a message that is rendered again is shown as it is now."""
    if shown:
        wanted = {"shown": ids_text(row["message_id"] for row in shown)}
        connection.execute(_FORGET_CONTENTS, wanted)
        stored = ({**row, "quote": json_text(row["quote"])} for row in shown)
        insert_stored(
            connection, contents, _SHOWN, [tuple(row[name] for name in _SHOWN) for row in stored]
        )


_LATE = rows("late", {"id": Integer(), "attempt_id": Integer(), "provider_ref": String()})
_newer = attempts.alias("newer")

_ACCEPT_LATE = (
    update(messages)
    .where(
        messages.c.id == _LATE.c.id,
        is_one_of(messages.c.state, (*PENDING, State.UNKNOWN, State.UNKNOWN_FINAL)),
        ~exists(
            select(_newer.c.id)
            .where(_newer.c.message_id == messages.c.id, _newer.c.id > _LATE.c.attempt_id)
            .correlate(messages, _LATE)
        ),
    )
    .values(
        state=State.ACCEPTED,
        reason=None,
        provider_ref=_LATE.c.provider_ref,
        ended_at=_NOW,
        token=None,
        lease_until=None,
        claims=0,
    )
)


def accept_late(
    connection: Connection, accepted: Sequence[tuple[int, int, str]], now: datetime
) -> None:
    """(message, attempt, provider_ref): answers that came after the lease was over.

    Meanwhile nobody knew what had become of the message, or it was about to be sent again. Where
    that was done, it stays as it is.
    """
    late = json_text([list(one) for one in accepted])
    connection.execute(_ACCEPT_LATE, {"late": late, "now": now})


_IDS = rows("ids", {"id": Integer()})
_mine, _theirs = addresses.alias("mine"), addresses.alias("theirs")
_SHARING = (
    select(_theirs.c.customer_id)
    .join(_mine, _mine.c.address_key == _theirs.c.address_key)
    .where(_mine.c.customer_id.in_(select(_IDS.c.id)), _mine.c.shared.is_(True))
)
_LOCK = (
    select(customers.c.id)
    .where(customers.c.id.in_(select(_IDS.c.id).union(_SHARING)))
    .order_by(customers.c.id)
    .with_for_update(key_share=True)
)


def lock_customers(connection: Connection, ids: Collection[int]) -> None:
    """Hold these customers, and whoever shares their addresses, until the transaction ends.

    In id order, so that two who hold never wait for each other. New events of theirs may come in.

    A statement of its own, before anything is counted: a count in the same statement would see
    the state from before the wait. SQLite's write transaction holds everything already.
    """
    if connection.dialect.name == "sqlite":
        return
    connection.execute(_LOCK, {"ids": ids_text(ids)})


def log(connection: Connection, id: int, what: str, detail: str | None, now: datetime) -> None:
    """Add a line to a message's history."""
    row = {"message_id": id, "at": now, "what": what, "detail": detail}
    connection.execute(insert(message_log), row)
