"""Databases for tests: SQLite's and, where a test asks for both, PostgreSQL's.

A test's own database on PostgreSQL is a clone of one template with every table, and is dropped
some tests later. Redis has one database for each worker, emptied before each test that uses it.
"""

import itertools
from collections.abc import Iterator

import pytest
import redis as client

from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.shared import clone, let_go, shared_postgres, shared_redis, worker_number
from tests.support.databases import Databases, using

_numbers = itertools.count(1)


def _fill(url: str) -> None:
    engine = open_database(url)
    create_schema(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """The run's PostgreSQL; not to be stopped by any test."""
    base = tmp_path_factory.getbasetemp()
    return shared_postgres(base if worker_number() is None else base.parent, _fill)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Redis:
    """The run's Redis; not to be stopped by any test."""
    base = tmp_path_factory.getbasetemp()
    return shared_redis(base if worker_number() is None else base.parent)


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A fresh PostgreSQL database with every table."""
    name = f"test_{worker_number() or 0}_{next(_numbers)}"
    yield clone(postgres_server, name)
    let_go(postgres_server, name)


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """An empty Redis database."""
    url = redis_server.database(worker_number() or 0)
    with client.Redis.from_url(url) as connection:
        connection.flushdb()
    return url


KINDS = ("sqlite", "postgresql")


def _databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    if request.param == "sqlite":
        with using(Databases(lambda: ":memory:")) as databases:
            yield databases
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    names: list[str] = []

    def fresh() -> str:
        names.append(f"test_{worker_number() or 0}_{next(_numbers)}")
        return clone(server, names[-1])

    try:
        with using(Databases(fresh)) as databases:
            yield databases
    finally:
        for name in names:
            let_go(server, name)


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """What a test opens without naming a database is SQLite's first, and PostgreSQL's then."""
    yield from _databases(request)


@pytest.fixture(scope="module", params=KINDS)
def module_databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The same, for what a whole module shares."""
    yield from _databases(request)
