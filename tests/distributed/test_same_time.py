"""A machine whose clock is wrong leaves the work to others, and says so."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from orchestrator.entry import clock
from orchestrator.entry.same_time import KNOWN, OFF_MAX, SameTime
from orchestrator.store.database import open_database
from tests.distributed.world import World

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("by", [HOUR, -HOUR, OFF_MAX * 1.1, -OFF_MAX * 1.1])
def test_one_that_is_off_does_nothing(world: World, by: timedelta) -> None:
    wrong = SameTime(world.engine, lambda: clock.now() + by)
    world.sign_up(3)
    astray = world.work(is_off=wrong.is_off)
    assert not astray.plan()
    astray.decide([1, 2, 3])
    assert world.states() == {}
    world.work().plan()
    assert astray.dispatch("email").total() == 0
    astray.look_for_lost()
    assert world.states() == {"planned": 3}

    assert world.work(is_off=SameTime(world.engine).is_off).dispatch("email")["accepted"] == 3


def test_it_goes_on_once_the_clock_was_set(world: World, caplog: pytest.LogCaptureFixture) -> None:
    off = [HOUR]
    same_time = SameTime(world.engine, lambda: clock.now() + off[0])
    assert [same_time.is_off() for _ in range(3)] == [True] * 3
    off[0] = OFF_MAX * 0.9
    assert not same_time.is_off()
    told = [line for line in caplog.messages if "this clock is" in line]
    assert len(told) == 2
    assert "'ahead_s': 3600.0" in told[0]


def test_it_asks_again_after_a_while_for_theirs_may_have_been_set(world: World) -> None:
    gone_by, asked = [timedelta()], []
    event.listen(world.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    began = clock.now()
    same_time = SameTime(
        world.engine, lambda: began + gone_by[0], lambda: 500 + gone_by[0].total_seconds()
    )
    for gone_by[0] in (KNOWN * 0, KNOWN * 0.5, KNOWN * 0.99):
        assert not same_time.is_off()
    assert len(asked) == 1
    for gone_by[0] in (KNOWN, KNOWN * 1.5):
        assert not same_time.is_off()
    assert len(asked) == 2


def test_a_database_that_is_slow_to_answer_is_no_wrong_clock(world: World) -> None:
    """It may have told its time at any moment between the question and the answer."""
    asked = clock.now() - HOUR
    times = iter([asked, asked, clock.now() + HOUR])
    assert not SameTime(world.engine, lambda: next(times)).is_off()


def test_on_sqlite_there_is_one_clock() -> None:
    engine: Engine = open_database(":memory:")
    assert not SameTime(engine, lambda: clock.now() + HOUR).is_off()
    engine.dispose()
