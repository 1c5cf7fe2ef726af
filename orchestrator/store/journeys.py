"""Customers on their way through campaigns of several steps."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)

from orchestrator.model.message import ADMITTED, NEVER_PLANNED, PENDING
from orchestrator.store.dialect import ignoring
from orchestrator.tables import journeys, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later
from orchestrator.tables.messages import is_one_of

_NOW: ColumnElement[Any] = bindparam("at_now", type_=Instant())
_NEWS_SINCE: ColumnElement[Any] = bindparam("news_since", type_=Instant())

STATEMENTS_KEPT_MAX = 1_000

NOT_SET_OUT = "not_in_audience"
"""The end of a journey that never began: kept, so that the occasion is not asked about again."""

TOO_LATE = "expired"
"""The end of one that never began because nobody was there while its occasion was news."""


def begin(
    connection: Connection,
    setting_out: Select[Any],
    parameters: Mapping[str, Any],
    *,
    campaign: str,
    version: str,
    wait: timedelta,
) -> Counter[str]:
    """Everyone who asks sets out at step 0, `wait` from when it was due, if `matches` holds and
    the occasion is news: due after the parameter `news_since`. What they did since it was due they
    did on the way, however late somebody looks.

    The answer counts who `began`, and who did not, by the reason.
    """
    before = connection.scalar(_LAST) or 0
    statement = _setting_out(connection.dialect.name, setting_out, wait)
    of_whom = {"of_campaign": campaign, "of_version": version, "at_now": parameters["now"]}
    connection.execute(statement, {**parameters, **of_whom})
    return Counter({row[0]: row[1] for row in connection.execute(_NEW, {"before": before})})


_ENDED = func.coalesce(journeys.c.ended_as, "began")
_LAST = select(func.max(journeys.c.id))
_NEW = select(_ENDED, func.count()).where(journeys.c.id > bindparam("before")).group_by(_ENDED)


@lru_cache(maxsize=STATEMENTS_KEPT_MAX)
def _setting_out(dialect: str, setting_out: Select[Any], wait: timedelta) -> Insert:
    """One and the same object each time: SQLAlchemy then knows what it was compiled to."""
    asked = setting_out.subquery()
    ends = case(
        (asked.c.due_at <= _NEWS_SINCE, literal(TOO_LATE)),
        (asked.c.matches, null()),
        else_=literal(NOT_SET_OUT),
    )
    rows = select(
        bindparam("of_campaign", type_=String()),
        bindparam("of_version", type_=String()),
        asked.c.customer_id,
        asked.c.occasion,
        asked.c.event_id,
        asked.c.change_id,
        literal(0),
        asked.c.due_at,
        _NOW,
        asked.c.due_at,
        later(asked.c.due_at, wait),
        case((ends.is_not(None), _NOW), else_=null()),
        ends,
    )
    names = [
        "campaign", "version", "customer_id", "occasion", "event_id", "change_id", "step",
        "began_at", "set_out_at", "step_since", "due_at", "ended_at", "ended_as",
    ]  # fmt: skip
    return ignoring(dialect, journeys).from_select(names, rows.where(literal(True)))


def not_set_out(connection: Connection) -> dict[str, Counter[str]]:
    """campaign → reason → customers who asked, but whose journey never began."""
    decided = select(messages.c.id).where(*_same_occasion()).correlate(journeys)
    never = or_(
        journeys.c.ended_as == NOT_SET_OUT,
        and_(journeys.c.ended_as == TOO_LATE, ~exists(decided)),
    )
    statement = (
        select(journeys.c.campaign, journeys.c.ended_as, func.count())
        .where(never)
        .group_by(journeys.c.campaign, journeys.c.ended_as)
    )
    found: dict[str, Counter[str]] = {}
    for campaign, reason, number in connection.execute(statement):
        found.setdefault(campaign, Counter())[reason] += number
    return found


def begun_lately(
    connection: Connection, campaign: str, now: datetime, span: timedelta = timedelta(days=1)
) -> int:
    """How many customers have set out in a campaign in the last day, whatever day they were due."""
    statement = (
        select(func.count())
        .select_from(journeys)
        .where(
            journeys.c.campaign == campaign,
            journeys.c.set_out_at > now - span,
            func.coalesce(journeys.c.ended_as, "").not_in((NOT_SET_OUT, TOO_LATE)),
        )
    )
    return connection.scalar(statement) or 0


_STANDING = (
    select(
        journeys.c.version,
        journeys.c.step,
        func.count(),
        func.sum(case((journeys.c.due_at <= _NOW, 1), else_=0)),
    )
    .where(journeys.c.ended_at.is_(None))
    .group_by(journeys.c.version, journeys.c.step)
    .order_by(journeys.c.version, journeys.c.step)
)


def standing(connection: Connection, now: datetime) -> list[tuple[str, int, int, int]]:
    """(version, step, customers, of whom due now) for every place where someone stands."""
    found = connection.execute(_STANDING, {"at_now": now})
    return [(version, step, number, due) for version, step, number, due in found]


def standing_at(version: str, step: int | None = None) -> list[ColumnElement[bool]]:
    """The journeys of a version that have not ended, at a step or anywhere."""
    here = [journeys.c.version == version, journeys.c.ended_at.is_(None)]
    return here if step is None else [*here, journeys.c.step == step]


def due(version: str, step: int) -> list[ColumnElement[bool]]:
    """Those whose time at a step has come."""
    return [*standing_at(version, step), journeys.c.due_at <= _NOW]


NOW = _NOW
"""The instant at which journeys are looked at."""

WHEN_DUE: ColumnElement[Any] = journeys.c.due_at
"""When a journey is due where it stands."""

SINCE: ColumnElement[Any] = journeys.c.step_since
"""Since when what the customer does counts for it there."""


def message_waits() -> ColumnElement[bool]:
    """Whether a message of the journey has not left yet, and is still to leave."""
    waiting = select(messages.c.id).where(*_same_occasion(), is_one_of(messages.c.state, PENDING))
    return exists(waiting.correlate(journeys))


def left_at() -> ColumnElement[datetime]:
    """When the journey's last message left, or will, as far as is known; null without one."""
    waits = is_one_of(messages.c.state, PENDING)
    at = case(
        (and_(waits, messages.c.send_after > _NOW), messages.c.send_after),
        (waits, _NOW),
        else_=messages.c.counts_at,
    )
    leaves = is_one_of(messages.c.state, (*PENDING, *ADMITTED))
    last = select(func.max(at, type_=Instant())).where(*_same_occasion(), leaves)
    return last.correlate(journeys).scalar_subquery()


