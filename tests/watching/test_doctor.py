"""`tactful doctor` on servers: PostgreSQL, Redis, workers, and the rules of time zones."""

import zoneinfo
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
import redis as client
import tzdata
from celery import Celery
from celery.contrib.testing.worker import start_worker

from orchestrator.entry import clock
from orchestrator.entry.doctor import database as examining
from orchestrator.entry.doctor import queue
from orchestrator.entry.doctor.database import examine_database
from orchestrator.entry.doctor.machine import examine_machine
from orchestrator.entry.doctor.queue import examine_queue
from orchestrator.entry.queue import worker
from orchestrator.entry.settings import Settings
from orchestrator.entry.web.health import why_not_ready
from orchestrator.store import heartbeats
from orchestrator.store.controls import pause
from orchestrator.store.database import SHARED, open_database, writing
from tests.cli.shop import ShopFolder, shop
from tests.servers import postgres as own_postgres
from tests.servers.ports import free_port
from tests.support.databases import make_tables
from tests.watching.ledger import NOW
from tests.watching.test_heartbeats import BEAT

__all__ = ["shop"]


def database(url: str) -> list[tuple[str, str, str]]:
    """(level, about, what) of what is found."""
    settings = Settings(database_url=url)
    return [(f.level, about, f.what) for about, f in examine_database(settings, NOW)]


def queues(url: str | None, *channels: str) -> list[tuple[str, str]]:
    return [(f.level, f.what) for _, f in examine_queue(Settings(redis_url=url), channels)]


def test_a_server_tells_its_version_its_distance_and_its_clock(postgres_url: str) -> None:
    (first, *_) = found = database(postgres_url)
    assert first[0] == "good"
    assert "postgresql 18" in first[2]
    assert "answers within" in first[2]
    assert ("good", "database", "its clock and this one differ by 0.0 s") in found
    # The tests' server is fast and forgetful.
    assert any(what.startswith("fsync is off") for level, _, what in found if level == "warning")


def test_clocks_that_differ(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + timedelta(seconds=90))
    (said,) = (what for level, _, what in database(postgres_url) if level == "error")
    assert said == "its clock and this one differ by 90.0 s"


