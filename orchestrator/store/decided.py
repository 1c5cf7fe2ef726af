"""Writing decisions into the ledger: many at a time, and each occasion once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
)

from orchestrator.model.message import State
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import messages
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.messages import is_one_of

HELD = ("paused", "channel_paused")
"""Reasons that decide nothing: whoever they stop is asked about again."""

# Decisions are worked out once, into a table of this connection alone, then counted and copied.
_staged = Table(
    "staged_decisions",
    MetaData(),
    Column("customer_id", Id, nullable=False),
    Column("occasion", String, nullable=False),
    Column("event_id", Id),
    Column("change_id", Id),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("reason", String),
    Column("channel", String),
    Column("address", String),
    Column("address_key", String),
    Column("send_after", Instant),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a message keeps of its campaign."""

    campaign: str
    version: str
    step: int
    marketing: bool
    topic: str
    priority: int


def decide_into_ledger(
    connection: Connection,
    decisions: Select[Any],
    parameters: Mapping[str, Any],
    frozen: Frozen,
    *,
    keep_skipped: bool,
) -> Counter[str]:
    """Run the decisions and write the planned messages, the held out and, if asked, the skipped.

    The answer: how many met which reason; `planned` counts the new messages.

    What a pause stopped (`HELD`) is never written: it is asked again. Occasions that stand in the
    ledger already are left as they are.
    """
    _staged.create(connection, checkfirst=True)
    connection.execute(delete(_staged))
    names = [column.name for column in _staged.columns]
    connection.execute(_staged.insert().from_select(names, decisions), parameters)
    counted = connection.execute(
        select(func.coalesce(_staged.c.reason, "planned"), func.count()).group_by(_staged.c.reason)
    )
    counts: Counter[str] = Counter({row[0]: row[1] for row in counted})
    if counts:
        _write(connection, frozen, parameters["now"], keep_skipped=keep_skipped)
    return counts


def _write(connection: Connection, frozen: Frozen, now: datetime, *, keep_skipped: bool) -> None:
    reason = _staged.c.reason
    skipped = and_(literal(keep_skipped), reason.not_in(HELD))
    wanted = select(*_row(frozen, now)).where(or_(reason.is_(None), reason == "holdout", skipped))
    names = [column.name for column in wanted.selected_columns]
    connection.execute(insert_ignore(connection, messages).from_select(names, wanted))


def _row(frozen: Frozen, now: datetime) -> list[Any]:
    staged, at = _staged.c, literal(now, Instant())
    planned = staged.reason.is_(None)
    state = case(
        (planned, literal(str(State.PLANNED))),
        (staged.reason == "holdout", literal(str(State.HELD_OUT))),
        else_=literal(str(State.SKIPPED)),
    )
    send_after = func.coalesce(staged.send_after, at, type_=Instant())
    return [
        literal(frozen.campaign).label("campaign"),
        literal(frozen.version).label("version"),
        literal(frozen.step, Integer()).label("step"),
        literal(frozen.marketing, Boolean()).label("marketing"),
        literal(frozen.topic).label("topic"),
        literal(frozen.priority, Integer()).label("priority"),
        staged.customer_id,
        staged.occasion,
        func.coalesce(staged.channel, "-").label("channel"),
        state.label("state"),
        staged.reason,
        staged.event_id,
        staged.change_id,
        staged.address,
        staged.address_key,
        staged.due_at,
        at.label("planned_at"),
        send_after.label("send_after"),
        staged.expires_at,
        send_after.label("counts_at"),
        case((planned, null()), else_=at).label("ended_at"),
    ]


_SINCE = (
    select(func.count())
    .select_from(messages)
    .where(
        messages.c.campaign == bindparam("campaign"),
        messages.c.planned_at > bindparam("since", type_=Instant()),
        ~is_one_of(messages.c.state, (State.SKIPPED, State.HELD_OUT)),
    )
)


def planned_lately(
    connection: Connection, campaign: str, now: datetime, span: timedelta = timedelta(days=1)
) -> int:
    """How many messages a campaign has planned in the last day."""
    return connection.scalar(_SINCE, {"campaign": campaign, "since": now - span}) or 0
