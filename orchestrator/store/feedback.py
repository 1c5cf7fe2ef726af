"""What providers tell later: kept once each, and worked into the ledger, forward only.

Many events in one statement: what differs between them travels as one JSON parameter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)

from orchestrator.model.message import ADMITTED, State
from orchestrator.store.consents import BY_PROVIDER
from orchestrator.store.dialect import ignoring, insert_stored, json_text
from orchestrator.tables import addresses, attempts, feedback, message_log, messages, suppressions
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import ids_text, rows, these_ids
from orchestrator.tables.messages import is_one_of

SOFT = "bounced_soft"
"""Could not be delivered for now: the message stays `accepted`, for this reason."""

RANK: Mapping[tuple[State, str | None], int] = {
    (State.ACCEPTED, None): 2,
    (State.ACCEPTED, SOFT): 3,
    (State.DELIVERED, None): 4,
    (State.BOUNCED, "bounced_hard"): 5,
    (State.COMPLAINED, "complained"): 6,
}
"""Where feedback may move a message to, and why; only ever to a higher rank. What was begun and
stands anywhere else has none yet: the provider's word that it has the message is the better one."""

LOCK_WAIT_MS = 700
"""Whoever records a batch holds many messages at once, in no order. Who hears gives way: sooner
than the database (after a second) would look for the two of them waiting for each other."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as it is kept; `at` is never later than when it was received."""

    source: str
    event_key: str
    kind: str
    at: datetime
    received_at: datetime
    message_id: int | None = None
    attempt_id: int | None = None
    provider_ref: str | None = None
    address_key: str | None = None
    detail: str | None = None
    reason: str | None = None
    answer_by: str | None = None


_KEPT = tuple(Heard.__dataclass_fields__)
_TOLD = rows(
    "told",
    {
        "source": String(),
        "event_key": String(),
        "kind": String(),
        "at": Instant(),
        "received_at": Instant(),
        "message_id": Integer(),
        "attempt_id": Integer(),
        "provider_ref": String(),
        "address_key": String(),
        "detail": String(),
        "reason": String(),
        "answer_by": String(),
    },
)


def keep(connection: Connection, events: Iterable[Heard]) -> list[int]:
    """Keep events; the ids of those that were not known yet.

    In the order of their keys, so that two who bring the same events never wait for each other.
    """
    told = sorted(events, key=lambda one: (one.source, one.event_key))
    table = [
        [
            to_micros(value) if isinstance(value, datetime) else value
            for value in (getattr(one, name) for name in _KEPT)
        ]
        for one in told
    ]
    statement = (
        ignoring(connection.dialect.name, feedback)
        .from_select([*_KEPT, "settled"], select(*_TOLD.c, false()).where(true()))
        .returning(feedback.c.id)
    )
    return sorted(connection.execute(statement, {"told": json_text(table)}).scalars())


_ROW = select(feedback.c.id, *(feedback.c[name] for name in _KEPT)).order_by(feedback.c.id)
_THESE = _ROW.where(feedback.c.id.in_(these_ids("wanted")), ~feedback.c.settled)
_LEFT = _ROW.where(text("NOT settled")).limit(bindparam("most", type_=Integer()))


def unsettled(
    connection: Connection, ids: Collection[int] | None = None, *, most: int = 1000
) -> dict[int, Heard]:
    """Events that are not worked in, these or any; nobody else works them in meanwhile."""
    asked, given = (_LEFT, {"most": most}) if ids is None else (_THESE, {"wanted": ids_text(ids)})
    found = connection.execute(asked.with_for_update(skip_locked=True), given)
    return {row[0]: Heard(*row[1:]) for row in found}


_ANY = select(feedback.c.id).where(text("NOT settled")).limit(1)


def any_unsettled(connection: Connection) -> bool:
    """Whether some event waits to be worked in."""
    return connection.execute(_ANY).first() is not None


