"""Takes away what is older than it has to be kept, a bounded batch in each transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, delete, not_, or_, select, update

from orchestrator.model.message import UNDECIDED
from orchestrator.tables import collected, contents, feedback, messages, targets
from orchestrator.tables.json import ids_text, these_ids
from orchestrator.tables.messages import is_one_of

BATCH_SIZE_MAX = 5_000

_READ = or_(feedback.c.kind != "replied", feedback.c.read_at.is_not(None))


def _older(
    connection: Connection, id: Column[int], at: Column[Any], before: datetime, after: int
) -> list[int]:
    """The ids of the next batch that are old enough; none once all have been met.

    Ids grow with time, so the young ones behind the last old one are never read.
    """
    batch = select(id, at).where(id > after).order_by(id).limit(BATCH_SIZE_MAX)
    return [found for found, since in connection.execute(batch) if since < before]


def drop_feedback(connection: Connection, before: datetime, after: int) -> tuple[int, int | None]:
    """Of the next batch of events after an id: so many were dropped, and the last id looked at.

    What waits to be worked in, or to be read by a person, stays, however old it is.
    """
    ids = _older(connection, feedback.c.id, feedback.c.received_at, before, after)
    if not ids:
        return 0, None
    old = delete(feedback).where(feedback.c.id.in_(these_ids("wanted")), feedback.c.settled, _READ)
    gone = connection.execute(old.returning(feedback.c.id), {"wanted": ids_text(ids)}).all()
    return len(gone), ids[-1]


def drop_calls(connection: Connection, before: datetime) -> int:
    """Drop the names of a batch of calls; how many there were."""
    batch = (
        select(collected.c.key)
        .where(collected.c.at < before)
        .order_by(collected.c.at)
        .limit(BATCH_SIZE_MAX)
    )
    old = delete(collected).where(collected.c.key.in_(batch)).returning(collected.c.key)
    return len(connection.execute(old).all())


def drop_links(connection: Connection, before: datetime) -> int:
    """Of a batch of counted links, forget where they led; how many there were."""
    batch = (
        select(targets.c.key)
        .where(targets.c.at < before)
        .order_by(targets.c.at)
        .limit(BATCH_SIZE_MAX)
    )
    old = delete(targets).where(targets.c.key.in_(batch)).returning(targets.c.key)
    return len(connection.execute(old).all())


def drop_words(connection: Connection, before: datetime, after: int) -> tuple[int, int | None]:
    """Of the next batch of messages after an id: of so many the words were dropped, and the last.

    Segments and quotes stay, for reports and as evidence of prices.
    """
    ids = _older(connection, messages.c.id, messages.c.planned_at, before, after)
    if not ids:
        return 0, None
    over = select(messages.c.id).where(
        messages.c.id.in_(these_ids("wanted")),
        messages.c.expires_at < before,
        not_(is_one_of(messages.c.state, UNDECIDED)),
    )
    old = (
        update(contents)
        .where(contents.c.message_id.in_(over), contents.c.text != "")
        .values(subject=None, text="", html=None)
        .returning(contents.c.message_id)
    )
    return len(connection.execute(old, {"wanted": ids_text(ids)}).all()), ids[-1]
