"""Writing decisions into the ledger: many at a time, and each occasion once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Insert,
    MetaData,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
)

from orchestrator.model.message import State
from orchestrator.store import aside
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import messages
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.messages import NO_CHANNEL, was_planned
from orchestrator.tables.spread import sooner, spread

HELD = ("paused", "channel_paused", "not_approved")
"""Reasons that decide nothing: whoever they stop is asked about again."""

STATEMENTS_KEPT_MAX = 1_000
ALL_IDS = (0, 2**62)


def _staging_table(on_commit: str) -> Table:
    return Table(
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
        Column("closes_at", Instant),
        prefixes=["TEMPORARY"],
        postgresql_on_commit=on_commit,
    )


# Decisions are worked out once, into a table of this connection alone, then counted and copied.
_staged = _staging_table("DELETE ROWS")
_kept = _staging_table("PRESERVE ROWS")
"""The same, for whoever writes in further transactions what was decided in one."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a message keeps of its campaign."""

    campaign: str
    version: str
    step: int
    marketing: bool
    topic: str
    priority: int


_FROZEN = [field.name for field in fields(Frozen)]


def decide_into_ledger(
    connection: Connection,
    decisions: Select[Any],
    parameters: Mapping[str, Any],
    frozen: Frozen,
    *,
    keep_skipped: bool,
    spread_over: timedelta,
) -> Counter[str]:
    """Run the decisions and write the planned messages, the held out and, if asked, the skipped.

    The answer: how many met which reason; `planned` counts the new messages.

    What a pause stopped (`HELD`) is never written: it is asked again. Occasions that stand in the
    ledger already are left as they are. What must wait leaves `spread_over` a while (`spread`).
    """
    begin_staging(connection)
    stage(connection, decisions, parameters)
    counts = staged_counts(connection)
    if counts:
        write_staged(
            connection,
            frozen,
            parameters["now"],
            keep_skipped=keep_skipped,
            spread_over=spread_over,
        )
    return counts


def begin_staging(connection: Connection) -> None:
    """An empty table for decisions, which this connection alone sees, until it commits."""
    aside.fresh(connection, _staged)


def keep_staging(connection: Connection) -> None:
    """From now on, until `end_staging`, what is staged outlasts a commit."""
    aside.begin(connection, [_kept])


def end_staging(connection: Connection) -> None:
    """No table for decisions any more."""
    aside.end(connection, [_kept])


def stage(connection: Connection, decisions: Select[Any], parameters: Mapping[str, Any]) -> None:
    """Work the decisions out and keep them aside. Writes nothing that anybody else sees."""
    connection.execute(_staging(decisions), parameters)


def staged_counts(connection: Connection) -> Counter[str]:
    """How many decisions stand aside for each reason; `planned` for none."""
    return Counter({row[0]: row[1] for row in connection.execute(_COUNTED)})


def write_staged(
    connection: Connection,
    frozen: Frozen,
    now: datetime,
    *,
    keep_skipped: bool,
    spread_over: timedelta,
    ids: tuple[int, int] = ALL_IDS,
) -> None:
    """From aside into the ledger, for the customers whose ids lie between two."""
    kept = {f"its_{name}": value for name, value in asdict(frozen).items()}
    kept |= {"at_now": now, "keep_skipped": keep_skipped, "first_id": ids[0], "last_id": ids[1]}
    kept["spread_us"] = spread_over // timedelta(microseconds=1)
    connection.execute(_writing(connection), kept)


_COUNTED = select(func.coalesce(_staged.c.reason, "planned"), func.count()).group_by(
    _staged.c.reason
)


@lru_cache(maxsize=STATEMENTS_KEPT_MAX)
def _staging(decisions: Select[Any]) -> Insert:
    """One and the same object each time: SQLAlchemy then knows what it was compiled to."""
    names = [column.name for column in _staged.columns]
    return _staged.insert().from_select(names, decisions)


_written: dict[str, Insert] = {}


def _writing(connection: Connection) -> Insert:
    """From the staged decisions into the ledger; what is frozen comes as parameters."""
    name = connection.dialect.name
    if name not in _written:
        _written[name] = _build_writing(connection)
    return _written[name]


def _build_writing(connection: Connection) -> Insert:
    reason = _staged.c.reason
    skipped = and_(bindparam("keep_skipped", type_=Boolean()), reason.not_in(HELD))
    wanted = select(*_row()).where(
        _staged.c.customer_id.between(bindparam("first_id"), bindparam("last_id")),
        or_(reason.is_(None), reason == "holdout", skipped),
    )
    names = [column.name for column in wanted.selected_columns]
    return insert_ignore(connection, messages).from_select(names, wanted)


def _row() -> list[Any]:
    staged, at = _staged.c, bindparam("at_now", type_=Instant())
    planned = staged.reason.is_(None)
    state = case(
        (planned, literal(str(State.PLANNED))),
        (staged.reason == "holdout", literal(str(State.HELD_OUT))),
        else_=literal(str(State.SKIPPED)),
    )
    opens_at = func.coalesce(staged.send_after, at, type_=Instant())
    over_us = bindparam("spread_us", type_=BigInteger())
    ends_at = sooner(staged.expires_at, staged.closes_at)
    own = spread(staged.send_after, staged.customer_id, ends_at, over_us)
    return [
        *(bindparam(f"its_{name}", type_=messages.c[name].type).label(name) for name in _FROZEN),
        staged.customer_id,
        staged.occasion,
        func.coalesce(staged.channel, NO_CHANNEL).label("channel"),
        state.label("state"),
        staged.reason,
        staged.event_id,
        staged.change_id,
        staged.address,
        staged.address_key,
        staged.due_at,
        at.label("planned_at"),
        case((staged.send_after > at, own), else_=opens_at).label("send_after"),
        staged.expires_at,
        opens_at.label("counts_at"),
        case((planned, null()), else_=at).label("ended_at"),
    ]


_SINCE = (
    select(func.count())
    .select_from(messages)
    .where(
        messages.c.campaign == bindparam("campaign"),
        messages.c.planned_at > bindparam("since", type_=Instant()),
        was_planned(),
    )
)


def planned_lately(
    connection: Connection, campaign: str, now: datetime, span: timedelta = timedelta(days=1)
) -> int:
    """How many messages a campaign has planned in the last day."""
    return connection.scalar(_SINCE, {"campaign": campaign, "since": now - span}) or 0
