"""One server of each kind for a whole run of the tests, however many workers it has.

The first who asks starts it, under a lock; the others find its folder in a file beside the lock.
It ends when the last of them is gone: nobody has to know who that is.
"""

import atexit
import fcntl
import json
import os
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

Server = TypeVar("Server", Postgres, Redis)

TEMPLATE = "template_tactful"

LEFT_MAX = 8
"""So many databases that no test uses any more stand there, 8 MB each."""

_left: deque[str] = deque()


def worker_number() -> int | None:
    """0, 1, 2 … by worker; nothing where one process runs all tests."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return None if worker is None else int(worker.removeprefix("gw"))


def shared_postgres(place: Path, fill: Callable[[str], None]) -> Postgres:
    """The run's PostgreSQL.

    `place`: a folder that all workers of the run share. `fill` makes the template, whose URL it
    gets, from which databases are cloned.
    """

    def make() -> Postgres:
        server = Postgres.make()
        execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        fill(server.url(TEMPLATE))
        return server

    return _shared(place / "postgres.json", make, Postgres.joined)


def shared_redis(place: Path) -> Redis:
    """The run's Redis. Each worker uses the database of its own number."""
    return _shared(place / "redis.json", Redis.make, Redis.joined)


def clone(server: Postgres, name: str) -> str:
    """A new database like the template; its URL."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _administrator(server.url()).execute(
        statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE))
    )
    return server.url(name)


def drop(server: Postgres, name: str) -> None:
    """Remove a database that nobody uses any more."""
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
    _administrator(server.url()).execute(statement.format(sql.Identifier(name)))


def let_go(server: Postgres, name: str) -> None:
    """Remove a database some tests later. At once, PostgreSQL would wait a tenth of a second for
    the sessions that were closed just now."""
    _left.append(name)
    if len(_left) > LEFT_MAX:
        drop(server, _left.popleft())


@cache
def _administrator(url: str) -> psycopg.Connection:
    """The one connection by which this process makes and drops its databases: thousands of tests
    ask for one."""
    connection = psycopg.connect(url, autocommit=True)
    atexit.register(connection.close)
    return connection


def execute(server: Postgres, statement: sql.Composable) -> None:
    """Run one statement outside any transaction."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement)


def _shared(
    known: Path, make: Callable[[], Server], joined: Callable[[Path, int], Server | None]
) -> Server:
    with known.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        told = file.read()
        server = None if not told else joined(*_where(told))
        if server is None:
            server = make()
            file.truncate(0)
            file.write(json.dumps([str(server.folder), server.port]))
        return server


def _where(told: str) -> tuple[Path, int]:
    folder, port = json.loads(told)
    return Path(folder), port
