"""How PostgreSQL is to go about a statement where what it knows of a table may mislead it.

It plans by what it counted some minutes ago, and a campaign plans a million messages in one of
them. Each of these holds for the transaction. SQLite goes by its indexes anyway.
"""

from sqlalchemy import Connection


def in_order(connection: Connection, wanted: bool = True) -> None:
    """The next rows are read in order from an index: while it takes what waits for little, it would
    read and sort all of it. `wanted`: else as it likes."""
    _set(connection, f"enable_sort = {'off' if wanted else 'on'}")


def one_by_one(connection: Connection) -> None:
    """Rows are looked up by their keys: while it takes a table for small, it would read all."""
    _set(connection, "enable_hashjoin = off")
    _set(connection, "enable_mergejoin = off")


def _set(connection: Connection, what: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL {what}")
