"""Who is in a segment, since when: kept only for segments whose entering is a trigger."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Select,
    String,
    bindparam,
    delete,
    exists,
    select,
    update,
)

from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import memberships, segments
from orchestrator.tables.base import Instant
from orchestrator.tables.json import ids_text, these_ids

STATEMENTS_KEPT_MAX = 1_000


def looked_lately(connection: Connection, segment: str, now: datetime, span: timedelta) -> bool:
    """Whether everyone was looked at less than `span` ago."""
    at = connection.scalar(select(segments.c.looked_at).where(segments.c.name == segment))
    return at is not None and at <= now < at + span


def refresh(
    connection: Connection,
    segment: str,
    members: Select[Any],
    parameters: dict[str, Any],
    only: Collection[int] | None,
) -> None:
    """Set the memberships, of everyone or `only` of these, to what `members` says now.

    Whoever is in the segment when it is first looked at has not entered it: `since` stays null.
    """
    now: datetime = parameters["now"]
    look = {"name": segment, "first_look": now}
    first_look = connection.execute(insert_ignore(connection, segments), look).rowcount > 0
    asked = {**parameters, "of_segment": segment}
    if only is None:
        note = update(segments).where(segments.c.name == segment).values(looked_at=now)
        connection.execute(note)
    else:
        asked["only"] = ids_text(only)
    connection.execute(_leaving(members, only is None), asked)
    asked["entered_at"] = None if first_look else now
    connection.execute(_entering(members), asked)


_SEGMENT = bindparam("of_segment", type_=String())


@lru_cache(maxsize=STATEMENTS_KEPT_MAX)
def _leaving(members: Select[Any], everyone: bool) -> Delete:
    """One and the same object each time: SQLAlchemy then knows what it was compiled to."""
    gone = memberships.c.customer_id.not_in(select(members.subquery().c[0]))
    left = delete(memberships).where(memberships.c.segment == _SEGMENT, gone)
    return left if everyone else left.where(memberships.c.customer_id.in_(these_ids("only")))


@lru_cache(maxsize=STATEMENTS_KEPT_MAX)
def _entering(members: Select[Any]) -> Insert:
    in_it = members.subquery()
    known = exists(
        select(memberships.c.id).where(
            memberships.c.segment == _SEGMENT, memberships.c.customer_id == in_it.c[0]
        )
    ).correlate(in_it)
    at = bindparam("entered_at", type_=Instant())
    entered = select(_SEGMENT, in_it.c[0], at).where(~known).order_by(in_it.c[0])
    return memberships.insert().from_select(["segment", "customer_id", "since"], entered)
