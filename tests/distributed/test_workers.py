"""Real Celery workers between real servers, killed and stopped as it happens at night."""

import signal
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import select, update

from orchestrator.entry import clock
from orchestrator.store import heartbeats
from orchestrator.store.database import reading, writing
from orchestrator.tables import shops
from tests.distributed.world import PATIENCE_S, SCRIPTS, World
from tests.servers import postgres as own_postgres
from tests.servers import redis as own_redis
from tests.servers.patience import until
from tests.servers.ports import free_port

LATER = timedelta(minutes=5)
"""Every lease is over by then."""


def seen(what: Callable[[], bool]) -> bool:
    """Whether it is seen before patience ends."""
    return until(what, PATIENCE_S)


def test_hints_and_ticks_bring_every_message_once(world: World) -> None:
    world.sign_up(600)
    with (
        world.worker() as worker,
        world.process(SCRIPTS / "tactful", "tick", "--every", "1s") as tick,
    ):
        world.recorded(600)

        # What Redis has lost is found by looking.
        world.broker.flushdb()
        world.sign_up(40, first=600)
        world.recorded(640)

        # One hint leads to the next.
        tick.send(signal.SIGTERM)
        assert tick.ended() == 0
        world.sign_up(5, first=640)
        world.hints.plan()
        world.recorded(645)

        with reading(world.engine) as connection:
            beats = heartbeats.everyone(connection)
        assert {one.kind for one in beats} == {"decide,dispatch.email,dispatch.sms,feedback,plan"}
        assert not any(one.is_silent(clock.now()) for one in beats)

        worker.send_all(signal.SIGTERM)
        assert worker.ended() == 0
        assert '"planned"' in worker.log
        assert "Traceback" not in worker.log
        with reading(world.engine) as connection:
            assert heartbeats.everyone(connection) == []


def shop_is(world: World, files: Mapping[str, str]) -> Mapping[str, str]:
    """Say what the published shop's files are; what they were."""
    with writing(world.engine) as connection:
        before: Mapping[str, str] = connection.scalars(select(shops.c.files)).one()
        connection.execute(update(shops).values(files=files))
    return before


def test_what_a_worker_has_in_hand_when_it_is_asked_to_end_is_recorded(world: World) -> None:
    """And before: one that cannot open the engine stays, and opens it when it can."""
    world.provider.script("slow:0.05")
    world.sign_up(200)
    world.work().plan()
    written = shop_is(world, {"shop.yaml": "nothing: of use"})
    with world.worker("-c", "1") as worker:
        assert seen(lambda: "not open yet" in worker.log)
        shop_is(world, written)
        world.hints.dispatch("email")
        assert seen(lambda: len(world.provider.log) > 0)
        worker.send_all(signal.SIGTERM)
        assert worker.ended() == 0
    world.recorded(200)


def test_killed_in_the_middle_it_doubles_nothing(world: World) -> None:
    world.provider.script("slow:0.05")
    world.sign_up(100)
    world.work().plan()
    with world.worker("-c", "1") as worker:
        assert seen(lambda: len(world.provider.log) >= 10)
        worker.send_all(signal.SIGKILL)
        worker.ended()
    states = world.states()
    assert states["sending"] > 0
    world.provider.script("")

    # The lease runs out; each message is looked for at the provider, and what is not there goes.
    later = clock.now() + LATER
    assert world.tactful.dispatcher.tidy(later) == states["sending"]
    found = world.tactful.reconcile(later)
    assert found["accepted"] >= 10
    assert found["deferred"] > 0
    # Nobody sends anything else that would earn second attempts: time does.
    world.tactful.dispatch(later)
    assert world.states()["planned"] > 0
    world.tactful.dispatch(later + LATER)
    world.recorded(100)


def test_what_is_started_before_its_database_waits_for_it(world: World) -> None:
    """After a machine has come up: a supervisor that ends all where one ends would start none."""
    with own_postgres() as server:
        world.environ = {**world.environ, "TACTFUL_DATABASE_URL": server.url()}
        world.command(world.environ, SCRIPTS / "tactful", "migrate")
        server.stop()
        port = str(free_port())
        with (
            world.process(SCRIPTS / "tactful", "tick") as tick,
            world.process(SCRIPTS / "tactful", "web", "--port", port) as web,
            world.process(SCRIPTS / "tactful", "tick") as ended,
        ):
            for one in (tick, web, ended):
                assert seen(lambda one=one: "the database is away" in one.log)  # type: ignore[misc]
            ended.send(signal.SIGTERM)
            assert ended.ended() == 0
            server.start()
            assert seen(lambda: '"looking"' in tick.log)
            assert seen(lambda: '"answering"' in web.log)
            for one in (tick, web):
                one.send(signal.SIGTERM)
                assert one.ended() == 0


def test_a_redis_that_refuses_writes_for_a_while_ends_no_worker(world: World) -> None:
    """A replica after a failover: it cuts off whoever waits, answers, and takes nothing."""
    with own_redis() as server:
        world.environ = {**world.environ, "TACTFUL_REDIS_URL": server.url}
        world.redis_url = server.url
        with world.worker("-c", "1") as worker:
            assert seen(lambda: "ready." in worker.log)
            world.broker.replicaof("127.0.0.1", str(free_port()))
            assert seen(lambda: "read only replica" in worker.log)
            world.broker.replicaof("NO", "ONE")
            world.sign_up(5)
            world.hints.plan()
            world.recorded(5)
            worker.send_all(signal.SIGTERM)
            assert worker.ended() == 0
            assert "Frequent restarts" not in worker.log
