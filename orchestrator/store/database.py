"""Opening a database: SQLite by default, PostgreSQL by its URL.

On SQLite a transaction takes the write lock when it begins (`BEGIN IMMEDIATE`): one that reads
first and writes later would otherwise fail half way when another writer was faster. Use `reading`
for what only reads; it begins without the lock and sees one state of the database throughout.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import RawCursor, RawServerCursor
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    Index,
    Table,
    create_engine,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from orchestrator.model.errors import Away, Broken, WrongUse

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one."""

STATEMENTS_MAX = 5_000
"""So many statements stay compiled: every campaign brings some dozens, and compiling is slow."""

PREPARED_MAX = 500
"""So many statements each connection keeps prepared, for the long ones take milliseconds. The
drivers' own numbers are 128 and 100. On SQLite each may take some 200 kB."""

PAGES_ASIDE = 10_000
"""A database that need not be durable copies its log back into the file after so many pages: a page
that is written often is then copied once."""

CONNECT_S = 10
SILENT_MAX_S = 60
"""A machine at the other end that is gone without a word is noticed after so long, by the client
and by PostgreSQL: nobody waits for its answer, and nothing stays locked for it, until TCP's own
two hours are over."""

CACHE_KIB = 64 * 1024
MMAP_BYTES = 2**31 - 2**16

# How a transaction begins that only reads, and sees one state of the database throughout.
_LOOK: Mapping[str, dict[str, Any]] = {
    "sqlite": {"read_only": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}

_MEMORY = ("", ":memory:")
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def open_database(
    url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, durable: bool = True
) -> Engine:
    """The engine for `sqlite:///path`, `postgresql://…`, `:memory:`, or the path of a SQLite file.

    `durable=False` is for a SQLite file that can be made again, such as a simulation's: what was
    committed may be gone after a power cut. Raises WrongUse for an URL that nobody can open, Broken
    for a file that is none, Away for a server that does not answer.
    """
    parsed = parse_url(url)
    engine = (
        _open_sqlite(parsed, busy_timeout_ms, durable)
        if parsed.get_backend_name() == "sqlite"
        else _open_postgresql(parsed)
    )
    try:
        with engine.connect() as connection:
            encoding = _encoding(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(getattr(error, "orig", None) or error).strip()
        kind = Broken if engine.dialect.name == "sqlite" else Away
        raise kind(f"cannot open the database {_shown(parsed)}: {reason}") from error
    if encoding != ENCODING:
        engine.dispose()
        raise Broken(
            f"the database {_shown(parsed)} is encoded in {encoding}, which cannot keep every "
            f"name; make one anew with ENCODING '{ENCODING}' TEMPLATE template0"
        )
    return engine


@contextmanager
def filling(engine: Engine, *tables: Table) -> Iterator[None]:
    """While the empty ones among the tables are filled: build their indexes afterwards, at once.

    That is twice as fast, and the indexes come out packed. Keys stay, for they are not for speed.
    Only on SQLite, where nobody else writes meanwhile.
    """
    indexes: list[Index] = []
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            for table in tables:
                if connection.execute(select(table).limit(1)).first() is None:
                    indexes += table.indexes
            for index in indexes:
                index.drop(connection, checkfirst=True)
    try:
        yield
    finally:
        for index in indexes:
            index.create(engine, checkfirst=True)


_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
    }
)


