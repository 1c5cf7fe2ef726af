"""Where counted links lead: each address once, under its key, for as long as messages are kept."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from orchestrator.store.dialect import insert_stored
from orchestrator.tables import targets


def keep_targets(connection: Connection, found: Mapping[str, str]) -> None:
    """Keep addresses by their keys; what is there stays as it is."""
    insert_stored(connection, targets, ("key", "url"), sorted(found.items()), ignore=True)


def target(connection: Connection, key: str) -> str | None:
    """The address under a key."""
    return connection.scalar(select(targets.c.url).where(targets.c.key == key))
