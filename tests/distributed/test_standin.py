"""Workers that wait for hints stand in for a tick that is away; one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import redis

from orchestrator.entry import clock
from orchestrator.entry.queue.standin import AWAY_AFTER, StandIn
from orchestrator.store import heartbeats
from orchestrator.store.database import writing
from orchestrator.store.heartbeats import Beat
from tests.distributed.world import World
from tests.servers.ports import free_port


@contextmanager
def stand_in(world: World, redis_url: str | None = None) -> Iterator[StandIn]:
    with redis.Redis.from_url(redis_url or world.redis_url) as broker:
        yield StandIn(world.engine, world.hints, broker, world.tactful.shop.plugins)


def beat(world: World, at: datetime, kind: str = "tick") -> None:
    said = Beat(f"{kind}@here", kind, "here", 1, at, at, at + timedelta(hours=1), "looking", {})
    with writing(world.engine) as connection:
        heartbeats.beat(connection, said)


def test_only_while_no_tick_is_heard_of(world: World) -> None:
    world.sign_up(2)
    world.work().plan()
    world.broker.flushdb()
    now = clock.now()
    beat(world, now, kind="dispatch.email")
    with stand_in(world) as idle:
        beat(world, now - AWAY_AFTER)
        assert not idle.look(now, 0.0)
        assert world.broker.llen("dispatch.email") == 0
        assert idle.look(now + timedelta(seconds=1), 0.0)
        assert world.broker.llen("dispatch.email") == 1
        assert world.broker.llen("plan") == 2
    beat(world, now)
    with stand_in(world) as another:
        world.broker.flushdb()
        assert not another.look(now + timedelta(seconds=1), 0.0)


def test_a_tick_whose_clock_is_ahead_is_none(world: World) -> None:
    now = clock.now()
    beat(world, now + timedelta(hours=1))
    with stand_in(world) as idle:
        assert idle.look(now, 0.0)


def test_one_at_a_time(world: World) -> None:
    with stand_in(world) as one, stand_in(world) as other:
        assert one.look(clock.now(), 0.0), "no tick was ever heard of"
        assert not other.look(clock.now(), 0.0)
        assert not one.look(clock.now(), 1.0)
        world.broker.flushdb()
        assert other.look(clock.now(), 1.0)


def test_without_redis_nobody_stands_in(world: World) -> None:
    with stand_in(world, f"redis://127.0.0.1:{free_port()}/0") as idle:
        assert not idle.look(clock.now(), 0.0)
