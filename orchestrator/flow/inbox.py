"""The inbox in the shop's own site: what waits for a customer, as JSON; what was seen and clicked.

Who asks has to know which customer has signed in: `customer` is the shop's own key, and is never
taken from what a browser sends without proof. Only that customer's messages are shown or marked.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from channels.contract import Feedback, FeedbackKind
from orchestrator.flow.feedback import OURS, hear
from orchestrator.flow.feedback import own as told
from orchestrator.model.shop import Shop
from orchestrator.store import inbox
from orchestrator.store.database import reading
from orchestrator.store.inbox import CLICKED, SEEN, Mark, Shown
from orchestrator.tables.instant import from_micros, to_micros

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
MARKED_MAX = 1_000
"""So many messages may be marked at once."""

_MARK = re.compile(r"([0-9]{1,17})-([0-9]{1,18})", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


def feed(
    engine: Engine, customer: str, now: datetime, *, after: str = "", most: int = PAGE_SIZE
) -> dict[str, Any] | None:
    """A page of a customer's inbox, the newest first, ready to be written as JSON.

    `after` is the `next` of the page before; None where it is none. Nobody's inbox is empty.
    """
    mark = _mark(after)
    if after and mark is None:
        return None
    size = max(1, min(most, PAGE_SIZE_MAX))
    with reading(engine) as connection:
        found = inbox.page(connection, customer, now, size + 1, mark)
        shown, more = found[:size], len(found) > size
        looked_at = inbox.looked_at(connection, [one.id for one in shown])
        unseen = inbox.unseen(connection, customer, now)
    return {
        "messages": [_as_json(one, looked_at) for one in shown],
        "unseen": unseen,
        "next": f"{to_micros(shown[-1].at)}-{shown[-1].id}" if more else None,
    }


def seen(engine: Engine, shop: Shop, customer: str, ids: Iterable[str], now: datetime) -> int:
    """Mark messages as seen; how many were not before. Of others' nothing is said or done."""
    return _mark_all(engine, shop, customer, ids, FeedbackKind.opened, now)


def clicked(engine: Engine, shop: Shop, customer: str, ids: Iterable[str], now: datetime) -> int:
    """Mark messages as clicked, once for good; how many were not before. As with `seen`."""
    return _mark_all(engine, shop, customer, ids, FeedbackKind.clicked, now)


def _mark_all(
    engine: Engine,
    shop: Shop,
    customer: str,
    ids: Iterable[str],
    kind: FeedbackKind,
    now: datetime,
) -> int:
    with reading(engine) as connection:
        mine = inbox.own(connection, customer, _ids(ids))
    events: list[Feedback] = [told(kind, one, f"inbox:{kind}:{one}", now) for one in sorted(mine)]
    return hear(engine, shop, OURS, events, now).new


def _as_json(one: Shown, looked_at: set[tuple[int, str]]) -> dict[str, Any]:
    was_clicked = (one.id, CLICKED) in looked_at
    return {
        "id": str(one.id),
        "at": _stamp(one.at),
        "until": _stamp(one.expires_at),
        "campaign": one.campaign,
        "topic": one.topic,
        "title": one.subject,
        "text": one.text,
        "html": one.html,
        "seen": was_clicked or (one.id, SEEN) in looked_at,
        "clicked": was_clicked,
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _mark(written: str) -> Mark | None:
    found = _MARK.fullmatch(written)
    return None if found is None else Mark(from_micros(int(found[1])), int(found[2]))


def _ids(written: Iterable[str]) -> list[int]:
    """Those that may be numbers of messages."""
    found = [int(one) for one in written if _ID.fullmatch(one)]
    return found[:MARKED_MAX]
