"""Which messages of a new version leave first, and how they fared.

Who goes first is chosen in one place and written down. Any number of workers may claim at once:
none of them counts, they only look whether a message was chosen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    select,
    update,
)

from orchestrator.model.message import WAITING, State
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import canaries, canary_messages, messages, versions
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_one_of, was_planned

OUT, RELEASED, HALTED = "out", "released", "halted"


@dataclass(frozen=True, slots=True)
class Canary:
    """The first messages of one step of a new version.

    `share`: per cent of what is planned, where it was written so. `full_at`: when the last of them
    was answered; None before.
    """

    version: str
    step: int
    campaign: str
    state: str
    most: int
    share: float | None
    watch: timedelta
    full_at: datetime | None
    reason: str | None

    @property
    def key(self) -> tuple[str, int]:
        """What names it."""
        return self.version, self.step


@dataclass(frozen=True, slots=True)
class Fared:
    """How many of the first messages are in a state for a reason, and when the last came to it."""

    state: State
    reason: str | None
    messages: int
    last: datetime | None


_CHOSEN = exists(
    select(canary_messages.c.message_id)
    .where(canary_messages.c.message_id == messages.c.id)
    .correlate(messages)
)
"""Whether a message goes first."""

IS_HELD: ColumnElement[bool] = exists(
    select(canaries.c.step)
    .where(
        canaries.c.version == messages.c.version,
        canaries.c.step == messages.c.step,
        canaries.c.state != RELEASED,
    )
    .correlate(messages)
)
"""Whether of a message's send only those leave that go first."""

HELD_BACK: ColumnElement[bool] = and_(IS_HELD, ~_CHOSEN)
"""Whether a message has to wait for those that go first."""


def begin(connection: Connection, new: Iterable[Canary]) -> None:
    """Let these versions begin with a few messages; those that have begun already go on."""
    rows = [
        {
            "version": one.version,
            "step": one.step,
            "campaign": one.campaign,
            "state": OUT,
            "most": one.most,
            "share": one.share,
            "watch_s": int(one.watch.total_seconds()),
        }
        for one in new
    ]
    if rows:
        connection.execute(insert_ignore(connection, canaries), rows)


_ALL = select(
    canaries.c.version,
    canaries.c.step,
    canaries.c.campaign,
    canaries.c.state,
    canaries.c.most,
    canaries.c.share,
    canaries.c.watch_s,
    canaries.c.full_at,
    canaries.c.reason,
).order_by(canaries.c.version, canaries.c.step)
_OUT = _ALL.where(canaries.c.state == OUT).with_for_update(skip_locked=True)


def out_there(connection: Connection) -> list[Canary]:
    """Those that are still watched, for this transaction to judge; nobody else does meanwhile."""
    return [_canary(row) for row in connection.execute(_OUT)]


def any_out(connection: Connection) -> bool:
    """Whether any is still watched."""
    return bool(connection.scalar(select(exists().where(canaries.c.state == OUT))))


def unreleased(connection: Connection) -> list[Canary]:
    """Those whose rest waits: watched, or halted."""
    return [_canary(row) for row in connection.execute(_ALL.where(canaries.c.state != RELEASED))]


def held_back(connection: Connection) -> list[tuple[Canary, int]]:
    """Those whose rest waits, with how many messages that is now; none where it is none."""
    sends = {one.key: one for one in unreleased(connection)}
    key = messages.c.version, messages.c.step
    statement = (
        select(*key, func.count())
        .where(is_one_of(messages.c.state, WAITING), HELD_BACK)
        .group_by(*key)
        .order_by(*key)
    )
    return [
        (sends[version, step], number) for version, step, number in connection.execute(statement)
    ]


def _canary(row: Any) -> Canary:
    version, step, campaign, state, most, share, watch_s, full_at, reason = row
    watch = timedelta(seconds=watch_s)
    return Canary(version, step, campaign, state, most, share, watch, full_at, reason)


_FARED = (
    select(
        canary_messages.c.version,
        canary_messages.c.step,
        messages.c.state,
        messages.c.reason,
        func.count(),
        func.max(messages.c.ended_at, type_=Instant()),
    )
    .join(messages, messages.c.id == canary_messages.c.message_id)
    .join(
        canaries,
        and_(
            canaries.c.version == canary_messages.c.version,
            canaries.c.step == canary_messages.c.step,
        ),
    )
    .where(canaries.c.state == OUT)
    .group_by(
        canary_messages.c.version, canary_messages.c.step, messages.c.state, messages.c.reason
    )
)


def fared(connection: Connection) -> dict[tuple[str, int], list[Fared]]:
    """How the first messages of each that is watched have fared so far."""
    found: dict[tuple[str, int], list[Fared]] = {}
    for version, step, state, reason, number, last in connection.execute(_FARED):
        found.setdefault((version, step), []).append(Fared(State(state), reason, number, last))
    return found


_PLANNED = (
    select(func.count())
    .select_from(messages)
    .join(versions, versions.c.digest == messages.c.version)
    .where(
        messages.c.campaign == bindparam("campaign"),
        messages.c.version == bindparam("its_version"),
        messages.c.step == bindparam("its_step"),
        messages.c.planned_at >= versions.c.created_at,
        was_planned(),
    )
)


def planned(connection: Connection, one: Canary) -> int:
    """How many messages of its step and version were planned so far."""
    named = {"campaign": one.campaign, "its_version": one.version, "its_step": one.step}
    return connection.scalar(_PLANNED, named) or 0


_FIRST = (
    select(messages.c.id, messages.c.version, messages.c.step)
    .where(
        is_one_of(messages.c.state, WAITING),
        messages.c.version == bindparam("its_version", type_=String()),
        messages.c.step == bindparam("its_step", type_=Integer()),
        messages.c.send_after <= bindparam("now", type_=Instant()),
        messages.c.expires_at > bindparam("now", type_=Instant()),
        ~_CHOSEN,
    )
    .order_by(messages.c.send_after, messages.c.id)
    .limit(bindparam("number", type_=Integer()))
)


def choose(connection: Connection, one: Canary, number: int, now: datetime) -> int:
    """Let so many more go first, of those that are due; how many there were."""
    statement = insert_ignore(connection, canary_messages)
    statement = statement.from_select(["message_id", "version", "step"], _FIRST)
    named = {"its_version": one.version, "its_step": one.step, "now": now, "number": number}
    return connection.execute(statement, named).rowcount


def set_most(connection: Connection, one: Canary, most: int) -> None:
    """So many go first."""
    connection.execute(update(canaries).where(*_is(one)).values(most=most))


def note_full(connection: Connection, one: Canary, at: datetime | None) -> None:
    """When the last of the first messages was answered; None: it is not over after all."""
    connection.execute(update(canaries).where(*_is(one)).values(full_at=at))


def end(connection: Connection, one: Canary, state: str, reason: str | None, now: datetime) -> None:
    """Let the rest go, or hold it back for good."""
    values = {"state": state, "reason": reason, "ended_at": now}
    connection.execute(update(canaries).where(*_is(one)).values(**values))


def _is(one: Canary) -> tuple[ColumnElement[bool], ...]:
    return canaries.c.version == one.version, canaries.c.step == one.step
