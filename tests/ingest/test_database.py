"""Opening a database, and what two connections see of each other."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from orchestrator.model.errors import Broken, WrongUse
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.schema import State, create_schema, schema_state

PAUSE = text("INSERT INTO controls VALUES ('campaign', 'x', 'why', 0)")
PAUSES = text("SELECT count(*) FROM controls")


@pytest.mark.parametrize("form", ["sqlite:///{}", "{}"])
def test_a_file_survives_a_power_cut_and_keeps_its_keys(tmp_path: Path, form: str) -> None:
    engine = open_database(form.format(tmp_path / "t.db"))
    assert schema_state(engine).state is State.missing
    create_schema(engine)
    assert schema_state(engine).state is State.up_to_date
    with reading(engine) as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in asked]
    assert found == ["wal", 2, 1, 10_000]
    engine.dispose()


def test_memory_is_one_database_for_all_connections() -> None:
    engine = open_database(":memory:")
    create_schema(engine)
    with writing(engine) as connection:
        connection.execute(PAUSE)
    with reading(engine) as connection:
        assert connection.execute(PAUSES).scalar() == 1


def test_a_writer_takes_the_lock_at_once_and_a_reader_none(tmp_path: Path) -> None:
    engine = open_database(str(tmp_path / "t.db"), busy_timeout_ms=1)
    create_schema(engine)
    with writing(engine) as first:
        with pytest.raises(OperationalError, match="locked"), writing(engine):
            pass
        with reading(engine) as reader:
            assert reader.execute(PAUSES).scalar() == 0
            first.execute(PAUSE)
            assert reader.execute(PAUSES).scalar() == 0
    with reading(engine) as reader:
        assert reader.execute(PAUSES).scalar() == 1
    engine.dispose()


def test_what_fails_is_undone_whole(tmp_path: Path) -> None:
    engine = open_database(str(tmp_path / "t.db"))
    create_schema(engine)

    def half_a_change() -> None:
        with writing(engine) as connection:
            connection.execute(PAUSE)
            connection.execute(text("DELETE FROM nowhere"))

    with pytest.raises(OperationalError, match="no such table"):
        half_a_change()
    with reading(engine) as connection:
        assert connection.execute(PAUSES).scalar() == 0
    engine.dispose()


def test_indexes_that_an_interrupted_first_import_left_out_come_back(tmp_path: Path) -> None:
    engine = open_database(str(tmp_path / "t.db"))
    create_schema(engine)
    before = {index["name"] for index in inspect(engine).get_indexes("events")}
    with writing(engine) as connection:
        for name in before:
            connection.execute(text(f"DROP INDEX {name}"))
    create_schema(engine)
    assert {index["name"] for index in inspect(engine).get_indexes("events")} == before
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "error", "reason"),
    [
        ("mysql://x/y", WrongUse, "sqlite and postgresql"),
        ("::://", WrongUse, "not the URL of a database"),
        ("", WrongUse, "not the URL of a database"),
        ("sqlite:////nowhere/at/all/t.db", Broken, "unable to open database file"),
        ("postgresql://ann:secret@127.0.0.1:1/x", Broken, "ann:\\*\\*\\*@127.0.0.1"),
    ],
)
def test_an_url_that_cannot_be_used_is_said_to_be_so(
    url: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        open_database(url)


def test_a_pooler_that_shares_sessions_is_told_of(postgres_url: str) -> None:
    """What somebody else prepared there is in the way of what this one prepares."""
    engine = open_database(postgres_url)
    with engine.connect() as connection:
        connection.execute(text("PREPARE _pg3_0 AS SELECT 1"))
        often = (connection.execute(text("SELECT 2")) for _ in range(10))
        with pytest.raises(Broken, match="pooler"):
            list(often)
    engine.dispose()
