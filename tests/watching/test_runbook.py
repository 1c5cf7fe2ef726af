"""The runbook: its statements run, and its names are those that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from orchestrator.entry.cli.app import COMMANDS
from orchestrator.entry.metrics import LedgerCollector
from orchestrator.store.controls import EVERYTHING, pauses
from orchestrator.store.database import open_database, reading, writing
from tests.support.databases import make_tables

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def statements(kind: str) -> list[str]:
    found = re.findall(r"```sql\n-- (\w+)\n(.+?)```", RUNBOOK, re.DOTALL)
    assert len(found) == RUNBOOK.count("```sql")
    return [sql for on, sql in found if on in ("both", NAMES[kind])]


@pytest.fixture(params=sorted(NAMES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    on_sqlite = request.param == "sqlite"
    url = str(tmp_path / "t.db") if on_sqlite else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    make_tables(engine)
    yield engine
    engine.dispose()


def test_every_statement_runs(engine: Engine) -> None:
    found = statements(engine.dialect.name)
    assert len(found) > 5
    for sql in found:
        with writing(engine) as connection:
            connection.execute(text(sql))


def test_plain_sql_pauses_and_resumes(engine: Engine) -> None:
    pause, *_ = (sql for sql in statements(engine.dialect.name) if sql.startswith("INSERT"))
    resume, *_ = (sql for sql in statements(engine.dialect.name) if sql.startswith("DELETE"))
    for _again in range(2):
        with writing(engine) as connection:
            connection.execute(text(pause))
    with reading(engine) as connection:
        (found,) = pauses(connection)
    assert (found.scope, found.name) == EVERYTHING
    assert found.at.year >= 2026
    with writing(engine) as connection:
        connection.execute(text(resume))
        assert pauses(connection) == []


def test_it_names_every_metric_and_no_other(engine: Engine) -> None:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine))
    there = {
        f"{one.name}_total" if one.type == "counter" else one.name for one in registry.collect()
    }
    table = RUNBOOK.partition("| metric | meaning |")[2].partition("| alert when")[0]
    assert set(re.findall(r"tactful_\w+", table)) == there
    assert set(re.findall(r"tactful_\w+", RUNBOOK)) == there


def test_its_commands_are_there() -> None:
    blocks = "".join(re.findall(r"```sh\n(.+?)```", RUNBOOK, re.DOTALL))
    named = set(re.findall(r"(?:^|`)tactful ([a-z]+)", blocks + RUNBOOK, re.MULTILINE))
    assert named
    assert named <= COMMANDS.keys()


def test_its_links_lead_somewhere() -> None:
    places = {
        re.sub(r"[^a-z ]", "", line.lower()).strip().replace(" ", "-")
        for line in RUNBOOK.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([a-z-]+)\)", RUNBOOK)) <= places