def settled(connection: Connection, ids: Collection[int]) -> None:
    """These are worked in."""
    statement = update(feedback).where(feedback.c.id.in_(these_ids("wanted"))).values(settled=True)
    connection.execute(statement, {"wanted": ids_text(ids)})


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was written, or may have been, by one of its attempts."""

    message_id: int
    attempt_id: int
    provider: str
    customer_id: int
    channel: str
    address_key: str | None
    provider_ref: str | None


_OF_ATTEMPT = [
    messages.c.id,
    attempts.c.id,
    attempts.c.provider,
    messages.c.customer_id,
    messages.c.channel,
    messages.c.address_key,
    func.coalesce(attempts.c.provider_ref, messages.c.provider_ref),
]
_BY_MESSAGE = (
    select(*_OF_ATTEMPT)
    .join(attempts, attempts.c.message_id == messages.c.id)
    .where(messages.c.id.in_(these_ids("wanted")))
    .order_by(attempts.c.id)
)


def sent_messages(connection: Connection, ids: Collection[int]) -> dict[int, list[Sent]]:
    """All attempts of these messages, by message, in order."""
    found: dict[int, list[Sent]] = {}
    if ids:
        for row in connection.execute(_BY_MESSAGE, {"wanted": ids_text(ids)}):
            found.setdefault(row[0], []).append(Sent(*row))
    return found


_WANTED_KEYS = rows("wanted_keys", {"key": String()})
_KEYS = select(_WANTED_KEYS.c.key)
_LAST_MAX = 50
"""So many of an address's latest messages are looked through for a provider's reference."""
_newest = (
    func.row_number()
    .over(partition_by=messages.c.address_key, order_by=messages.c.counts_at.desc())
    .label("newest")
)
_LATEST = (
    select(messages.c.id, messages.c.counts_at, _newest)
    .where(messages.c.address_key.in_(_KEYS), is_one_of(messages.c.state, ADMITTED))
    .subquery()
)
_BY_ADDRESS = (
    select(*_OF_ATTEMPT)
    .join(attempts, attempts.c.message_id == messages.c.id)
    .join(_LATEST, _LATEST.c.id == messages.c.id)
    .where(_LATEST.c.newest <= _LAST_MAX)
    .order_by(_LATEST.c.counts_at.desc(), attempts.c.id.desc())
)


def latest_to(connection: Connection, address_keys: Collection[str]) -> dict[str, list[Sent]]:
    """What was sent to these addresses lately, the latest first."""
    found: dict[str, list[Sent]] = {}
    if address_keys:
        for row in connection.execute(_BY_ADDRESS, {"wanted_keys": _texts(address_keys)}):
            found.setdefault(row[5], []).append(Sent(*row))
    return found


@dataclass(slots=True)
class Holders:
    """Who has an address, and of which kind it is."""

    kind: str
    customers: set[int]


_HOLDERS = select(addresses.c.address_key, addresses.c.kind, addresses.c.customer_id).where(
    addresses.c.address_key.in_(_KEYS)
)


def holders(connection: Connection, address_keys: Collection[str]) -> dict[str, Holders]:
    """The customers who have these addresses, by the address's key."""
    found: dict[str, Holders] = {}
    if address_keys:
        told = {"wanted_keys": _texts(address_keys)}
        for key, kind, customer in connection.execute(_HOLDERS, told):
            found.setdefault(key, Holders(kind, set())).customers.add(customer)
    return found


def _texts(keys: Iterable[str]) -> str:
    return json_text([[key] for key in sorted(keys)])


@dataclass(frozen=True, slots=True)
class Proof:
    """The provider has a message: where that leads to, and by which attempt."""

    message_id: int
    attempt_id: int
    state: State
    reason: str | None
    provider_ref: str | None


_PROOFS = rows(
    "proofs",
    {
        "message_id": Integer(),
        "attempt_id": Integer(),
        "state": String(),
        "reason": String(),
        "rank": Integer(),
        "provider_ref": String(),
    },
)


def _rank_now() -> ColumnElement[int]:
    """The rank of a message as it stands."""
    soft = and_(messages.c.state == State.ACCEPTED, messages.c.reason == SOFT)
    plain = {state: rank for (state, reason), rank in RANK.items() if reason != SOFT}
    return case(
        (soft, literal_column(str(RANK[State.ACCEPTED, SOFT]))),
        *((messages.c.state == state, literal_column(str(rank))) for state, rank in plain.items()),
        else_=literal_column("0"),
    )


