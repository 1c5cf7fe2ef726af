"""Signs of getting on: in the database for all to see, and to the watchdog."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from sqlalchemy import Engine

from orchestrator.entry.signs import FORGOTTEN_AFTER, REPORT_EVERY_S, Signs
from orchestrator.store import heartbeats
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.heartbeats import Beat
from tests.support.databases import make_tables
from tests.watching.ledger import NOW
from tests.watching.test_heartbeats import BEAT

SECOND = timedelta(seconds=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(str(tmp_path / "t.db"))
    make_tables(engine)
    yield engine
    engine.dispose()


def known(engine: Engine) -> list[Beat]:
    with reading(engine) as connection:
        return heartbeats.everyone(connection)


def test_it_says_what_it_does_and_when_it_will_again(engine: Engine) -> None:
    with freeze_time(NOW), Signs(engine, "run", timeout_s=60, worker="run@x") as signs:
        assert [one.doing for one in known(engine)] == ["starting"]
        signs.report("sending", {"accepted": 3})
        (one,) = known(engine)
        assert (one.worker, one.kind, one.doing) == ("run@x", "run", "sending")
        assert (one.done, one.started_at) == ({"accepted": 3}, NOW)
        assert one.again_by - one.progress_at == 60 * SECOND
        signs.report("waiting", within_s=3600)
        assert known(engine)[0].again_by == NOW + 3600 * SECOND


def test_the_same_again_is_written_seldom(engine: Engine) -> None:
    with freeze_time(NOW) as clock, Signs(engine, "run", timeout_s=60) as signs:
        signs.report("sending", {"accepted": 1})
        clock.tick(REPORT_EVERY_S / 2)
        signs.report("sending", {"accepted": 2})
        assert known(engine)[0].done == {"accepted": 1}
        clock.tick(REPORT_EVERY_S)
        signs.report("sending", {"accepted": 3})
        assert known(engine)[0].done == {"accepted": 3}


def test_it_counts_only_if_the_transaction_does(engine: Engine) -> None:
    with Signs(engine, "run", timeout_s=60) as signs:
        with engine.connect() as connection:
            signs.beat(connection, "sending")
            connection.rollback()
        assert known(engine)[0].doing == "starting"


def test_at_the_end_it_is_not_missed(engine: Engine) -> None:
    with Signs(engine, "run", timeout_s=60):
        pass
    assert known(engine) == []


def test_who_begins_forgets_those_who_are_long_gone(engine: Engine) -> None:
    with writing(engine) as connection:
        heartbeats.beat(connection, BEAT)
    with freeze_time(BEAT.again_by + FORGOTTEN_AFTER), Signs(engine, "run", timeout_s=60):
        assert "run@here" in [one.worker for one in known(engine)]
    with freeze_time(BEAT.again_by + FORGOTTEN_AFTER + SECOND), Signs(engine, "run", timeout_s=60):
        assert "run@here" not in [one.worker for one in known(engine)]


def test_without_a_database_the_work_goes_on(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with Signs(engine, "run", timeout_s=60) as signs:
        with writing(engine) as connection:
            connection.exec_driver_sql("DROP TABLE heartbeats")
        signs.report("sending")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
