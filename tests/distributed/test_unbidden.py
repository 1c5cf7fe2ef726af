"""Redis is away for long: whoever would wait for hints looks for work without them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from redis.exceptions import ReadOnlyError

from orchestrator.entry.queue.unbidden import Unbidden
from orchestrator.entry.queue.work import Work
from tests.distributed.test_workers import seen
from tests.distributed.world import World
from tests.servers import redis as own_redis
from tests.servers.ports import free_port


def test_messages_leave_without_redis(world: World) -> None:
    """And a worker that is asked to end meanwhile records what it has in hand."""
    with own_redis() as server:
        world.environ = {**world.environ, "TACTFUL_REDIS_URL": server.url}
        with world.worker() as worker:
            assert seen(lambda: "ready." in worker.log)
            server.kill()
            world.sign_up(20)
            world.recorded(20)
            world.provider.script("slow:0.05")
            world.sign_up(200, first=20)
            assert seen(lambda: len(world.provider.log) > 20)
            worker.send_all(signal.SIGTERM)
            assert worker.ended() == 0
    states = world.states()
    assert states["accepted"] == len(world.provider.log)
    assert states.keys() <= {"accepted", "planned"}


def test_whoever_starts_without_redis_works_too(world: World) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    world.environ = {**world.environ, "TACTFUL_REDIS_URL": url}
    with world.worker():
        world.sign_up(5)
        world.recorded(5)


@contextmanager
def unbidden(world: World, url: str, *queues: str) -> Iterator[tuple[Unbidden, list[str]]]:
    """With what it is at."""
    told: list[str] = []

    @contextmanager
    def at_work(doing: str) -> Iterator[Work]:
        told.append(doing)
        yield world.work()

    with redis.Redis.from_url(url) as broker:
        yield Unbidden(broker, queues, at_work), told


def test_only_while_redis_is_away(world: World) -> None:
    with unbidden(world, world.redis_url, "plan") as (idle, told):
        assert not idle.look()
    assert told == []


def test_a_redis_that_takes_no_writes_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unbidden(world, world.redis_url, "plan", "dispatch.email") as (idle, told):
        monkeypatch.setattr(idle._broker, "set", _refuses)
        world.sign_up(3)
        assert idle.look()
        assert idle.look()
    assert told == ["dispatch.email without hints", "plan without hints"] * 2
    assert world.states() == {"accepted": 3}


def _refuses(*_: object, **__: object) -> None:
    raise ReadOnlyError("You can't write against a read only replica.")


def test_one_queue_s_fault_is_not_another_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(work: Work) -> None:
        raise RuntimeError("quite unexpected")

    monkeypatch.setattr(Work, "look_for_lost", breaks)
    world.sign_up(3)
    url = f"redis://127.0.0.1:{free_port()}/0"
    with unbidden(world, url, "feedback", "plan") as (idle, told):
        assert idle.look()
    assert told == ["feedback without hints", "plan without hints"]
    assert world.states() == {"planned": 3}
