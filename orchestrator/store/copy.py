"""Many rows into PostgreSQL at once, by its binary COPY: five times as fast as INSERT.

What is stored on SQLite is nearly what travels here: an instant is its microseconds, counted from
2000 instead of 1970, and JSON is its text behind one byte. So no value is converted for long.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Connection, Float, Integer, String, Table
from sqlalchemy.exc import DBAPIError

from orchestrator.tables.instant import Instant, to_micros

_EPOCH_MICROS = to_micros(datetime(2000, 1, 1, tzinfo=UTC))

Change = Callable[[Any], Any]


def copy_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    into: str | None = None,
) -> None:
    """Add stored rows to the table, or to another one, `into`, with the same columns."""
    import psycopg  # here, for it takes a fifth of a second that a shop on SQLite need not wait
    from psycopg import sql

    kinds = [_kind(table.c[name]) for name in columns]
    target = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(into or table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    changes = [(at, change) for at, (_, change) in enumerate(kinds) if change is not None]
    raw: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        with raw.cursor() as cursor, cursor.copy(target) as copy:
            copy.set_types([kind for kind, _ in kinds])
            for row in rows:
                copy.write_row(_changed(row, changes) if changes else row)
    except psycopg.Error as error:
        statement = target.as_string(raw)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, dialect=connection.dialect
        ) from error


def _changed(row: Sequence[Any], changes: Iterable[tuple[int, Change]]) -> list[Any]:
    values = list(row)
    for at, change in changes:
        if values[at] is not None:
            values[at] = change(values[at])
    return values


def _kind(column: Column[Any]) -> tuple[str, Change | None]:
    """How a column travels: the type that has the same bytes, and what makes them."""
    match column.type:
        case Instant():
            return "int8", _since_2000
        case JSON():
            return "bytea", _versioned
        case Boolean():
            return "bool", bool
        case Float():
            return "float8", float
        case String():
            return "text", None
        case Integer() if not isinstance(column.type, BigInteger):
            return "int4", None
        case _:
            return "int8", None


def _since_2000(micros: int) -> int:
    return micros - _EPOCH_MICROS


def _versioned(json: str) -> bytes:
    return b"\x01" + json.encode()
