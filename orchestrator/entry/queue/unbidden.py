"""What a process that waits for hints does while Redis takes none: its own queues' work, unbidden.

So Redis may be away for as long as it likes. What is due leaves some seconds later than else, at
the careful pace of whoever cannot ask Redis for it.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

import redis
from redis.exceptions import RedisError

from orchestrator.entry.logs import get_logger
from orchestrator.entry.queue.hints import queue_of
from orchestrator.entry.queue.work import Work

_PROBE = "tactful:probe"
_PROBE_MS = 1_000

AtWork = Callable[[str], AbstractContextManager[Work]]
"""This process's work, while it does something."""


class Unbidden:
    """One process's share. `queues`: those that it takes hints from."""

    def __init__(self, broker: "redis.Redis", queues: Collection[str], at_work: AtWork) -> None:
        self._broker = broker
        self._queues = sorted(queues)
        self._at_work = at_work
        self._at_it = False

    def look(self) -> bool:
        """Do whatever is due, if Redis is away; whether it is."""
        why = self._away()
        if why and not self._at_it:
            log = get_logger("tactful.worker")
            log.warning("redis is away: looking what is due without hints", why=why)
        self._at_it = bool(why)
        if why:
            for queue in self._queues:
                self._work_off(queue)
        return self._at_it

    def _away(self) -> str:
        """Why nobody can send a hint; one that is full, or a replica, answers and takes none."""
        try:
            self._broker.set(_PROBE, "1", px=_PROBE_MS)
        except RedisError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _work_off(self, queue: str) -> None:
        try:
            with self._at_work(f"{queue} without hints") as work:
                match queue:
                    case "plan":
                        work.plan()
                    case "feedback":
                        work.look_for_lost()
                    case _:
                        for channel in work.tactful.channels:
                            if queue_of(channel) == queue:
                                work.dispatch(channel)
        except Exception:  # as Celery does with a task's: told, and no reason to end
            get_logger("tactful.worker").error("not done", queue=queue, exc_info=True)