def move(
    connection: Connection,
    which: Iterable[ColumnElement[bool]],
    parameters: Mapping[str, Any],
    *,
    to: int,
    at: ColumnElement[datetime],
    wait: timedelta,
    since: ColumnElement[datetime],
) -> None:
    """Go to a step, to be looked at again a `wait` after `at`; what the customer does counts for
    it `since` an instant."""
    going = {"step": to, "step_since": since, "due_at": later(at, wait)}
    connection.execute(update(journeys).where(*which).values(going), _with_now(parameters))


def end(
    connection: Connection,
    which: Iterable[ColumnElement[bool]],
    parameters: Mapping[str, Any],
    *,
    as_: str | ColumnElement[Any],
) -> None:
    """Leave the campaign, and say why."""
    statement = update(journeys).where(*which).values(ended_at=_NOW, ended_as=as_)
    connection.execute(statement, _with_now(parameters))


def decided_here(step: int) -> ColumnElement[bool]:
    """Whether the ledger holds a decision for the journey's step."""
    return exists(select(messages.c.id).where(*_same(step)).correlate(journeys))


def stopped_here(step: int) -> ColumnElement[bool]:
    """Whether the decision for the journey's step was not to send."""
    return exists(
        select(messages.c.id)
        .where(*_same(step), is_one_of(messages.c.state, NEVER_PLANNED))
        .correlate(journeys)
    )


def sent_before(step: int) -> ColumnElement[bool]:
    """Whether a message of an earlier step was sent, or will be."""
    earlier = [*_same_occasion(), messages.c.step < step]
    return exists(
        select(messages.c.id)
        .where(*earlier, is_one_of(messages.c.state, (*ADMITTED, *PENDING)))
        .correlate(journeys)
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
