"""Migrating a database in use: several at once, locks, what is cut off, older and newer code."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from orchestrator.model.errors import Broken
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.schema import TURN, Patience, Schema, State, create_schema, schema_state
from orchestrator.tables import campaigns, controls, metadata, shops, versions
from tests.schema.conftest import AddRevision

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
IMPATIENT = Patience(table_wait_s=0.05, pause_s=0.01, tries=3, turn_wait_s=0.05)
NOTE = 'op.add_column("controls", sa.Column("note", sa.String()))'
WEIGHT = 'op.add_column("shops", sa.Column("weight", sa.Integer()))'


def pause(engine: Engine, *names: str) -> None:
    """Rows to find again, all with one reason."""
    with writing(engine) as connection:
        rows = [{"scope": "campaign", "name": n, "reason": "why", "at": NOON} for n in names]
        connection.execute(insert(controls), rows)


def paused(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.scalars(select(controls.c.name).order_by("name")))


def columns(engine: Engine, table: str) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table)}


@pytest.fixture
def postgres(postgres_empty: str) -> Iterator[Engine]:
    engine = open_database(postgres_empty)
    create_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(str(tmp_path / "tactful.db"), busy_timeout_ms=1)
    create_schema(engine)
    yield engine
    engine.dispose()


def test_a_database_of_an_older_release_keeps_its_rows(
    engine: Engine, add_revision: AddRevision
) -> None:
    assert create_schema(engine) == Schema(State.missing, None, "0001")
    pause(engine, "winback")
    add_revision(NOTE)
    behind = Schema(State.behind, "0001", "0002")
    assert schema_state(engine) == behind
    assert create_schema(engine) == behind
    assert schema_state(engine) == create_schema(engine) == Schema(State.up_to_date, "0002", "0002")
    assert "note" in columns(engine, "controls")
    assert paused(engine) == ["winback"]


def test_older_code_works_on_it_and_does_not_migrate_it(
    engine: Engine, add_revision: AddRevision, versions: Path
) -> None:
    create_schema(engine)
    add_revision(NOTE)
    create_schema(engine)
    (versions / "0002_to_come.py").unlink()
    assert schema_state(engine) == Schema(State.ahead, "0002", "0001")
    pause(engine, "winback")
    assert paused(engine) == ["winback"]
    with pytest.raises(Broken, match="0002, which a newer Tactful made; this one knows 0001"):
        create_schema(engine)


def test_tables_that_no_release_made_are_refused(engine: Engine) -> None:
    metadata.create_all(engine)
    assert schema_state(engine) == Schema(State.unknown, None, "0001")
    with pytest.raises(Broken, match="no revision is noted"):
        create_schema(engine)


def test_a_revision_that_is_noted_in_vain_is_refused(engine: Engine) -> None:
    create_schema(engine)
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE message_log"))
    assert schema_state(engine) == Schema(State.unknown, "0001", "0001")
    with pytest.raises(Broken, match="some of its tables are missing"):
        create_schema(engine)


def test_what_goes_wrong_is_undone(engine: Engine, add_revision: AddRevision) -> None:
    create_schema(engine)
    add_revision(f"{NOTE}\n    op.execute('DELETE FROM nowhere')")
    with pytest.raises(Exception, match="nowhere"):
        create_schema(engine)
    assert schema_state(engine) == Schema(State.behind, "0001", "0002")
    assert "note" not in columns(engine, "controls")


# several at once


def test_several_make_a_new_database(empty: str) -> None:
    engines = [open_database(empty) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(create_schema, engines))
    assert sorted(one.state for one in found) == [State.missing, *[State.up_to_date] * 3]
    for engine in engines:
        engine.dispose()


MIGRATE = """
import sys
from pathlib import Path
import alembic.command
from orchestrator.store import migrations
from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema
migrations.VERSIONS = Path(sys.argv[2])
engine = open_database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(create_schema(engine).state)
"""


def test_several_processes_migrate_at_once(
    engine: Engine, empty: str, add_revision: AddRevision, versions: Path
) -> None:
    create_schema(engine)
    add_revision(NOTE)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty, str(versions)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = sorted(process.communicate()[0].strip() for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert found == [State.behind, State.up_to_date]
    assert schema_state(engine) == Schema(State.up_to_date, "0002", "0002")


def test_whoever_waits_too_long_for_its_turn_says_so(
    postgres: Engine, add_revision: AddRevision
) -> None:
    add_revision(NOTE)
    with postgres.connect() as other:
        other.execute(select(func.pg_advisory_lock(TURN)))
        other.commit()
        with pytest.raises(Broken, match="another process has been migrating"):
            create_schema(postgres, IMPATIENT)
        other.execute(select(func.pg_advisory_unlock(TURN)))
    create_schema(postgres, IMPATIENT)


def test_a_writer_that_does_not_let_go_is_told_of(
    sqlite: Engine, add_revision: AddRevision
) -> None:
    add_revision(NOTE)
    with writing(sqlite), pytest.raises(Broken, match="another process is writing"):
        create_schema(sqlite)
    create_schema(sqlite)


# PostgreSQL: a table that others use


def test_a_table_in_use_is_told_of_and_what_was_done_is_kept(
    postgres: Engine, add_revision: AddRevision
) -> None:
    add_revision(WEIGHT)
    add_revision(NOTE)
    with postgres.connect() as reader:
        reader.execute(select(controls))
        with pytest.raises(Broken, match="a table is in use by a transaction"):
            create_schema(postgres, IMPATIENT)
        reader.execute(select(controls))  # nobody stands in its way, nor waits for it
    assert schema_state(postgres) == Schema(State.behind, "0002", "0003")
    create_schema(postgres, IMPATIENT)
    assert "note" in columns(postgres, "controls")


def test_it_tries_again_when_the_table_is_free(postgres: Engine, add_revision: AddRevision) -> None:
    add_revision(NOTE)
    with postgres.connect() as reader:
        reader.execute(select(controls))

        @event.listens_for(postgres, "handle_error")
        def _let_go(_error: object) -> None:
            reader.rollback()

        assert create_schema(postgres, IMPATIENT).state is State.behind
    assert schema_state(postgres).state is State.up_to_date


# indexes on tables in use


def test_an_index_is_built(engine: Engine, add_revision: AddRevision) -> None:
    create_schema(engine)
    add_revision('add_index("controls_at_idx", "controls", ["at"])')
    create_schema(engine)
    assert [one["name"] for one in inspect(engine).get_indexes("controls")] == ["controls_at_idx"]
    add_revision('drop_index("controls_at_idx", "controls")')
    create_schema(engine)
    assert inspect(engine).get_indexes("controls") == []


def test_an_index_that_was_cut_off_is_built_anew(
    postgres: Engine, add_revision: AddRevision
) -> None:
    valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('once')")
    pause(postgres, "winback", "welcome")
    add_revision('add_index("once", "controls", ["reason"], unique=True)')
    with pytest.raises(IntegrityError):
        create_schema(postgres)
    with writing(postgres) as connection:
        assert connection.scalar(valid) is False
        connection.execute(controls.delete())
    create_schema(postgres)
    with reading(postgres) as connection:
        assert connection.scalar(valid) is True


def test_only_what_stands_in_the_way_of_others_is_impatient(
    postgres: Engine, add_revision: AddRevision
) -> None:
    shown = 'op.get_bind().exec_driver_sql("SHOW lock_timeout").scalar()'
    add_revision(
        f'assert {shown} == "50ms"\n'
        "    with op.get_context().autocommit_block():\n"
        f'        assert {shown} == "0"\n'
        f'    assert {shown} == "50ms"'
    )
    create_schema(postgres, IMPATIENT)
    assert schema_state(postgres).revision == "0002"
    with reading(postgres) as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"


# SQLite: a table that is copied


def fill(engine: Engine) -> None:
    with writing(engine) as connection:
        shop = {"digest": "s", "files": {}, "created_at": NOON}
        version = {"digest": "v", "name": "winback", "shop_digest": "s"}
        connection.execute(insert(shops), shop)
        connection.execute(insert(versions), {**version, "files": {}, "created_at": NOON})
        connection.execute(insert(campaigns), {"name": "winback", "version": "v", "since": NOON})


COPY = """with op.batch_alter_table("versions") as batch:
        batch.alter_column("name", type_=sa.String(80))"""


def test_a_copied_table_keeps_its_rows_and_those_who_point_at_it(
    sqlite: Engine, add_revision: AddRevision
) -> None:
    fill(sqlite)
    add_revision(COPY)
    create_schema(sqlite)
    with writing(sqlite) as connection:
        assert connection.scalar(select(versions.c.name)) == "winback"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        points_at = inspect(connection).get_foreign_keys("campaigns")[0]["referred_table"]
        assert points_at == "versions"
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            connection.execute(versions.delete())
    assert [one["name"] for one in inspect(sqlite).get_indexes("versions")] == ["versions_name_idx"]


def test_a_revision_that_leaves_keys_behind_is_undone(
    sqlite: Engine, add_revision: AddRevision
) -> None:
    fill(sqlite)
    add_revision("op.execute('DELETE FROM shops')")
    with pytest.raises(AssertionError, match="breaks a key"):
        create_schema(sqlite)
    with reading(sqlite) as connection:
        assert connection.scalar(select(shops.c.digest)) == "s"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    assert schema_state(sqlite).state is State.behind
