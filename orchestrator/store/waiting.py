"""How much is due to leave, channel by channel: enough to know how many hands it needs."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Integer,
    and_,
    bindparam,
    false,
    func,
    literal,
    select,
    union_all,
)

from orchestrator.model.message import WAITING
from orchestrator.store.canaries import HELD_BACK
from orchestrator.store.stopped import STOPPED, is_silent
from orchestrator.tables import messages
from orchestrator.tables.base import Instant
from orchestrator.tables.messages import is_one_of

_NOW = bindparam("now", type_=Instant())


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
    found = connection.execute(_due(asked), {"now": now, "most": most})
    return {channel: number for channel, number in found if number}


@lru_cache(maxsize=100)
def _due(channels: tuple[tuple[str, tuple[str, ...]], ...]) -> CompoundSelect[Any]:
    parts = []
    for name, plugins in channels:
        silent = and_(*map(is_silent, plugins)) if plugins else false()
        due = (
            select(messages.c.id)
            .where(
                messages.c.channel == name,
                is_one_of(messages.c.state, WAITING),
                messages.c.send_after <= _NOW,
                messages.c.expires_at > _NOW,
                ~STOPPED,
                ~silent,
                ~HELD_BACK,
            )
            .limit(bindparam("most", type_=Integer()))
            .subquery()
        )
        parts.append(
            select(literal(name).label("channel"), func.count().label("due")).select_from(due)
        )
    return union_all(*parts)
