"""What SQLite and PostgreSQL do differently when many rows are written.

A *stored* row holds what SQLite keeps: instants as microseconds, amounts as ten-thousandths, JSON
as text. Whoever has millions of rows builds them so at once; see `copy` for PostgreSQL.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, String, Table, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.store.copy import copy_rows
from orchestrator.tables.json import rows as json_rows

Insert = sqlite.Insert | postgresql.Insert
StoredRow = tuple[Any, ...]

STATEMENT_ROWS = 60
"""Rows in one statement on SQLite; more bring nothing."""


def _insert(dialect: str, table: Table) -> Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def insert_ignore(connection: Connection, table: Table) -> Insert:
    """An insert that leaves a row alone which breaks any unique key; `rowcount` tells how many."""
    return ignoring(connection.dialect.name, table)


def ignoring(dialect: str, table: Table) -> Insert:
    """The same, by the dialect's name, for statements that are kept."""
    statement = _insert(dialect, table).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


def upsert(
    connection: Connection, table: Table, key: Sequence[str], replace: Sequence[str]
) -> Insert:
    """An insert that replaces the columns `replace` where a row with this key exists."""
    statement = _insert(connection.dialect.name, table)
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in replace}
    )


def insert_stored(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[StoredRow],
    *,
    ignore: bool = False,
    key: Sequence[str] = (),
    replace: Sequence[str] = (),
) -> None:
    """Insert stored rows past Core, by what is fastest: several times as fast as through it.

    `ignore` leaves existing rows alone; `key` and `replace` together make it an upsert, in which
    the last of several rows with one key holds.
    """
    if not rows:
        return
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in columns)
    head = f"INSERT INTO {quote(table.name)} ({names}) "
    tail = ""
    if ignore:
        tail = " ON CONFLICT DO NOTHING"
    elif key:
        target = ", ".join(quote(name) for name in key)
        new = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in replace)
        tail = f" ON CONFLICT ({target}) DO UPDATE SET {new}"
    if connection.dialect.name == "sqlite":
        _insert_sqlite(connection, head + "VALUES ", tail, len(columns), rows)
    elif not tail:
        copy_rows(connection, table, columns, rows)
    else:
        aside = f"copied_{table.name}"
        _empty_copy(connection, table.name, aside)
        copy_rows(connection, table, columns, _in_order(table, columns, rows, key), into=aside)
        connection.exec_driver_sql(f"{head}SELECT {names} FROM {aside}{tail}")


def _in_order(
    table: Table, columns: Sequence[str], rows: Sequence[StoredRow], key: Sequence[str]
) -> Sequence[StoredRow]:
    """The last row of each key, in the order of keys: two writers then never block each other.

    Where the database numbers the rows, they stay in the order that the caller gave them.
    """
    if key:
        at = [columns.index(name) for name in key]
        rows = list({tuple(row[n] for n in at): row for row in rows}.values())
    elif "key" in columns:
        at = [columns.index("key")]
    else:
        return rows
    numbered = "id" in table.c and "id" not in columns
    return rows if numbered else sorted(rows, key=itemgetter(*at))


def _empty_copy(connection: Connection, table: str, aside: str) -> None:
    """A table of this connection alone, with the columns of another one and nothing else."""
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {aside} ON COMMIT DELETE ROWS AS "
        f"SELECT * FROM {table} WITH NO DATA"
    )
    connection.exec_driver_sql(f"DELETE FROM {aside}")


def _insert_sqlite(
    connection: Connection, head: str, tail: str, width: int, rows: Sequence[StoredRow]
) -> None:
    """Many rows in each statement, for a statement costs as much as two of its rows."""
    marks = f"({', '.join('?' * width)})"
    together = len(rows) - len(rows) % STATEMENT_ROWS
    if together:
        many = head + ", ".join((marks,) * STATEMENT_ROWS) + tail
        flat = [
            tuple(chain.from_iterable(rows[at : at + STATEMENT_ROWS]))
            for at in range(0, together, STATEMENT_ROWS)
        ]
        connection.exec_driver_sql(many, flat)
    if together < len(rows):
        connection.exec_driver_sql(head + marks + tail, list(rows[together:]))


def new_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """`count` ids of a table that no other row has, ascending.

    SQLite has one writer at a time, and this transaction is it; PostgreSQL has a sequence.
    """
    if connection.dialect.name == "sqlite":
        last = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
        return range(last + 1, last + 1 + count)
    taken = connection.execute(
        text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)"),
        {"name": table.name, "count": count},
    )
    return sorted(taken.scalars())


_KEYS = json_rows("wanted", {"key": String()})


def ids_by_key(connection: Connection, table: Table, keys: Iterable[str]) -> Mapping[str, int]:
    """The ids of the rows of `table` that have one of these keys. One look-up in the index each."""
    wanted = list(keys)
    if not wanted:
        return {}
    statement = select(table.c.key, table.c.id).where(table.c.key.in_(select(_KEYS.c.key)))
    found = connection.execute(statement, {"wanted": one_column(wanted)})
    return {row[0]: row[1] for row in found}


def hold_by_key(
    connection: Connection, table: Table, keys: Collection[str], *, shared: bool = False
) -> None:
    """Let nobody else change the rows of `table` that have one of these keys until the transaction
    ends; with `shared`, others may hold them as well.

    In id order, so that two who hold never wait for each other. SQLite's write transaction holds
    everything already.
    """
    if keys and connection.dialect.name != "sqlite":
        wanted = select(table.c.id).where(table.c.key.in_(select(_KEYS.c.key)))
        held = wanted.order_by(table.c.id).with_for_update(read=shared, key_share=True)
        connection.execute(held, {"wanted": one_column(keys)})


def changed(connection: Connection, result: CursorResult[Any]) -> int:
    """How many rows a statement has changed: SQLite's driver does not say where it begins with
    WITH."""
    if result.rowcount >= 0:
        return result.rowcount
    return int(connection.exec_driver_sql("SELECT changes()").scalar_one())


def one_column(values: Iterable[Any]) -> str:
    """The parameter for a table of one column, see `rows` in `tables.json`."""
    return json_text([[value] for value in values])


def json_text(value: Any) -> str:
    """A value as compact JSON."""
    return msgspec.json.encode(value).decode()
