"""What Celery's worker takes on bad days: children that die at once, a broker that is away."""

import os
import subprocess
import sys
from contextlib import suppress
from inspect import signature
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import billiard  # type: ignore[import-untyped]
from celery.concurrency import get_implementation  # type: ignore[import-untyped]
from celery.utils.imports import symbol_by_name  # type: ignore[import-untyped]
from kombu import Connection

from orchestrator.entry.queue.app import make_app
from orchestrator.entry.queue.endure import RECONNECT_EVERY_S, Consumer, Pool
from orchestrator.entry.queue.hints import Hints
from tests.channels.web_server import web_server
from tests.servers import redis
from tests.servers.patience import until
from tests.servers.ports import free_port
from tests.support.certificate import self_signed


def child(*, dies: bool) -> Any:
    """A process that waits to be told."""
    told = billiard.Event()
    process = billiard.Process(target=told.wait)
    process.start()
    if dies:
        process.terminate()
        process.join()
    return process


def test_the_settings_name_them() -> None:
    conf = make_app(f"redis://127.0.0.1:{free_port()}").conf
    assert get_implementation(conf.worker_pool) is Pool
    assert symbol_by_name(conf.worker_consumer) is Consumer


def test_one_child_that_dies_at_the_start_ends_no_worker() -> None:
    dead, lives = child(dies=True), child(dies=False)
    try:
        pool = Pool.__new__(Pool)
        pool._pool = SimpleNamespace(_pool=[dead, lives])
        assert pool.did_start_ok()
        pool._pool = SimpleNamespace(_pool=[dead])
        assert not pool.did_start_ok()
    finally:
        lives.terminate()
        lives.join()


def test_a_broker_that_was_away_is_tried_again_soon() -> None:
    app = make_app(f"redis://127.0.0.1:{free_port()}")
    consumer = Consumer.__new__(Consumer)
    consumer.app, consumer.first_connection_attempt = app, False
    asked: dict[str, Any] = {}
    connection = app.connection_for_read()
    connection.ensure_connection = lambda *_, **spans: asked.update(spans)
    consumer.ensure_connected(connection)
    assert asked["interval_max"] == RECONNECT_EVERY_S
    known = signature(Connection._ensure_connection).parameters
    assert asked.keys() <= known.keys()


def test_a_broker_that_dies_while_a_task_is_in_hand_ends_no_worker() -> None:
    """Where the worker was asking for the next task, and listened for remote control."""
    with redis() as server:
        app = make_app(server.url)
        assert Hints(app).plan()
        connection = app.connection_for_read()
        in_hand: list[Any] = []
        tasks = connection.Consumer(
            app.amqp.queues["plan"],
            callbacks=[lambda body, hint: in_hand.append(hint)],
            accept=["json"],
        )
        tasks.consume()
        app.control.mailbox.Node("here", channel=connection.channel()).listen()

        def look() -> bool:
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.1)
            return len(in_hand) == 1 and tasks.channel._in_poll

        assert until(look)
        server.kill()
        consumer = Consumer.__new__(Consumer)
        consumer.app, consumer.connection, consumer.task_consumer = app, connection, tasks
        consumer.on_connection_error_after_connected(ConnectionError("gone"))
        assert consumer.connection is None


def test_who_sends_a_hint_learns_at_once_that_redis_is_away() -> None:
    hints = Hints(make_app(f"redis://127.0.0.1:{free_port()}"))
    before_s = monotonic()
    assert not hints.plan()
    assert not hints.look_for_lost()
    assert monotonic() < before_s + 4


def test_over_tls_a_redis_that_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    script = (
        "from orchestrator.entry.queue.app import app\n"
        "app.connection_for_write().ensure_connection(max_retries=0)\n"
    )
    with web_server(self_signed(tmp_path)) as stranger:
        url = stranger.url.replace("https://", "rediss://:word@")
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "TACTFUL_REDIS_URL": f"{url}/0"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
