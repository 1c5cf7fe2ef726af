"""Writers who would stand in each other's way, and wait for each other instead."""

from sqlalchemy import Connection, text

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


def one_by_one(connection: Connection, what: str) -> None:
    """Wait for whoever else writes this, until they commit. On SQLite everybody does anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"what": what})
