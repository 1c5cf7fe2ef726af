"""One process of a worker: it opens the engine after it was forked, and lets go of it at its end.

No connection is carried over a fork. What could not be opened – the database was away – is opened
when the next hint comes.
"""

import mmap
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any

import redis
from billiard.process import current_process  # type: ignore[import-untyped]
from celery import current_app, signals  # type: ignore[import-untyped]

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger, hide
from orchestrator.entry.memory import settle
from orchestrator.entry.opening import open_published
from orchestrator.entry.queue import standin
from orchestrator.entry.queue.app import app
from orchestrator.entry.queue.hints import Hints
from orchestrator.entry.queue.pace import RedisPace
from orchestrator.entry.queue.standin import StandIn
from orchestrator.entry.queue.unbidden import Unbidden
from orchestrator.entry.queue.work import Work
from orchestrator.entry.same_time import SameTime
from orchestrator.entry.settings import Settings, redis_at, settings
from orchestrator.entry.signs import Signs

IDLE_LOOK_S = 15.0
"""How often a process that waits for hints says that it is there."""

REDIS_TIMEOUT_S = 2.0

SPARE_S = 60.0
"""So long after its time limit a task is taken to be stuck: where the pool knows no limits."""

_ending = mmap.mmap(-1, 1)
"""Shared with all children of this process: the worker is about to end."""


class Process:
    """What a process holds as long as it lives."""

    def __init__(self, where: Settings, name: str) -> None:
        broker_url = app.conf.broker_url
        hide(where.database_url, broker_url)
        self._turn = threading.Lock()
        self._open = ExitStack()
        self._tasks = 0
        self._done: Counter[str] = Counter()
        self._settled = False
        with ExitStack() as stack:
            url = where.redis_url or broker_url
            pace = RedisPace(redis_at(url), workers_max=where.workers_max)
            stack.callback(pace.close)
            tactful = stack.enter_context(open_published(where, pace=pace))
            pace.deployment = tactful.deployment.id
            queues = ",".join(sorted(app.amqp.queues.consume_from))
            self._signs = stack.enter_context(
                Signs(tactful.engine, queues, timeout_s=where.stuck_after_s, worker=name)
            )
            hints = Hints(app)
            self._same_time = SameTime(tactful.engine)
            self.work = Work(
                tactful, hints, where.due_max, is_ending, self._got_on, self._same_time.is_off
            )
            broker = redis.Redis.from_url(
                broker_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
            stack.callback(broker.close)
            self._stand_in = StandIn(tactful.engine, hints, broker, tactful.shop.plugins)
            self._unbidden = Unbidden(broker, app.amqp.queues.consume_from, self._at_queue)
            self._idle = threading.Event()
            waits = threading.Thread(target=self._wait, name="idle", daemon=True)
            waits.start()
            stack.callback(waits.join)
            stack.callback(self._idle.set)
            self._open = stack.pop_all()

    @contextmanager
    def task(self, doing: str, limit_s: float) -> Iterator[Work]:
        """While it does something."""
        with self._turn:
            self._tasks += 1
            self._signs.report(doing, self._done, limit_s + SPARE_S)
        try:
            yield self.work
        finally:
            with self._turn:
                self._tasks -= 1
                self._done["hints"] += 1
                if not self._tasks:
                    self._signs.report("waiting", self._done)
                if not self._settled:
                    settle()  # campaigns and the first statements are there, and stay
                    self._settled = True

    def close(self) -> None:
        """Let go of everything."""
        self._open.close()

    def _got_on(self, done: Counter[str]) -> None:
        with self._turn:
            self._done += done
            self._signs.report("at work", self._done)

    def _wait(self) -> None:
        beaten_s = time.monotonic()
        while not self._idle.wait(standin.LOOK_EVERY_S):
            at_s = time.monotonic()
            with self._turn:
                waits = not self._tasks
                if waits and at_s >= beaten_s + IDLE_LOOK_S:
                    self._signs.report("waiting", self._done)
                    beaten_s = at_s
            if waits and not is_ending() and not self._unbidden.look():
                self._stand_in.look(clock.now(), at_s)

    def _at_queue(self, doing: str) -> AbstractContextManager[Work]:
        return self.task(doing, app.tasks["tactful.plan"].time_limit)  # the longest there is


_opening = threading.Lock()
_process: dict[int, Process] = {}
"""By process id: a child never takes its parent's."""


def is_ending() -> bool:
    """Whether this worker is about to end."""
    return _ending[0] == 1


@contextmanager
def at_work(doing: str, *, limit_s: float | None = None) -> Iterator[Work]:
    """This process's work, for one task."""
    limit_s = limit_s or app.conf.task_time_limit
    with _unbroken(), _opened().task(doing, limit_s) as work:
        yield work


def _opened() -> Process:
    with _opening:
        mine = os.getpid()
        if mine not in _process:
            _process.clear()
            _process[mine] = Process(settings(), _name())
        return _process[mine]


def _name() -> str:
    """The worker's name and its child's number: the same after a restart."""
    child = current_process()
    return f"{_hostname[0]}/{getattr(child, 'index', None) or 0}"


_hostname = ["worker"]


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _starts(sender: Any = None, **_: object) -> None:
    if current_app._get_current_object() is not app:  # Celery tells it of everybody's workers
        return
    _hostname[0] = sender or _hostname[0]
    try:
        _opened()
    except Exception:
        # Raised again, and told in full, when a task needs it.
        get_logger("tactful.worker").warning("not open yet", exc_info=True)


@signals.worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
@signals.worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _stops(**_: object) -> None:
    mine = _process.pop(os.getpid(), None)
    if mine is not None:
        mine.close()


@signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def _is_told_to_stop(**_: object) -> None:
    _ending[0] = 1


_in_hand = [False]
_asked = [False]


@contextmanager
def _unbroken() -> Iterator[None]:
    """A child that is asked to end while it has messages in hand records them first.

    Supervisors often signal a whole group: then children are asked as well as their parent, who
    waits for them. Without a batch in hand the child ends at once, as before.
    """
    if not _may_catch():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def asked(number: int, frame: FrameType | None) -> None:
        if _in_hand[0]:
            _asked[0] = True
        elif callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, asked)
    _in_hand[0] = True
    try:
        yield
    finally:
        _in_hand[0] = False
        if _asked[0]:
            # Soon, once the task's end was told to the parent.
            signal.signal(signal.SIGALRM, asked)
            signal.setitimer(signal.ITIMER_REAL, 1.0)
        else:
            signal.signal(signal.SIGTERM, before)


def _may_catch() -> bool:
    child = current_process().name != "MainProcess"
    return child and threading.current_thread() is threading.main_thread()
