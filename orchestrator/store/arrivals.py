"""What has arrived since the last look: by the order of arrival, not by when it happened."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, union

from orchestrator.tables import customers, events


@dataclass(frozen=True, slots=True)
class Arrived:
    """Events with an id above the last one seen: the highest id, and when the oldest happened."""

    last_id: int
    earliest_at: datetime | None


def arrived_since(connection: Connection, seen_id: int | None) -> Arrived:
    """The events that came after `seen_id`; None: at a first look, which looks at everything."""
    # Two questions: asked together, SQLite would go through every event for either answer.
    last_id = connection.scalar(select(func.max(events.c.id))) or 0
    if seen_id is None or last_id <= seen_id:
        return Arrived(max(seen_id or 0, last_id), None)
    earliest = select(func.min(events.c.at)).where(events.c.id > seen_id)
    return Arrived(last_id, connection.scalar(earliest))


def touched_since(
    connection: Connection, seen_id: int, at: datetime, *, limit: int
) -> list[int] | None:
    """The customers with new events, or whose data were written since `at`; None: too many."""
    by_event = select(events.c.customer_id).where(events.c.id > seen_id)
    by_data = select(customers.c.id).where(customers.c.updated_at >= at)
    found = connection.scalars(union(by_event, by_data).limit(limit + 1)).all()
    return None if len(found) > limit else sorted(found)
