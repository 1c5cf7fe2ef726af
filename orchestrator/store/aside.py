"""What is worked out about very many customers and set aside, in tables of one connection alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, text
from sqlalchemy.schema import CreateTable, DropTable

WORK_MEM_MB = 128
"""What one step of a statement may take before it goes on on disk, while very many are asked about;
a server's usual is far less. Only PostgreSQL asks."""


def begin(connection: Connection, tables: Sequence[Table]) -> None:
    """Empty tables, which this connection alone sees."""
    end(connection, tables)
    for table in tables:
        connection.execute(CreateTable(table))


def fresh(connection: Connection, table: Table) -> None:
    """An empty table, which this connection alone sees.

    For what is emptied often by somebody who lives for weeks, say `ON COMMIT DELETE ROWS` of it:
    PostgreSQL never tidies up in such a table, and deleted rows would keep their place.
    """
    connection.execute(CreateTable(table, if_not_exists=True))
    connection.execute(delete(table))


def end(connection: Connection, tables: Sequence[Table]) -> None:
    """Nothing is left of them."""
    for table in tables:
        connection.execute(DropTable(table, if_exists=True))


def empty(connection: Connection, table: Table) -> None:
    """Take all rows away."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"TRUNCATE {table.name}"))
    else:
        connection.execute(delete(table))


def add(
    connection: Connection, table: Table, rows: Select[Any], parameters: Mapping[str, Any]
) -> None:
    """Work rows out, in the order of the table's columns, and set them aside."""
    names = [column.name for column in table.columns]
    connection.execute(table.insert().from_select(names, rows), parameters)


def look(connection: Connection, table: Table) -> None:
    """Let PostgreSQL know how many rows there are, and of what kind."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table.name} ({table.columns[0].name})"))


def hurry(connection: Connection) -> None:
    """For this transaction: many rows at once, so much memory for each step."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL work_mem = '{WORK_MEM_MB}MB'"))


def look_up(connection: Connection) -> None:
    """For this transaction: few of many rows, which have just been read and are still at hand."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL random_page_cost = 1.1"))
