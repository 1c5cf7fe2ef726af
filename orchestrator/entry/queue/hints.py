"""Sends hints. One that cannot be sent is dropped: somebody looks again in a few seconds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator.entry.logs import get_logger
from orchestrator.flow.dispatch import BATCH_SIZE_MAX

IDS_MAX = 500
"""Customers in one hint."""

HANDS_MAX = 8
"""So many hints for one channel at once: each is worked off until nothing more is due."""

EXPIRES_S = 60
"""A hint that nobody has taken for so long is no news any more."""


class Hints:
    """Sends on one application's broker."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._away = False

    def plan(self) -> bool:
        """Somebody may plan. The answer of each: whether it was sent."""
        return self._send("tactful.plan")

    def learn(self) -> bool:
        """Somebody may learn."""
        return self._send("tactful.learn")

    def look_for_lost(self) -> bool:
        """Somebody may look for lost answers."""
        return self._send("tactful.look_for_lost")

    def decide(self, customer_ids: Sequence[int]) -> bool:
        """These customers have done something."""
        ids = list(customer_ids)
        parts = [ids[start : start + IDS_MAX] for start in range(0, len(ids), IDS_MAX)]
        return all(self._send("tactful.decide", [part]) for part in parts)

    def dispatch(self, channel: str, hands: int = 1) -> bool:
        """Something is due on a channel, for so many hands."""
        name = queue_of(channel)
        return all(
            self._send("tactful.dispatch", [channel], queue=name, routing_key=name)
            for _ in range(hands)
        )

    def dispatch_due(self, due: Mapping[str, int]) -> None:
        """So many messages are due, by channel."""
        for channel, number in due.items():
            self.dispatch(channel, hands_for(number))

    def _send(self, task: str, args: Sequence[Any] = (), **way: str) -> bool:
        try:
            self._app.send_task(task, args, expires=EXPIRES_S, ignore_result=True, **way)
        except (OperationalError, RedisError, OSError) as error:
            if not self._away:
                why = f"{type(error).__name__}: {error}"
                get_logger("tactful.hints").warning("redis is away: hints are dropped", why=why)
            self._away = True
            return False
        self._away = False
        return True


def queue_of(channel: str) -> str:
    """The queue of a channel's hints."""
    return f"dispatch.{channel}"


def hands_for(due: int) -> int:
    """So many hands have enough to do with so many messages."""
    return min(math.ceil(due / BATCH_SIZE_MAX), HANDS_MAX)
