"""Who is in a segment, since when: kept only for segments whose entering is a trigger."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Insert,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    delete,
    exists,
    select,
    update,
)

from orchestrator.store import aside
from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import memberships, segments
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.json import ids_text, these_ids

STATEMENTS_KEPT_MAX = 1_000


def looked_lately(
    connection: Connection, segment: str, meaning: str, now: datetime, span: timedelta
) -> bool:
    """Whether everyone was looked at less than `span` ago, for what the segment means now."""
    this = select(segments.c.looked_at).where(
        segments.c.name == segment, segments.c.meaning == meaning
    )
    at = connection.scalar(this)
    return at is not None and at <= now < at + span


def keep_only(connection: Connection, wanted: Collection[str]) -> None:
    """Forget who is in any other segment: nobody looks at it any more, and who looks at it once
    again, a long time after, must not take all who came meanwhile for new."""
    connection.execute(delete(memberships).where(memberships.c.segment.not_in(wanted)))
    connection.execute(delete(segments).where(segments.c.name.not_in(wanted)))


def refresh(
    connection: Connection,
    segment: str,
    meaning: str,
    members: Select[Any],
    parameters: dict[str, Any],
    only: Collection[int] | None,
) -> None:
    """Set the memberships, of everyone or `only` of these, to what `members` says now.

    Whoever is in the segment when it is first looked at has not entered it: `since` stays null. Nor
    has anybody because it is drawn otherwise: a new `meaning` is looked at for the first time.
    """
    now: datetime = parameters["now"]
    first_look = _begin_look(connection, segment, meaning, now)
    asked = {**parameters, "of_segment": segment}
    if only is None:
        note = update(segments).where(segments.c.name == segment).values(looked_at=now)
        connection.execute(note)
    else:
        asked["only"] = ids_text(only)
    asked["entered_at"] = None if first_look else now
    aside.fresh(connection, _staged)
    connection.execute(_staging(members), asked)
    connection.execute(_LEAVING if only is None else _LEAVING_OF_THESE, asked)
    connection.execute(_ENTERING, asked)


def _begin_look(connection: Connection, segment: str, meaning: str, now: datetime) -> bool:
    """Whether it is the first one at what the segment means."""
    look = {"name": segment, "meaning": meaning, "first_look": now}
    if connection.execute(insert_ignore(connection, segments), look).rowcount > 0:
        return True
    other = (segments.c.name == segment, segments.c.meaning != meaning)
    return connection.execute(update(segments).where(*other).values(look)).rowcount > 0


# Who is in it is worked out once, into a table of this connection alone, then compared.
_staged = Table(
    "staged_members",
    MetaData(),
    Column("customer_id", Id, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)


@lru_cache(maxsize=STATEMENTS_KEPT_MAX)
def _staging(members: Select[Any]) -> Insert:
    """One and the same object each time: SQLAlchemy then knows what it was compiled to."""
    return _staged.insert().from_select(["customer_id"], members)


_SEGMENT = bindparam("of_segment", type_=String())
_is_in_it = exists(
    select(_staged.c.customer_id).where(_staged.c.customer_id == memberships.c.customer_id)
).correlate(memberships)
_LEAVING = delete(memberships).where(memberships.c.segment == _SEGMENT, ~_is_in_it)
_LEAVING_OF_THESE = _LEAVING.where(memberships.c.customer_id.in_(these_ids("only")))
_is_known = exists(
    select(memberships.c.id).where(
        memberships.c.segment == _SEGMENT, memberships.c.customer_id == _staged.c.customer_id
    )
).correlate(_staged)
_ENTERING = memberships.insert().from_select(
    ["segment", "customer_id", "since"],
    select(_SEGMENT, _staged.c.customer_id, bindparam("entered_at", type_=Instant()))
    .where(~_is_known)
    .order_by(_staged.c.customer_id),
)
