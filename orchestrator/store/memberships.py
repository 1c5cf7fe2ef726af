"""Who is in a segment, since when: kept only for segments whose entering is a trigger."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    literal,
    null,
    select,
    update,
)

from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import memberships, segments
from orchestrator.tables.base import Instant


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
    in_it = members.subquery()
    mine = memberships.c.segment == segment
    look = {"name": segment, "first_look": now}
    first_look = connection.execute(insert_ignore(connection, segments), look).rowcount > 0
    left = delete(memberships).where(mine, memberships.c.customer_id.not_in(select(in_it.c[0])))
    if only is None:
        note = update(segments).where(segments.c.name == segment).values(looked_at=now)
        connection.execute(note)
    else:
        left = left.where(memberships.c.customer_id.in_(list(only)))
    connection.execute(left, parameters)
    since: ColumnElement[Any] = null() if first_look else bindparam("entered", now, Instant())
    known = exists(
        select(memberships.c.id).where(mine, memberships.c.customer_id == in_it.c[0])
    ).correlate(in_it)
    entered = select(literal(segment), in_it.c[0], since).where(~known).order_by(in_it.c[0])
    connection.execute(
        memberships.insert().from_select(["segment", "customer_id", "since"], entered), parameters
    )
