"""What the shop's site has told of customers already, by its own names for that."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, select, true

from orchestrator.store.dialect import ignoring, json_text
from orchestrator.tables import collected
from orchestrator.tables.base import Instant
from orchestrator.tables.json import rows

_KEYS = rows("told", {"key": String()})


def keep_new(connection: Connection, keys: Collection[str], now: datetime) -> set[str]:
    """Those of the keys that were never told before; they are known from now on.

    In order, so that two who bring the same keys never wait for each other.
    """
    if not keys:
        return set()
    statement = (
        ignoring(connection.dialect.name, collected)
        .from_select(
            ["key", "at"], select(_KEYS.c.key, bindparam("now", type_=Instant())).where(true())
        )
        .returning(collected.c.key)
    )
    told = json_text([[key] for key in sorted(set(keys))])
    return set(connection.execute(statement, {"told": told, "now": now}).scalars())
