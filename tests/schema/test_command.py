"""`tactful migrate`, and what other commands do with a schema of another age."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.store.database import open_database
from orchestrator.tables import metadata
from tests.cli.shop import ShopFolder
from tests.schema.conftest import AddRevision

NOTE = 'op.add_column("controls", sa.Column("note", sa.String()))'


@pytest.fixture
def older(shop: ShopFolder, add_revision: AddRevision) -> ShopFolder:
    """A shop whose database is one revision behind."""
    shop.ok("migrate")
    add_revision(NOTE)
    return shop


@pytest.fixture
def older_server(
    shop: ShopFolder,
    postgres_empty: str,
    add_revision: AddRevision,
    monkeypatch: pytest.MonkeyPatch,
) -> ShopFolder:
    """The same on PostgreSQL."""
    monkeypatch.setenv("TACTFUL_DATABASE_URL", postgres_empty)
    shop.ok("migrate")
    add_revision(NOTE)
    return shop


def test_it_makes_the_tables_once(shop: ShopFolder) -> None:
    assert "there is no database" in shop("migrate", "--check").stderr
    said = shop.json("migrate")
    assert said == {"state": "missing", "was": None, "revision": "0001", "head": "0001"}
    assert shop.json("migrate")["state"] == "up to date"
    assert "revision 0001" in shop.ok("migrate")


def test_a_check_tells_and_changes_nothing(older: ShopFolder) -> None:
    said = {"state": "behind", "was": "0001", "revision": "0001", "head": "0002"}
    assert older.json("migrate", "--check", code=1) == said
    assert older.json("migrate", "--check", code=1) == said
    told = " ".join(older("migrate", "--check").stdout.split())
    assert "is at revision 0001, and 0002 is needed; `tactful migrate` brings it there" in told
    assert "revision 0002 now (was at 0001)" in older.ok("migrate")
    assert older.json("migrate", "--check")["state"] == "up to date"


def test_the_sql_is_printed_without_a_database(
    shop: ShopFolder, add_revision: AddRevision, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision(NOTE)
    monkeypatch.setenv("TACTFUL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    everything = shop.ok("migrate", "--sql")
    assert "CREATE TABLE messages" in everything
    assert "TIMESTAMP WITH TIME ZONE" in everything
    rest = shop.ok("migrate", "--sql", "--since", "0001")
    assert rest.splitlines()[4:] == [
        "ALTER TABLE controls ADD COLUMN note VARCHAR;",
        "",
        "UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';",
        "",
        "COMMIT;",
    ]
    assert "no revision 7" in shop("migrate", "--sql", "--since", "7").stderr
    assert "goes with --sql" in shop("migrate", "--since", "0001").stderr


def test_a_file_is_brought_up_to_date_by_whatever_writes(older: ShopFolder) -> None:
    said = older("status")
    assert said.exit_code == 3
    assert "0002 is needed; `tactful migrate`" in said.stderr
    older.ok("run", "--once")
    older.ok("status")


def test_on_a_server_somebody_has_to_say_so(older_server: ShopFolder) -> None:
    said = older_server("run", "--once")
    assert said.exit_code == 3
    assert "0002 is needed; `tactful migrate`" in said.stderr
    older_server.ok("migrate")
    older_server.ok("run", "--once")


@pytest.mark.parametrize("kind", ["older", "older_server"])
def test_pausing_works_on_an_older_one(kind: str, request: pytest.FixtureRequest) -> None:
    town: ShopFolder = request.getfixturevalue(kind)
    town.ok("pause", "everything")
    town.ok("resume", "everything")
    assert town.json("migrate", "--check", code=1)["state"] == "behind"


def test_a_newer_one_serves_and_doctor_warns(older: ShopFolder, versions: Path) -> None:
    older.ok("migrate")
    (versions / "0002_to_come.py").unlink()
    older.ok("status")
    older.ok("run", "--once")
    assert older.json("migrate", "--check")["state"] == "ahead"
    said = older("migrate")
    assert said.exit_code == 3
    assert "a newer Tactful made" in said.stderr
    database = [one for one in older.json("doctor") if one["about"] == "database"]
    (warning,) = (one for one in database if one["level"] == "warning")
    assert "0002" in warning["what"]


def test_doctor_shows_the_revision(older: ShopFolder) -> None:
    database = [one for one in older.json("doctor", code=3) if one["about"] == "database"]
    assert database[-1] == {
        "level": "error",
        "about": "database",
        "what": "the schema is at revision 0001, and 0002 is needed",
        "fix": "`tactful migrate` brings it there",
    }
    older.ok("migrate")
    assert "the schema is at revision 0002" in older.ok("doctor")


@pytest.mark.parametrize("command", ["migrate", "run", "status", "doctor"])
def test_tables_of_unknown_age_are_refused(shop: ShopFolder, command: str) -> None:
    (shop.home / "var").mkdir()
    engine = open_database(str(shop.home / "var" / "tactful.db"))
    metadata.create_all(engine)
    engine.dispose()
    said = shop(command)
    assert said.exit_code == 3
    assert "no revision is noted" in " ".join(said.output.split())


def test_what_does_not_migrate_does_not_load_alembic() -> None:
    code = """
import sys
from orchestrator.entry.cli import app
from orchestrator.entry import opening
from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema
engine = open_database(":memory:")
create_schema(engine), create_schema(engine)
print("alembic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