_HOLD = (
    select(messages.c.id)
    .where(messages.c.id.in_(these_ids("wanted")))
    .order_by(messages.c.id)
    .with_for_update(key_share=True)
)
_GIVE_WAY = text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
_WAIT_AGAIN = text("SET LOCAL lock_timeout = 0")
_BEGAN_AT = (
    select(attempts.c.at)
    .where(attempts.c.id == _PROOFS.c.attempt_id)
    .correlate(_PROOFS)
    .scalar_subquery()
)
_FORWARD = (
    update(messages)
    .where(
        messages.c.id == _PROOFS.c.message_id,
        messages.c.tries > 0,
        _PROOFS.c.rank > _rank_now(),
    )
    .values(
        state=_PROOFS.c.state,
        reason=_PROOFS.c.reason,
        provider_ref=func.coalesce(messages.c.provider_ref, _PROOFS.c.provider_ref),
        # What came back to be sent once more was sent after all: it fills caps since then.
        counts_at=case(
            (is_one_of(messages.c.state, ADMITTED), messages.c.counts_at), else_=_BEGAN_AT
        ),
        ended_at=func.coalesce(
            messages.c.ended_at, bindparam("now", type_=Instant()), type_=Instant()
        ),
        token=None,
        lease_until=None,
        claims=0,
    )
    .returning(messages.c.id)
)
_BIND = (
    update(attempts)
    .where(attempts.c.id == _PROOFS.c.attempt_id)
    .values(
        outcome="accepted",
        provider_ref=func.coalesce(attempts.c.provider_ref, _PROOFS.c.provider_ref),
    )
)


def move_on(connection: Connection, proofs: Sequence[Proof], now: datetime) -> set[int]:
    """Move messages forward; which of them moved. Each is moved once, to the highest rank told.

    Raises OperationalError where somebody else holds a message for too long: try again later.
    """
    highest: dict[int, Proof] = {}
    for one in proofs:
        rank, last = RANK[one.state, one.reason], highest.get(one.message_id)
        if last is None or rank > RANK[last.state, last.reason]:
            highest[one.message_id] = one
    if not highest:
        return set()
    if connection.dialect.name == "postgresql":
        connection.execute(_GIVE_WAY)
        connection.execute(_HOLD, {"wanted": ids_text(highest)})
    moved = connection.execute(_FORWARD, {"proofs": _table(highest.values()), "now": now})
    ids = set(moved.scalars())
    by_attempt: dict[int, Proof] = {}
    for one in proofs:
        if one.attempt_id not in by_attempt or one.provider_ref is not None:
            by_attempt[one.attempt_id] = one
    connection.execute(_BIND, {"proofs": _table(by_attempt.values())})
    if connection.dialect.name == "postgresql":
        connection.execute(_WAIT_AGAIN)
    return ids


def _table(proofs: Iterable[Proof]) -> str:
    return json_text(
        [
            [
                one.message_id,
                one.attempt_id,
                str(one.state),
                one.reason,
                RANK[one.state, one.reason],
                one.provider_ref,
            ]
            for one in proofs
        ]
    )


def note(connection: Connection, lines: Sequence[tuple[int, datetime, str, str | None]]) -> None:
    """(message, at, what, detail): lines of messages' histories."""
    stored = [(id, to_micros(at), what, detail) for id, at, what, detail in lines]
    insert_stored(connection, message_log, ("message_id", "at", "what", "detail"), stored)


ENDED = "unsubscribed"
"""Why an address is suppressed that nobody has: whoever wrote from it has ended marketing."""

_LIFTED = rows("lifted", {"address_key": String(), "at": Instant()})
_LIFT = delete(suppressions).where(
    suppressions.c.scope == "marketing",
    # The latter: an end that only the provider has been told, and has told us since.
    suppressions.c.reason.in_([ENDED, BY_PROVIDER]),
    exists(
        select(_LIFTED.c.address_key)
        .where(
            _LIFTED.c.address_key == suppressions.c.address_key, _LIFTED.c.at > suppressions.c.at
        )
        .correlate(suppressions)
    ),
)


def lift(connection: Connection, begun: Iterable[tuple[str, datetime]]) -> None:
    """(address_key, at): who begins again from an address takes back an end that came before.

    A complaint, or an address that does not work, is not taken back by that.
    """
    found = [[key, to_micros(at)] for key, at in begun]
    if found:
        connection.execute(_LIFT, {"lifted": json_text(found)})


def suppress_all(
    connection: Connection, found: Iterable[tuple[str, str, str]], now: datetime
) -> None:
    """(address_key, scope, reason): never use these addresses again. The first reason stays."""
    at = to_micros(now)
    stored: list[tuple[Any, ...]] = [(*one, at) for one in sorted(set(found))]
    columns = ("address_key", "scope", "reason", "at")
    insert_stored(connection, suppressions, columns, stored, ignore=True)
