"""The passes: slots of schedules, and changes of products, that a campaign has decided about."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, cast, exists, select

from orchestrator.store.dialect import insert_ignore
from orchestrator.tables import passes, product_changes
from orchestrator.tables.base import Instant

_CAMPAIGN = bindparam("of_campaign", type_=String())
_AFTER = bindparam("after", type_=Instant())
_DONE = select(passes.c.occasion, passes.c.due_at).where(
    passes.c.campaign == _CAMPAIGN, passes.c.due_at > _AFTER
)
_OPEN = select(product_changes.c.id, product_changes.c.at).where(
    product_changes.c.kind == bindparam("of_kind", type_=String()),
    product_changes.c.at > _AFTER,
    product_changes.c.at <= bindparam("now", type_=Instant()),
    ~exists(
        select(passes.c.id).where(
            passes.c.campaign == _CAMPAIGN,
            passes.c.occasion
            == bindparam("prefix", type_=String()) + cast(product_changes.c.id, String),
        )
    ),
)


def done_slots(connection: Connection, campaign: str, after: datetime) -> set[tuple[str, datetime]]:
    """(occasion, due_at) of a campaign's decided slots that were due after an instant."""
    found = connection.execute(_DONE, {"of_campaign": campaign, "after": after})
    return {(occasion, due_at) for occasion, due_at in found}


def open_changes(
    connection: Connection, campaign: str, kind: str, after: datetime, now: datetime
) -> dict[int, datetime]:
    """The changes of products (id → when) after an instant that a campaign has not looked at."""
    asked = {"of_campaign": campaign, "of_kind": kind, "after": after, "now": now}
    found = connection.execute(_OPEN, {**asked, "prefix": f"{kind}:"})
    return {row.id: row.at for row in found}


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