def test_a_transaction_that_somebody_left_open(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(postgres_url)
    with engine.connect() as left:
        left.exec_driver_sql("SELECT 1")
        assert not any("has been open" in what for *_, what in database(postgres_url))
        monkeypatch.setattr(examining, "OPEN_MAX", timedelta(0))
        told = [what for level, _, what in database(postgres_url) if level == "warning"]
        assert "a transaction has been open for 0 minutes: sending gets slower" in told
    assert not any("has been open" in what for *_, what in database(postgres_url))
    engine.dispose()


def test_a_pooler_that_shares_sessions(postgres_url: str) -> None:
    """Whoever comes finds prepared what others have prepared: a trigger does that in its place."""
    engine = open_database(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION others() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN EXECUTE 'PREPARE _pg3_0 AS SELECT 1'; END $$"
        )
        connection.exec_driver_sql("CREATE EVENT TRIGGER o ON login EXECUTE FUNCTION others()")
    engine.dispose()
    told = [what for level, _, what in database(postgres_url) if level == "error"]
    assert SHARED in told
    engine = open_database(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP EVENT TRIGGER o")
    engine.dispose()
    assert not any(level == "error" for level, *_ in database(postgres_url))


def test_a_standby_takes_no_writes() -> None:
    """As the server may be after a failover, while addresses still lead to it."""
    with own_postgres() as server:
        engine = open_database(server.url())
        make_tables(engine)
        server.stop()
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        told = [what for level, _, what in database(server.url()) if level == "error"]
        assert told == ["it takes no writes, so nothing is decided or sent: it is a standby"]
        (why,) = why_not_ready(engine, Event())
        assert why == "the database takes no writes: it is a standby"
        engine.dispose()


def test_a_server_that_is_not_there() -> None:
    url = f"postgresql://me:hunter22@127.0.0.1:{free_port()}/nowhere"
    ((level, _, what),) = database(url)
    assert level == "error"
    assert "hunter22" not in what


def test_who_is_silent_and_what_is_paused(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with writing(engine) as connection:
        heartbeats.beat(connection, BEAT)
        pause(connection, "channel", "sms", "wrong prices", NOW)
    engine.dispose()
    found = {about: (level, what) for level, about, what in database(postgres_url)}
    assert found["worker run@here"][0] == "warning"
    assert "while looking" in found["worker run@here"][1]
    assert "channel sms is paused since 2026-11-22 12:00:00 UTC: wrong prices" in found["paused"][1]


def test_the_deployment_is_named(shop: ShopFolder) -> None:
    shop.ok("run", "--once")
    (found,) = (one for one in shop.json("doctor") if one["about"] == "deployment")
    id = shop.json("deployment")["deployment"]
    assert found["what"] == f"{id} is where it was put to work"


# Redis and workers


def test_without_redis_nothing_is_wrong() -> None:
    assert queues(None) == [("good", "none: `tactful run` does everything")]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "TIMEOUT_S", 1.0)


def test_redis_without_workers(redis_url: str) -> None:
    (redis, workers) = queues(redis_url)
    assert redis[0] == "good"
    assert "answers" in redis[1]
    assert workers[0] == "warning"
    assert "none answers" in workers[1]


@pytest.fixture
def forgetful(redis_url: str) -> Iterator[str]:
    """A Redis that was set up as a cache."""
    with client.Redis.from_url(redis_url) as connection:
        connection.config_set("maxmemory-policy", "allkeys-lru")
        yield redis_url
        connection.config_set("maxmemory-policy", "noeviction")


def test_a_cache_is_no_broker(forgetful: str) -> None:
    found = queues(forgetful)
    assert ("warning", "maxmemory-policy is allkeys-lru: under pressure it drops whole queues") in (
        found
    )


@pytest.mark.parametrize("password", ["", ":hunter22@"])
def test_redis_that_is_not_there(password: str) -> None:
    ((level, what),) = queues(f"redis://{password}127.0.0.1:{free_port()}/0")
    assert level == "error"
    assert "does not answer: ConnectionError" in what
    assert "hunter22" not in what


def test_no_url_at_all() -> None:
    ((level, what),) = queues("radish://me:hunter22@nowhere")
    assert level == "error"
    assert "hunter22" not in what


def test_the_workers_and_their_queues(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "TIMEOUT_S", 4.0)
    app = Celery(broker=redis_url)
    app.conf.task_default_queue = "plan"
    with start_worker(app, pool="solo", perform_ping_check=False, queues=["plan"]):
        (_, (level, what), *rest) = queues(redis_url, "email")
        assert worker._process == {}, "another application's worker opens no engine of ours"
    assert (level, what) == ("good", "1 at work on plan")
    assert rest == [
        ("error", f"nobody works on the queue {name}")
        for name in ("decide", "dispatch.email", "feedback")  # and on no channel that no one has
    ]


def test_a_queue_that_nobody_works_on() -> None:
    found = [(f.level, f.what) for f in queue._consumed(["w1"], {"plan", "sms"}, {"plan"})]
    assert found == [
        ("good", "1 at work on plan"),
        ("error", "nobody works on the queue sms"),
    ]


def test_workers_that_are_at_work_and_deaf(redis_url: str, postgres_url: str) -> None:
    """After FLUSHALL nobody hears Celery's remote control; or they listen to another Redis."""
    engine = open_database(postgres_url)
    now = clock.now()
    beat = replace(BEAT, kind="plan,decide", progress_at=now, again_by=now + timedelta(minutes=1))
    with writing(engine) as connection:
        heartbeats.beat(connection, beat)
    engine.dispose()
    settings = Settings(redis_url=redis_url, database_url=postgres_url)
    (_, workers, *rest) = [(f.level, f.what) for _, f in examine_queue(settings, ())]
    assert workers == (
        "warning",
        "at work on decide, plan, but none answers through this Redis",
    )
    assert rest == [("error", "nobody works on the queue feedback")]


# Time zones


def zones() -> tuple[str, str]:
    (found,) = (one for about, one in examine_machine(NOW) if about == "time zones")
    return found.level, found.what


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine keeps its zones."""
    (tmp_path / "UTC").touch()
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    return tmp_path


@pytest.mark.parametrize(
    ("version", "level"), [("2019c", "warning"), (tzdata.IANA_VERSION, "good"), ("2099a", "good")]
)
def test_old_rules_of_zones(folder: Path, version: str, level: str) -> None:
    (folder / "tzdata.zi").write_text(f"# version {version}\nmore\n")
    assert zones()[0] == level
    assert f"rules of {version}" in zones()[1]


def test_rules_of_unknown_age(folder: Path) -> None:
    assert "unknown age" in zones()[1]


def test_rules_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    assert zones() == ("good", f"rules of {tzdata.IANA_VERSION}, from the package tzdata")
