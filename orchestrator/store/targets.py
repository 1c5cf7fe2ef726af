"""Where counted links lead: each address once, under its key, for as long as messages are kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Integer, String, bindparam, or_, select, update

from orchestrator.store.dialect import insert_stored, json_text
from orchestrator.tables import targets
from orchestrator.tables.base import Instant
from orchestrator.tables.json import rows


class Target(NamedTuple):
    """Where a link leads, and for whom: None where several customers' messages have it."""

    key: str
    url: str
    customer_id: int | None


_A_DAY = timedelta(days=1)
_LED = rows("led", {"key": String(), "customer_id": Integer()})
_ANOTHER_S = (
    select(targets.c.key)
    .join(_LED, _LED.c.key == targets.c.key)
    .where(targets.c.customer_id.is_distinct_from(_LED.c.customer_id))
    .where(targets.c.customer_id.is_not(None))
    .order_by(targets.c.key)
    .with_for_update(of=targets)
)
_SHARE = update(targets).where(targets.c.key.in_(_ANOTHER_S)).values(customer_id=None)


_UNTOLD = (
    select(targets.c.key)
    .where(
        targets.c.key.in_(select(_LED.c.key)),
        or_(targets.c.at.is_(None), targets.c.at < bindparam("told_before", type_=Instant())),
    )
    .order_by(targets.c.key)
    .with_for_update(skip_locked=True)
)
_TELL = (
    update(targets).where(targets.c.key.in_(_UNTOLD)).values(at=bindparam("now", type_=Instant()))
)


def keep_targets(connection: Connection, found: Iterable[Target], now: datetime) -> None:
    """Keep addresses by their keys, and with whom, as long as nobody else's message has them.

    What is there and shared is neither written nor locked, but once a day, to tell that messages
    still lead there: every batch leads to the same pages. Whoever is late leaves that to others.
    """
    kept: dict[str, Target] = {}
    for one in found:
        same = kept.setdefault(one.key, one)
        if same.customer_id != one.customer_id:
            kept[one.key] = one._replace(customer_id=None)
    if kept:
        insert_stored(
            connection, targets, Target._fields, [kept[key] for key in sorted(kept)], ignore=True
        )
        led = json_text([[one.key, one.customer_id] for one in kept.values()])
        connection.execute(_SHARE, {"led": led})
        connection.execute(_TELL, {"led": led, "now": now, "told_before": now - _A_DAY})


def target(connection: Connection, key: str) -> str | None:
    """The address under a key."""
    return connection.scalar(select(targets.c.url).where(targets.c.key == key))
