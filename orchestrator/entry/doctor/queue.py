"""Redis, and the workers behind it: where many hands work."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import redis
from celery import Celery  # type: ignore[import-untyped]
from kombu.exceptions import KombuError, OperationalError
from sqlalchemy.exc import SQLAlchemyError

from channels.contract import Finding
from orchestrator.entry import clock
from orchestrator.entry.doctor.findings import Line, error, good, warning
from orchestrator.entry.opening import open_store
from orchestrator.entry.queue.app import settings_module
from orchestrator.entry.queue.hints import queue_of
from orchestrator.entry.settings import Settings
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.errors import TactfulError
from orchestrator.store import heartbeats
from orchestrator.store.database import reading

TIMEOUT_S = 2.0
"""So long each is waited for."""

DEAF = "after FLUSHALL their remote control is deaf until they start anew, and hints come through"
WITHOUT = "messages leave nevertheless, found by looking every few seconds"


def examine_queue(
    settings: Settings, channels: Collection[str] = tuple(ADDRESS_KINDS)
) -> Iterator[Line]:
    """Redis as it is set up, and which queues somebody works on. `channels`: those of the shop."""
    url = settings.redis_url
    if not url:
        yield "redis", good("none: `tactful run` does everything", "TACTFUL_REDIS_URL names one")
        return
    try:
        found = _ask(url)
    except (redis.RedisError, ValueError, OSError) as problem:
        said = f"does not answer: {type(problem).__name__}: {_without_password(str(problem), url)}"
        yield "redis", error(said, f"see TACTFUL_REDIS_URL; {WITHOUT}")
        return
    yield from (("redis", one) for one in _settings(found))
    yield from (("workers", one) for one in _workers(url, channels, _by_their_word(settings)))


def _by_their_word(settings: Settings) -> set[str]:
    """The queues that processes say they take hints from, in the database."""
    try:
        with open_store(settings) as engine, reading(engine) as connection:
            beats = heartbeats.everyone(connection)
    except (TactfulError, SQLAlchemyError):
        return set()
    now = clock.now()
    return {queue for one in beats if not one.is_silent(now) for queue in one.kind.split(",")}


def _ask(url: str) -> Mapping[str, Any]:
    with redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    ) as connection:
        found: Any = connection.info()
        return dict(found)


def _settings(found: Mapping[str, Any]) -> Iterator[Finding]:
    yield good(f"{found['redis_version']} answers, {found['used_memory_human']} used")
    policy = found.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        fix = "CONFIG SET maxmemory-policy noeviction, and in redis.conf"
        yield warning(f"maxmemory-policy is {policy}: under pressure it drops whole queues", fix)
    most = found.get("maxmemory", 0)
    if most and found["used_memory"] > most * 0.8:
        yield warning(f"over four fifths of maxmemory ({found['maxmemory_human']}) are used")
    # Nothing in it is owed, so losing it costs a moment; a save that fails stops all writes.
    if found.get("rdb_last_bgsave_status", "ok") != "ok":
        fix = "make room on its disk, or CONFIG SET save ''"
        yield error("its last save failed: it may refuse every write", fix)


def _workers(
    url: str, channels: Collection[str], by_their_word: Collection[str]
) -> Iterator[Finding]:
    app = Celery()
    app.config_from_object(settings_module())
    app.conf.update(broker_url=url, broker_transport_options={"socket_connect_timeout": TIMEOUT_S})
    idle = {queue_of(name) for name in ADDRESS_KINDS if name not in channels}
    needed = {queue.name for queue in app.conf.task_queues or ()} - idle
    try:
        answers = app.control.inspect(timeout=TIMEOUT_S).active_queues() or {}
    except (KombuError, OperationalError, redis.RedisError, OSError) as problem:
        yield error(f"cannot be asked: {type(problem).__name__}")
        return
    finally:
        app.close()
    consumed = {queue["name"] for queues in answers.values() for queue in queues}
    yield from _consumed(answers.keys(), needed, consumed or needed & set(by_their_word))


def _consumed(
    workers: Collection[str], needed: Collection[str], consumed: Collection[str]
) -> Iterator[Finding]:
    if workers:
        yield good(f"{len(workers)} at work on {', '.join(sorted(consumed))}")
    elif consumed:
        said = f"at work on {', '.join(sorted(consumed))}, but none answers through this Redis"
        yield warning(said, f"{DEAF}; or see whether they have the same TACTFUL_REDIS_URL")
    else:
        yield warning(f"none answers within {TIMEOUT_S:.0f} s", "start them: see Procfile")
        return
    for name in sorted(set(needed) - set(consumed)):
        yield error(f"nobody works on the queue {name}", f"start a worker with -Q {name}")


def _without_password(said: str, url: str) -> str:
    """An error may quote the URL that could not be read."""
    return said.replace(url, "the URL")
