"""Databases without any table, and a revision that is still to come."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import Engine

from orchestrator.store import migrations
from orchestrator.store.database import open_database
from tests.cli.shop import shop
from tests.servers import Postgres
from tests.servers.shared import execute, let_go, worker_number

__all__ = ["shop"]

_numbers = itertools.count(1)


@pytest.fixture
def postgres_empty(postgres_server: Postgres) -> Iterator[str]:
    """A PostgreSQL database without tables; its URL."""
    name = f"empty_{worker_number() or 0}_{next(_numbers)}"
    execute(postgres_server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_server.url(name)
    let_go(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tactful.db'}"
    url: str = request.getfixturevalue("postgres_empty")
    return url


@pytest.fixture
def engine(empty: str) -> Iterator[Engine]:
    """That database, opened."""
    engine = open_database(empty)
    yield engine
    engine.dispose()


AddRevision = Callable[[str], str]

HEAD = """
import sqlalchemy as sa
from alembic import op

from orchestrator.store.migrations.indexes import add_index, drop_index

revision = "{number:04}"
down_revision = "{before:04}"


def upgrade() -> None:
    {body}
"""


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this Tactful's revisions, which this test may change."""
    folder = tmp_path / "50% of versions"  # a path that a format might stumble over
    shutil.copytree(migrations.VERSIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "VERSIONS", folder)
    return folder


@pytest.fixture
def add_revision(versions: Path) -> AddRevision:
    """Adds a revision to this Tactful's, for this test; its number."""

    def add(body: str) -> str:
        before = int(migrations.revisions()[-1])
        text = HEAD.format(number=before + 1, before=before, body=body)
        (versions / f"{before + 1:04}_to_come.py").write_text(text, encoding="utf-8")
        return f"{before + 1:04}"

    return add
