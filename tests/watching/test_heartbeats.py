"""Heartbeats: who gets on, who went silent, who left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from orchestrator.store import heartbeats
from orchestrator.store.database import reading, writing
from orchestrator.store.heartbeats import Beat
from tests.support.databases import empty_database

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEAT = Beat(
    worker="run@here",
    kind="run",
    host="here",
    pid=7,
    started_at=NOW,
    progress_at=NOW,
    again_by=NOW + 5 * MINUTE,
    doing="looking",
    done={"accepted": 3},
)

pytestmark = pytest.mark.usefixtures("databases")


@pytest.fixture
def engine() -> Engine:
    return empty_database()


def say(engine: Engine, *said: Beat) -> None:
    with writing(engine) as connection:
        for one in said:
            heartbeats.beat(connection, one)


def known(engine: Engine) -> list[Beat]:
    with reading(engine) as connection:
        return heartbeats.everyone(connection)


def test_the_last_word_holds(engine: Engine) -> None:
    later = replace(BEAT, progress_at=NOW + MINUTE, doing="waiting", done={"accepted": 9})
    say(engine, BEAT, later)
    assert known(engine) == [later]


def test_after_a_restart_it_is_the_same_worker(engine: Engine) -> None:
    again = replace(BEAT, pid=8, started_at=NOW + MINUTE, done={})
    say(engine, BEAT, again)
    assert known(engine) == [again]


def test_who_does_not_get_on_is_silent(engine: Engine) -> None:
    other = replace(BEAT, worker="send@there", again_by=NOW + 60 * MINUTE)
    say(engine, BEAT, other)
    with reading(engine) as connection:
        assert heartbeats.silent(connection, BEAT.again_by) == []
        assert heartbeats.silent(connection, BEAT.again_by + MINUTE) == [BEAT]


def test_who_leaves_is_not_missed(engine: Engine) -> None:
    say(engine, BEAT)
    with writing(engine) as connection:
        heartbeats.leave(connection, BEAT.worker)
    assert known(engine) == []


def test_machines_that_are_gone_are_forgotten(engine: Engine) -> None:
    fresh = replace(BEAT, worker="fresh", again_by=NOW + 9 * MINUTE)
    say(engine, BEAT, fresh)
    with writing(engine) as connection:
        assert heartbeats.forget(connection, NOW + 6 * MINUTE) == 1
    assert known(engine) == [fresh]
