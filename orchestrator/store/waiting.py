"""What is due to leave, send by send: what cannot leave now is not looked through.

A million messages may wait behind a pause, for the first of a new version, or for the morning.
Those of one send (a step of a version) lie together in the index, in the order of their times: so
from each send one row is read, and of those that are due only what is wanted.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    select,
    tuple_,
    union_all,
)

from orchestrator.model.message import WAITING
from orchestrator.store.by_index import in_order
from orchestrator.store.canaries import IS_HELD
from orchestrator.store.stopped import STOPPED, is_silent
from orchestrator.tables import canary_messages, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_one_of

_NOW = bindparam("now", type_=Instant())
_PLACE = ("version", "step", "send_after", "id")


class DueSend(NamedTuple):
    """A send of which something is due on a channel. `held`: only what goes first may leave."""

    version: str
    step: int
    held: bool


def due_sends(connection: Connection, channel: str, now: datetime) -> list[DueSend]:
    """The sends of which something may leave on a channel now, in the order of arbitration: by
    priority, then by whose first message has waited longest."""
    in_order(connection)
    found = connection.execute(_DUE_SENDS, {"of_channel": channel, "now": now}).all()
    return [DueSend._make(row) for row in found]


def due_by_channel(
    connection: Connection, channels: Mapping[str, Collection[str]], now: datetime, *, most: int
) -> dict[str, int]:
    """Channel → messages that may leave now, counted up to `most`; those with none are left out.
    `channels`: with the plugins behind each.

    What is paused, or waits for the first messages of a new version, is not due.
    """
    if not channels:
        return {}
    asked = tuple((name, tuple(plugins)) for name, plugins in channels.items())
    in_order(connection)
    found = connection.execute(_due(asked), {"now": now, "most": most})
    return {channel: min(number, most) for channel, number in found if number}


def is_due(messages: Any) -> ColumnElement[bool]:
    """It waits, its time has come, and is not over. `messages`: the table or an alias."""
    return and_(
        is_one_of(messages.c.state, WAITING),
        messages.c.send_after <= _NOW,
        messages.c.expires_at > _NOW,
    )


def _first_rows(channel: ColumnElement[str], name: str) -> Any:
    """Of each send that waits on a channel the row that is due first, by one look-up each."""
    one, other = messages.alias(f"{name}_one"), messages.alias(f"{name}_other")
    first = _next(channel).scalar_subquery()
    begin = select(one.c.id, one.c.version, one.c.step).where(one.c.id == first)
    rows = begin.cte(name, recursive=True)
    after = tuple_(messages.c.version, messages.c.step) > tuple_(rows.c.version, rows.c.step)
    following = _next(channel).where(after).correlate(rows).scalar_subquery()
    return rows.union_all(
        select(other.c.id, other.c.version, other.c.step).select_from(
            rows.join(other, other.c.id == following)
        )
    )


def _next(channel: ColumnElement[str]) -> Select[Any]:
    return (
        select(messages.c.id)
        .where(messages.c.channel == channel, is_one_of(messages.c.state, WAITING))
        .order_by(*(messages.c[name] for name in _PLACE))
        .limit(1)
    )


def _sends(channel: ColumnElement[str], name: str) -> Select[Any]:
    rows = _first_rows(channel, name)
    return (
        select(messages.c.version, messages.c.step, IS_HELD.label("held"))
        .select_from(rows.join(messages, messages.c.id == rows.c.id))
        .where(messages.c.send_after <= _NOW, ~STOPPED)
    )


_DUE_SENDS = _sends(bindparam("of_channel", type_=String()), "first_rows").order_by(
    messages.c.priority.desc(), messages.c.send_after, messages.c.id
)


@lru_cache(maxsize=100)
def _due(channels: tuple[tuple[str, tuple[str, ...]], ...]) -> CompoundSelect[Any]:
    parts = []
    for number, (name, plugins) in enumerate(channels):
        silent = and_(*map(is_silent, plugins)) if plugins else false()
        channel = literal(name)
        sends = _sends(channel, f"first_rows_{number}").where(~silent).subquery(f"sends_{number}")
        due = case((sends.c.held, _firsts(channel, sends)), else_=_all_of(channel, sends))
        parts.append(select(channel.label("channel"), cast(func.sum(due), Integer).label("due")))
    return union_all(*parts)


def _all_of(channel: ColumnElement[str], sends: Any) -> ColumnElement[int]:
    return _number(
        select(messages.c.id)
        .where(
            messages.c.channel == channel,
            messages.c.version == sends.c.version,
            messages.c.step == sends.c.step,
            is_due(messages),
        )
        .order_by(messages.c.send_after, messages.c.id),
        sends,
    )


def _firsts(channel: ColumnElement[str], sends: Any) -> ColumnElement[int]:
    return _number(
        select(messages.c.id)
        .join(canary_messages, canary_messages.c.message_id == messages.c.id)
        .where(
            canary_messages.c.version == sends.c.version,
            canary_messages.c.step == sends.c.step,
            messages.c.channel == channel,
            is_due(messages),
        ),
        sends,
    )


def _number(found: Select[Any], sends: Any) -> ColumnElement[int]:
    some = found.limit(bindparam("most", type_=Integer())).correlate(sends).subquery()
    return select(func.count()).select_from(some).correlate(sends).scalar_subquery()
