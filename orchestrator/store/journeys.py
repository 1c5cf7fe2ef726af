"""Customers on their way through campaigns of several steps."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
    update,
)

from orchestrator.model.message import ADMITTED, PENDING, State
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import journeys, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later
from orchestrator.tables.messages import is_one_of

_NOW: ColumnElement[Any] = bindparam("at_now", type_=Instant())


def begin(
    connection: Connection,
    asking: Select[Any],
    parameters: Mapping[str, Any],
    *,
    campaign: str,
    version: str,
    wait: timedelta,
) -> int:
    """Everyone who asks sets out at step 0, to stay there for `wait`; the answer is how many."""
    asked = asking.subquery()
    now = literal(parameters["now"], Instant())
    rows = select(
        literal(campaign),
        literal(version),
        asked.c.customer_id,
        asked.c.occasion,
        asked.c.event_id,
        asked.c.change_id,
        literal(0),
        asked.c.due_at,
        now,
        later(asked.c.due_at, wait),
    )
    names = [
        "campaign", "version", "customer_id", "occasion", "event_id", "change_id", "step",
        "began_at", "step_since", "due_at",
    ]  # fmt: skip
    statement = insert_ignore(connection, journeys).from_select(names, rows.where(literal(True)))
    return connection.execute(statement, parameters).rowcount


def begun_lately(
    connection: Connection, campaign: str, now: datetime, span: timedelta = timedelta(days=1)
) -> int:
    """How many customers have set out in a campaign in the last day."""
    statement = (
        select(func.count())
        .select_from(journeys)
        .where(journeys.c.campaign == campaign, journeys.c.began_at > now - span)
    )
    return connection.scalar(statement) or 0


def standing(connection: Connection, now: datetime) -> list[tuple[str, int, int, int]]:
    """(version, step, customers, of whom due now) for every place where someone stands."""
    due = func.sum(case((journeys.c.due_at <= literal(now, Instant()), 1), else_=0))
    found = connection.execute(
        select(journeys.c.version, journeys.c.step, func.count(), due)
        .where(journeys.c.ended_at.is_(None))
        .group_by(journeys.c.version, journeys.c.step)
        .order_by(journeys.c.version, journeys.c.step)
    )
    return [(version, step, number, due) for version, step, number, due in found]


def standing_at(version: str, step: int | None = None) -> list[ColumnElement[bool]]:
    """The journeys of a version that have not ended, at a step or anywhere."""
    here = [journeys.c.version == version, journeys.c.ended_at.is_(None)]
    return here if step is None else [*here, journeys.c.step == step]


def due(version: str, step: int) -> list[ColumnElement[bool]]:
    """Those whose time at a step has come."""
    return [*standing_at(version, step), journeys.c.due_at <= _NOW]


def move(
    connection: Connection,
    which: Iterable[ColumnElement[bool]],
    parameters: Mapping[str, Any],
    *,
    to: int,
    due_at: datetime,
) -> int:
    """Go to a step, to be looked at again when `due_at` has come."""
    statement = update(journeys).where(*which).values(step=to, step_since=_NOW, due_at=due_at)
    return connection.execute(statement, _with_now(parameters)).rowcount


def end(
    connection: Connection,
    which: Iterable[ColumnElement[bool]],
    parameters: Mapping[str, Any],
    *,
    as_: str | ColumnElement[Any],
) -> int:
    """Leave the campaign, and say why."""
    statement = update(journeys).where(*which).values(ended_at=_NOW, ended_as=as_)
    return connection.execute(statement, _with_now(parameters)).rowcount


def decided_here(step: int) -> ColumnElement[bool]:
    """Whether the ledger holds a decision for the journey's step."""
    return exists(select(messages.c.id).where(*_same(step)).correlate(journeys))


def stopped_here(step: int) -> ColumnElement[bool]:
    """Whether the decision for the journey's step was not to send."""
    return exists(
        select(messages.c.id)
        .where(*_same(step), is_one_of(messages.c.state, (State.SKIPPED, State.HELD_OUT)))
        .correlate(journeys)
    )


def sent_before(step: int) -> ColumnElement[bool]:
    """Whether a message of an earlier step was sent, or will be."""
    earlier = [*_same_occasion(), messages.c.step < step]
    return exists(
        select(messages.c.id).where(*earlier, is_one_of(messages.c.state, (*ADMITTED, *PENDING))).correlate(journeys)
    )


def why_stopped(step: int) -> ColumnElement[Any]:
    """The reason of that decision."""
    return (
        select(func.min(messages.c.reason))
        .where(*_same(step))
        .correlate(journeys)
        .scalar_subquery()
    )


def _same(step: int) -> list[ColumnElement[bool]]:
    return [*_same_occasion(), messages.c.step == step]


def _same_occasion() -> list[ColumnElement[bool]]:
    return [
        messages.c.campaign == journeys.c.campaign,
        messages.c.customer_id == journeys.c.customer_id,
        messages.c.occasion == journeys.c.occasion,
    ]


def _with_now(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {**parameters, "at_now": parameters["now"]}
