"""The ledger's moves: claim, end, admit, record. Every move is fenced by the claim's token.

Many messages move in one statement: what differs between them travels as one JSON parameter.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
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
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.message import (
    NEVER_ARRIVED,
    NO_ANSWER,
    PENDING,
    UNDECIDED,
    WAITING,
    State,
)
from orchestrator.store.canaries import HELD_BACK
from orchestrator.store.controls import keep_moving
from orchestrator.store.dialect import changed, insert_stored, json_text
from orchestrator.tables import (
    addresses,
    attempts,
    contents,
    controls,
    customers,
    message_log,
    messages,
)
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import ids_text, rows, these_ids
from orchestrator.tables.messages import is_left, is_one_of, is_suspect, may_have_arrived
from orchestrator.tables.spread import sooner, spread

CLAIMS_MAX = 5
"""A message that was claimed so often without any result is poisoned: it stops alone."""


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


_CLAIM_COLUMNS = [messages.c[name] for name in Claimed._fields]
_NOW: ColumnElement[Any] = bindparam("now", type_=Instant())

_STOPPED = exists(
    select(controls.c.name)
    .where(
        or_(
            controls.c.scope == "everything",
            and_(controls.c.scope == "channel", controls.c.name == messages.c.channel),
            and_(controls.c.scope == "campaign", controls.c.name == messages.c.campaign),
            and_(controls.c.scope == "provider", controls.c.name == bindparam("provider")),
        )
    )
    .correlate(messages)
)

_DUE = (
    select(messages.c.id, messages.c.customer_id)
    .where(
        messages.c.channel == bindparam("of_channel"),
        is_one_of(messages.c.state, WAITING),
        messages.c.send_after <= _NOW,
        messages.c.expires_at > _NOW,
        or_(messages.c.tries == 0, bindparam("may_retry", type_=Boolean())),
        ~_STOPPED,
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
    provider: str,
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
        "provider": provider,
        "now": now,
        "may_retry": may_retry,
        "new_token": token,
        "new_lease": lease_until,
    }
    ways = [(_CLAIM_HARMLESS, batch_size), (_CLAIM_SUSPECT, 1)]
    found: list[Claimed] = []
    for statement, number in reversed(ways) if suspect_first else ways:
        # All at once: one by one, fetching a row takes three times as long.
        taken = connection.execute(statement, {**wanted, "batch_size": number}).all()
        found = [Claimed._make(row) for row in taken]
        if found:
            break
    return sorted(found, key=lambda c: (-c.priority, c.id))


# What was held back until it was too late says why.
_WHY_EXPIRED = case(
    (messages.c.state == State.DEFERRED, func.coalesce(messages.c.reason, "expired")),
    else_="expired",
)


def some_may_have_arrived(besides: ColumnElement[str] | None = None) -> ColumnElement[bool]:
    """Of a message, an attempt was never answered, or its answer came too late to matter.

    A service message is sent again where nobody knows. Whatever ends it then, nobody may say that
    it never arrived. `besides`: not the attempt that this token began.
    """
    others = () if besides is None else (attempts.c.token != besides,)
    mine = attempts.c.message_id == messages.c.id
    found = select(attempts.c.id).where(mine, may_have_arrived(), *others)
    return and_(messages.c.tries > 0, exists(found.correlate(messages)))


_EXPIRE = (
    update(messages)
    .where(is_one_of(messages.c.state, WAITING), messages.c.expires_at <= _NOW)
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
    if wait_max_ms is not None and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(wait_max_ms)}")
    return sum(
        connection.execute(statement, {"now": now}).rowcount
        for statement in (_EXPIRE, _POISON, _FREE, _LOST)
    )


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


_BEGUN = rows("begun", {"id": Integer()})
_BEGIN = (
    insert(attempts)
    .from_select(
        ["message_id", "token", "provider", "at"],
        select(
            _BEGUN.c.id,
            bindparam("held_token", type_=String()),
            bindparam("of_provider", type_=String()),
            _NOW,
        ),
    )
    .returning(attempts.c.message_id, attempts.c.id)
)


def begin_attempts(
    connection: Connection, token: str, ids: Iterable[int], provider: str, now: datetime
) -> dict[int, int]:
    """A row for every possible write: message → attempt, in the order of the messages' ids."""
    begun = {"begun": ids_text(ids), "held_token": token, "of_provider": provider, "now": now}
    return dict(sorted((row[0], row[1]) for row in connection.execute(_BEGIN, begun).all()))


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


_ANSWERS = rows(
    "answers",
    {"id": Integer(), "outcome": String(), "detail": String(), "provider_ref": String()},
)


_ANSWER = (
    update(attempts)
    .where(
        attempts.c.id == _ANSWERS.c.id,
        # A callback may have been faster, and is proof.
        attempts.c.outcome.is_distinct_from("accepted"),
    )
    .values(
        outcome=_ANSWERS.c.outcome,
        detail=_ANSWERS.c.detail,
        provider_ref=_ANSWERS.c.provider_ref,
    )
)


def end_attempts(
    connection: Connection, answers: Sequence[tuple[int, str, str | None, str | None]]
) -> None:
    """(attempt, outcome, detail, provider_ref) for each attempt that was answered."""
    if answers:
        connection.execute(_ANSWER, {"answers": json_text([list(a) for a in answers])})


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
    connection.execute(_LOCK, {"ids": json_text([[id] for id in ids])})


def log(connection: Connection, id: int, what: str, detail: str | None, now: datetime) -> None:
    """Add a line to a message's history."""
    row = {"message_id": id, "at": now, "what": what, "detail": detail}
    connection.execute(insert(message_log), row)
