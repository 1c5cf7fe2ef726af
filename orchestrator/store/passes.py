"""The slots of schedules that were decided."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import passes


def done_slots(connection: Connection, campaign: str, after: datetime) -> set[tuple[str, datetime]]:
    """(occasion, due_at) of a campaign's decided slots that were due after an instant."""
    statement = select(passes.c.occasion, passes.c.due_at).where(
        passes.c.campaign == campaign, passes.c.due_at > after
    )
    return {(occasion, due_at) for occasion, due_at in connection.execute(statement)}


def mark_done(
    connection: Connection,
    campaign: str,
    version: str,
    slots: Iterable[tuple[str, datetime]],
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """Remember that these slots were decided; the counts stand with the first of them."""
    rows = [
        {
            "campaign": campaign,
            "version": version,
            "occasion": occasion,
            "due_at": due_at,
            "at": now,
            "counts": dict(counts) if number == 0 else {},
        }
        for number, (occasion, due_at) in enumerate(sorted(slots))
    ]
    if rows:
        connection.execute(insert_ignore(connection, passes), rows)


def skipped_in_passes(connection: Connection) -> dict[str, Counter[str]]:
    """campaign → reason → customers, over all passes of schedules."""
    found: dict[str, Counter[str]] = {}
    for campaign, counts in connection.execute(select(passes.c.campaign, passes.c.counts)):
        found.setdefault(campaign, Counter()).update(counts)
    return found
