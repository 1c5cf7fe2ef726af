"""Where counted links lead: each address once, under its key, for as long as messages are kept."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Integer, String, select, update

from orchestrator.store.dialect import insert_stored, json_text
from orchestrator.tables import targets
from orchestrator.tables.json import rows


class Target(NamedTuple):
    """Where a link leads, and for whom: None where several customers' messages have it."""

    key: str
    url: str
    customer_id: int | None


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


def keep_targets(connection: Connection, found: Iterable[Target]) -> None:
    """Keep addresses by their keys, and with whom, as long as nobody else's message has them.

    What is there and shared is neither written nor locked: every batch leads to the same pages.
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


def target(connection: Connection, key: str) -> str | None:
    """The address under a key."""
    return connection.scalar(select(targets.c.url).where(targets.c.key == key))
