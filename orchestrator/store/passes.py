"""The passes: slots of schedules, and changes of products, that a campaign has decided about."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, String, cast, exists, literal, select

from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import passes, product_changes


def done_slots(connection: Connection, campaign: str, after: datetime) -> set[tuple[str, datetime]]:
    """(occasion, due_at) of a campaign's decided slots that were due after an instant."""
    statement = select(passes.c.occasion, passes.c.due_at).where(
        passes.c.campaign == campaign, passes.c.due_at > after
    )
    return {(occasion, due_at) for occasion, due_at in connection.execute(statement)}


def open_changes(
    connection: Connection, campaign: str, kind: str, after: datetime, now: datetime
) -> dict[int, datetime]:
    """The changes of products (id → when) after an instant that a campaign has not looked at."""
    change = product_changes
    looked_at = exists(
        select(passes.c.id).where(
            passes.c.campaign == campaign,
            passes.c.occasion == literal(f"{kind}:") + cast(change.c.id, String),
        )
    )
    statement = select(change.c.id, change.c.at).where(
        change.c.kind == kind, change.c.at > after, change.c.at <= now, ~looked_at
    )
    return {row.id: row.at for row in connection.execute(statement)}


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
