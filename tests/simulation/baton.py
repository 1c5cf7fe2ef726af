"""Several workers of one shop, of which one at a time goes on: who, and how far, a seed says.

Each is a thread, so that the engine's own code runs in it unchanged. They hand over a baton before
statements, commits and writes. Time is a number that goes on as they do; where all of them wait, it
goes on to whatever comes first.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, event

from tests.support.crash import Crash

BUSY_FOR = timedelta(seconds=10)
"""For so long SQLite waits for another writer, then a statement fails, and its process with it."""

PATIENCE_S = 60.0
"""No run takes so long on a clock of ours, however busy the machine is."""

MOMENT = timedelta(milliseconds=15)
"""Between two points passes as much as this."""

STALLS_S = (1, 4, 9, 14, 16, 40, 130, 150, 200, 700)


@dataclass
class Worker:
    """One of those who work at the same time."""

    name: str
    work: Callable[[], None]
    mortal: bool
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    wakes_at: datetime | None = None
    wants_to_write: bool = False
    dying: bool = False
    done: bool = False


@dataclass(frozen=True)
class Nerves:
    """How often, at one point, a worker dies, stands still, or lets others go first."""

    dies: float
    stalls: float
    switches: float
    spans_s: tuple[int, ...] = STALLS_S


class Baton:
    """Who goes on, and what time it is."""

    def __init__(self, chance: Random, nerves: Nerves, start: datetime) -> None:
        self.chance, self.nerves, self.now = chance, nerves, start
        self.story: list[tuple[datetime, str, str]] = []
        self.deaths = self.stalls = 0
        self._start = start
        self._workers: list[Worker] = []
        self._current: Worker | None = None
        self._writer: Worker | None = None
        self._over = threading.Semaphore(0)
        self._failure: BaseException | None = None

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.now - self._start).total_seconds()

    def tell(self, what: str) -> None:
        """A line for the story."""
        who = self._current.name if self._current is not None else "-"
        self.story.append((self.now, who, what))

    # --- whoever holds the baton ----------------------------------------------------------------

    def point(self, what: str) -> None:
        """Here a worker may die, stand still, or let others go first."""
        me = self._current
        if me is None or me.dying:
            return
        self.tell(what)
        drawn, nerves = self.chance.random(), self.nerves
        self.now += MOMENT * drawn
        if drawn < nerves.dies:
            if me.mortal:
                self.die("dies")
        elif drawn < nerves.dies + nerves.stalls:
            self.stalls += 1
            self.sleep(timedelta(seconds=self.chance.choice(nerves.spans_s)))
        elif drawn < nerves.dies + nerves.stalls + nerves.switches:
            self._switch(me)

    def die(self, why: str) -> None:
        """The process of whoever holds the baton ends here."""
        self.tell(why)
        self.deaths += 1
        if self._current is not None:
            self._current.dying = True
        raise Crash(why)

    def revive(self) -> None:
        """Another process in its place. The dead one's transaction was rolled back."""
        assert self._current is not None
        self._current.dying = False
        self.let_write()

    def sleep(self, span: timedelta) -> None:
        """Stand still; the others go on."""
        me = self._current
        if me is None:
            self.now += span
            return
        me.wakes_at = self.now + span
        self._switch(me)

    def ask_to_write(self) -> None:
        """Wait until nobody else is writing, as long as a process would."""
        me = self._current
        if me is None or me.dying:
            return
        gives_up_at = self.now + (BUSY_FOR if me.mortal else timedelta(days=1))  # people try again
        while self._writer is not None:
            if self.now >= gives_up_at:
                self.die("gives up waiting for the database")
            me.wakes_at, me.wants_to_write = gives_up_at, True
            self._switch(me)
            me.wants_to_write = False
        self._writer = me

    def let_write(self) -> None:
        """The transaction of whoever holds the baton is over."""
        if self._writer is self._current:
            self._writer = None

    # --- all of them ----------------------------------------------------------------------------

    def add(self, name: str, work: Callable[[], None], *, mortal: bool = True) -> None:
        """One more, who begins when all begin."""
        self._workers.append(Worker(name, work, mortal))

    def run(self) -> None:
        """Until all have done their work. Raises what any of them raised."""
        threads = [
            threading.Thread(target=self._live, args=(worker,), name=worker.name, daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        self._hand_on()
        if not self._over.acquire(timeout=PATIENCE_S):
            raise RuntimeError(self._where(threads))
        for thread in threads:
            thread.join()
        self._current = None
        if self._failure is not None:
            raise self._failure

    def _where(self, threads: list[threading.Thread]) -> str:
        """Where everybody stands, when nobody goes on: one waits for a lock that another holds."""
        frames = sys._current_frames()
        who = self._current.name if self._current is not None else "nobody"
        stacks = [
            f"{thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident], 12))}"
            for thread in threads
            if thread.ident in frames
        ]
        return "\n".join([f"nobody goes on; the baton is with {who}", *stacks])

    def _live(self, me: Worker) -> None:
        me.gate.acquire()
        try:
            me.work()
        except BaseException as error:  # whatever it is, the others must come to their end
            self._failure = self._failure or error
        me.done = True
        self.let_write()
        self._hand_on()

    def _switch(self, me: Worker) -> None:
        if self._next() is not me:
            assert self._current is not None
            self._current.gate.release()
            me.gate.acquire()

    def _hand_on(self) -> None:
        if self._next() is None:
            self._over.release()
        else:
            assert self._current is not None
            self._current.gate.release()

    def _next(self) -> Worker | None:
        """Choose who goes on; time passes if nobody can."""
        alive = [worker for worker in self._workers if not worker.done]
        while alive:
            ready = [worker for worker in alive if self._ready(worker)]
            if ready:
                self._current = ready[0] if len(ready) == 1 else self.chance.choice(ready)
                self._current.wakes_at = None
                return self._current
            self.now = min(worker.wakes_at for worker in alive if worker.wakes_at is not None)
        self._current = None
        return None

    def _ready(self, worker: Worker) -> bool:
        if worker.wants_to_write and self._writer is None:
            return True
        return worker.wakes_at is None or worker.wakes_at <= self.now


def listen(engine: Engine, current: Callable[[], Baton | None]) -> None:
    """Every statement and commit of the engine is a point of the baton that is in play."""

    def statement(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        baton = current()
        if baton is not None:
            baton.point(sql)
            if sql == "BEGIN IMMEDIATE":
                baton.ask_to_write()

    def commit(_: Connection) -> None:
        baton = current()
        if baton is not None:
            baton.point("commit")
            baton.let_write()  # nothing comes between this and the commit itself

    def rollback(_: Connection) -> None:
        baton = current()
        if baton is not None:
            baton.let_write()

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    event.listen(engine, "rollback", rollback)