def is_away(error: DBAPIError) -> bool:
    """Whether an OperationalError or InterfaceError says that the database does not answer for
    now. SQLite says with the same word that a table is missing: that does not pass."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _PASSING


def why_no_writes(connection: Connection) -> str | None:
    """Why the server takes none, if it does not: the one that was ours may be a standby of another
    by now, and a managed one without room left is made read-only."""
    if connection.dialect.name == "sqlite":
        return None
    standby, read_only = connection.execute(_TAKES_NONE).one()
    if standby:
        return "it is a standby"
    return "default_transaction_read_only is on" if read_only else None


_TAKES_NONE = text(
    "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean"
)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for one consistent look, without the lock of a writer."""
    look = _LOOK.get(engine.dialect.name, {})
    with engine.connect() as connection, connection.execution_options(**look).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that commits at the end, or not at all."""
    with engine.begin() as connection:
        yield connection


def parse_url(url: str) -> URL:
    """The URL with the driver that is used for it. Raises WrongUse."""
    said = url.strip()
    if said == ":memory:":
        return make_url("sqlite+pysqlite://")
    if said and "://" not in said and "@" not in said:
        return URL.create("sqlite+pysqlite", database=said)
    try:
        parsed = make_url(said)
    except (ArgumentError, ValueError):
        shown = "it" if "@" in said else repr(said)  # nobody knows which part is the password
        raise WrongUse(
            f"not the URL of a database: {shown}; write sqlite:///tactful.db or "
            "postgresql://name@host/database"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise WrongUse(
            f"no such kind of database: {parsed.drivername!r}; Tactful knows sqlite and postgresql"
        )
    return parsed.set(drivername=driver)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _encoding(connection: Connection) -> str | None:
    if connection.dialect.name == "sqlite":  # text is Unicode there, in whatever form
        return ENCODING
    driver: Any = connection.connection.driver_connection
    encoding: str | None = driver.info.parameter_status("server_encoding")
    return encoding


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _open_sqlite(url: URL, busy_timeout_ms: int, durable: bool) -> Engine:
    memory = url.database is None or url.database in _MEMORY
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "cached_statements": PREPARED_MAX},
        query_cache_size=STATEMENTS_MAX,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        **options,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own idea of transactions is switched off; `_begin` says when one starts.
        connection.isolation_level = None
        pragmas = [
            f"busy_timeout = {busy_timeout_ms}",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            # Not kept in memory: a savepoint's copies of pages would grow with the audience.
            "temp_store = DEFAULT",
        ]
        if not memory:
            # FULL: what was committed survives a power cut. A message marked as sending must.
            kept = "FULL" if durable else "OFF"
            pragmas += ["journal_mode = WAL", f"synchronous = {kept}", f"mmap_size = {MMAP_BYTES}"]
            if not durable:
                pragmas.append(f"wal_autocheckpoint = {PAGES_ASIDE}")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    return engine


# The client's side: libpq's own words. What an URL says of them wins.
_WATCHED: Mapping[str, Any] = {
    "connect_timeout": CONNECT_S,
    "keepalives_idle": SILENT_MAX_S // 2,
    "keepalives_interval": SILENT_MAX_S // 6,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENT_MAX_S * 1000,
}
_SETTINGS = (
    # Compiling to machine code takes longer than statements of many branches run.
    "jit = off",
    # Instants come as they are wanted, and need not be moved into UTC one by one.
    "timezone = 'UTC'",
    # A role may have other habits, in which the driver cannot read.
    "datestyle = 'ISO'",
    "intervalstyle = 'postgres'",
    "standard_conforming_strings = on",
    # The server's side of the same.
    f"tcp_keepalives_idle = {SILENT_MAX_S // 2}",
    f"tcp_keepalives_interval = {SILENT_MAX_S // 6}",
    "tcp_keepalives_count = 3",
    f"tcp_user_timeout = '{SILENT_MAX_S}s'",
)


ENCODING = "UTF8"
"""Any other keeps the letters of some languages only, or does not know what it keeps."""


SHARED = "its sessions are shared between transactions, by a pooler as it seems"
SHARED_FIX = (
    "connect to PostgreSQL itself, or let the pooler share sessions only as a whole "
    "(PgBouncer: pool_mode = session)"
)
_OF_ANOTHER_SESSION = ("26000", "42P05")
"""A prepared statement is not there, or is there already: the session is not this connection's."""


def _open_postgresql(url: URL) -> Engine:
    watched = {name: set_to for name, set_to in _WATCHED.items() if name not in url.query}
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        query_cache_size=STATEMENTS_MAX,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        pool_pre_ping=True,  # a server that was restarted costs no transaction
        # As PostgreSQL itself names parameters: a long statement need not be searched for others.
        paramstyle="numeric_dollar",
        connect_args={"cursor_factory": RawCursor, "client_encoding": ENCODING, **watched},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.prepared_max = PREPARED_MAX
        connection.server_cursor_factory = RawServerCursor
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"SET {setting}" for setting in _SETTINGS))
        connection.commit()

    @event.listens_for(engine, "handle_error")
    def _a_pooler_is_told_of(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) in _OF_ANOTHER_SESSION:
            raise Broken(f"the database: {SHARED}; {SHARED_FIX}") from context.original_exception

    @event.listens_for(engine, "checkin")
    def _as_the_server_has_it(connection: Any, _record: Any) -> None:
        # After a look, SQLAlchemy would begin the next transaction as READ WRITE, whatever the
        # server's default is: read-only where a managed one has no room left, for instance.
        if connection is not None and not connection.closed:
            connection.read_only = None

    return engine
