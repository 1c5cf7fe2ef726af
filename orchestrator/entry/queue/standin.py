"""Looks what is due while no `tactful tick` does: done by processes that wait for hints anyway.

One at a time, and only where no tick has been heard of for a while. So the death of every tick
costs some seconds, until somebody starts one again.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry.logs import get_logger
from orchestrator.entry.queue.hints import Hints
from orchestrator.entry.queue.ticker import Ticker
from orchestrator.entry.same_time import SameTime
from orchestrator.entry.signs import REPORT_EVERY_S
from orchestrator.store.database import reading
from orchestrator.store.heartbeats import last_of

LOOK_EVERY_S = 5.0
AWAY_AFTER = timedelta(seconds=2 * REPORT_EVERY_S)
"""A tick that was silent for so long is taken to be away. One that looks less often than that is
stood in for as well, which does no harm: any number may look."""

_KEY = "tactful:stand-in"


class StandIn:
    """What one process does for a tick that is away.

    `channels`: by the shop's names, with the plugins behind each.
    """

    def __init__(
        self,
        engine: Engine,
        hints: Hints,
        broker: "redis.Redis",
        channels: Mapping[str, Collection[str]],
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._ticker = Ticker(engine, hints, self._broker, channels)
        self._same_time = SameTime(engine)
        self._at_it = False

    def look(self, now: datetime, at_s: float) -> bool:
        """Look what is due, if nobody else does; whether it did. `at_s`: the monotonic clock."""
        try:
            stands_in = self._is_away(now) and not self._same_time.is_off()
            is_mine = stands_in and bool(
                self._broker.set(_KEY, "1", nx=True, px=int(LOOK_EVERY_S * 900))
            )
            if is_mine:
                self._tell()
                self._ticker.tick(now, at_s)
            else:
                self._at_it = False
        except (RedisError, SQLAlchemyError):
            return False  # others tell of it; while Redis is away there is nobody to call
        return is_mine

    def _is_away(self, now: datetime) -> bool:
        with reading(self._engine) as connection:
            last = last_of(connection, "tick")
        # One whose clock is off is heard of at another time, and looks for nothing.
        return last is None or abs(now - last) > AWAY_AFTER

    def _tell(self) -> None:
        if not self._at_it:
            get_logger("tactful.worker").warning(
                "no `tactful tick` is heard of: standing in for it"
            )
        self._at_it = True
