"""A time line: twice a second, what stands in the way of the next message."""

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from time import time_ns
from typing import Any, Self

import redis as client
from redis.exceptions import RedisError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry.queue.hints import queue_of
from orchestrator.model.breaker import Breaker
from orchestrator.store.accounts import breakers
from orchestrator.store.controls import pauses
from orchestrator.store.database import reading
from orchestrator.store.waiting import due_by_channel

EVERY_S = 0.5
CHANNELS = ("email", "sms")
QUEUES = ("plan", "decide", *map(queue_of, CHANNELS), "feedback")
_MOST = 10_000

_IN_HAND = text(
    "SELECT count(*) FILTER (WHERE state = 'claimed') AS claimed,"
    " count(*) FILTER (WHERE state = 'sending') AS sending,"
    " count(*) FILTER (WHERE state = 'unknown') AS unknown,"
    " count(*) FILTER (WHERE state IN ('claimed', 'sending') AND lease_until < :now) AS left_behind"
    " FROM messages WHERE state IN ('claimed', 'sending', 'unknown')"
)
_LOCKS = text(
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change))"
    " FILTER (WHERE state = 'idle in transaction' AND query NOT LIKE '%idle_in_tr%'), 0) AS idle_s,"
    " coalesce(max(extract(epoch FROM clock_timestamp() - query_start))"
    " FILTER (WHERE wait_event_type = 'Lock'), 0) AS waits_s,"
    " count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting"
    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_TURNS = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says. `due`: messages that may leave now, by channel; those that are
    stopped are not due. `open_s`: for how long a channel's breaker stays open; `half`: where one
    message goes first. `left_behind`: in hand, their leases over."""

    due: Mapping[str, int]
    claimed: int = 0
    sending: int = 0
    unknown: int = 0
    left_behind: int = 0
    open_s: Mapping[str, float] = field(default_factory=dict)
    half: Sequence[str] = ()
    no_credit: Sequence[str] = ()
    paused: Sequence[str] = ()
    waiting: int = 0
    waits_s: float = 0.0
    idle_s: float = 0.0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """One look. `stored`, `queues`: None where the database, or Redis, did not answer."""

    at_ns: int
    stored: Stored | None
    queues: Mapping[str, int] | None = None
    provider: bool = True
    ready: Sequence[str] = ()
    """Workers that take hints."""
    stopped: int = 0
    """Children that stand still."""
    load: float = 0.0


@dataclass
class Watcher:
    """Looks in a `with` block, on a thread of its own; each look is a line of `path` as well.

    `around` tells what else there is to be seen: see `Look`.
    """

    engine: Engine
    redis_port: int
    provider_port: int
    path: Path
    around: Callable[[], Mapping[str, Any]]
    looks: list[Look] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with (
            self.path.open("a", encoding="utf-8") as lines,
            client.Redis(
                port=self.redis_port, socket_timeout=1, socket_connect_timeout=1
            ) as broker,
        ):
            while not self._over.wait(EVERY_S):
                look = self._look(broker)
                self.looks.append(look)
                lines.write(json.dumps(dataclasses.asdict(look)) + "\n")
                lines.flush()

    def _look(self, broker: "client.Redis") -> Look:
        at_ns = time_ns()
        return Look(
            at_ns,
            stored=self._stored(datetime.now(UTC)),
            queues=_queues(broker),
            provider=_answers(self.provider_port),
            load=os.getloadavg()[0],
            **self.around(),
        )

    def _stored(self, now: datetime) -> Stored | None:
        with suppress(SQLAlchemyError), reading(self.engine) as connection:
            found = {name.channel: b for name, b in breakers(connection).items()}
            return Stored(
                due_by_channel(connection, dict.fromkeys(CHANNELS, ()), now, most=_MOST),
                **{k: int(v) for k, v in _row(connection.execute(_IN_HAND, {"now": now}))},
                **{k: float(v) for k, v in _row(connection.execute(_LOCKS))},
                open_s={name: _open_s(b, now) for name, b in found.items() if b.most(now) == 0},
                half=[name for name, b in found.items() if b.most(now) == 1],
                no_credit=[name for name, b in found.items() if not b.may_retry(now)],
                paused=[f"{one.scope} {one.name}" for one in pauses(connection)],
                turns=connection.execute(_TURNS).scalar_one(),
            )
        return None


def _row(result: Any) -> Any:
    return result.mappings().one().items()


def _open_s(breaker: Breaker, now: datetime) -> float:
    assert breaker.open_until is not None
    return (breaker.open_until - now).total_seconds()


def _queues(broker: "client.Redis") -> dict[str, int] | None:
    try:
        with broker.pipeline(transaction=False) as asked:
            for queue in QUEUES:
                asked.llen(queue)
            asked.hlen("unacked")
            return dict(zip((*QUEUES, "unacked"), asked.execute(), strict=True))
    except RedisError:
        return None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
