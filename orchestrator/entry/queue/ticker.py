"""Sends the hints that nobody else has sent: the poller behind every wake-up.

Besides it frees what dead workers have left behind, so that this waits for no worker's turn: one
that looks for lost answers may wait for a provider, and be the only one.

Any number of tickers may run. None remembers anything that another would need; each looks how long
a queue already is, and adds no more hints than there is room for.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from orchestrator.entry.logs import get_logger
from orchestrator.entry.queue.hints import HANDS_MAX, Hints, hands_for, queue_of
from orchestrator.flow.dispatch import BATCH_SIZE_MAX
from orchestrator.store.database import reading, writing
from orchestrator.store.leases import tidy
from orchestrator.store.waiting import due_by_channel

PLAN_EVERY_S = 5.0
LOST_EVERY_S = 5.0
LEARN_EVERY_S = 600.0
TIDY_EVERY_S = 5.0
TIDY_WAIT_MAX_MS = 500
QUICK_S = 0.1
SELDOMER = 10
SELDOM_MAX_S = 30.0
"""A look at what is due that takes longer than `QUICK_S` comes again after so many times as long,
`SELDOM_MAX_S` at the latest. Where all goes well nobody waits for it: whoever plans, and whoever
sends, calls the next one."""

PLANS_MAX = 2
"""Hints that wait in the queue of planning, at most: one worker at a time plans anyway."""


@dataclass
class Ticker:
    """Looks what is due on these channels, and sends hints to those who may do it.

    `channels`: by the shop's names, with the plugins behind each.
    """

    engine: Engine
    hints: Hints
    broker: "redis.Redis"
    channels: Mapping[str, Collection[str]]
    _last_s: dict[str, float] = field(default_factory=dict)
    _due_every_s: float = 0.0

    def tick(self, now: datetime, at_s: float) -> Counter[str]:
        """One look; queue → hints sent. `at_s`: the monotonic clock."""
        self._tidy(now, at_s)
        lengths = self._lengths()
        sent: Counter[str] = Counter()
        if lengths is None:
            return sent
        for name, every_s, queue, room, send in (
            ("plan", PLAN_EVERY_S, "plan", PLANS_MAX, self.hints.plan),
            ("lost", LOST_EVERY_S, "feedback", 1, self.hints.look_for_lost),
            ("learn", LEARN_EVERY_S, "plan", PLANS_MAX, self.hints.learn),
        ):
            if (
                self._is_time(name, every_s, at_s)
                and lengths[queue] + sent[queue] < room
                and send()
            ):
                self._last_s[name] = at_s
                sent[queue] += 1
        for channel, number in self._due(now, at_s).items():
            queue = queue_of(channel)
            hands = hands_for(number) - lengths[queue]
            if hands > 0 and self.hints.dispatch(channel, hands):
                sent[queue] += hands
        return sent

    def _is_time(self, name: str, every_s: float, at_s: float) -> bool:
        return at_s >= self._last_s.get(name, float("-inf")) + every_s

    def _tidy(self, now: datetime, at_s: float) -> None:
        if not self._is_time("tidy", TIDY_EVERY_S, at_s):
            return
        self._last_s["tidy"] = at_s
        # Whoever holds one of the messages is at it, or is cut off soon: then the next look does.
        with suppress(OperationalError), writing(self.engine) as connection:
            tidy(connection, now, wait_max_ms=TIDY_WAIT_MAX_MS)

    def _due(self, now: datetime, at_s: float) -> dict[str, int]:
        """Very much may be due, and it is counted: then seldomer."""
        if not self._is_time("due", self._due_every_s, at_s):
            return {}
        most = BATCH_SIZE_MAX * HANDS_MAX
        began_s = time.monotonic()
        with reading(self.engine) as connection:
            found = due_by_channel(connection, self.channels, now, most=most)
        took_s = time.monotonic() - began_s
        self._last_s["due"] = at_s
        self._due_every_s = min(took_s * SELDOMER, SELDOM_MAX_S) if took_s > QUICK_S else 0.0
        return found

    def _lengths(self) -> dict[str, int] | None:
        queues = ["plan", "feedback", *map(queue_of, self.channels)]
        try:
            with self.broker.pipeline(transaction=False) as asked:
                for queue in queues:
                    asked.llen(queue)
                return dict(zip(queues, asked.execute(), strict=True))
        except RedisError as error:
            why = f"{type(error).__name__}: {error}"
            get_logger("tactful.tick").warning("redis is away: no hints", why=why)
            return None
