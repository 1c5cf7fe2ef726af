"""Ends a process that does not get on any more, so that whoever watches over it starts it anew.

    with Watchdog(timeout_s=600) as watchdog:
        while …:
            …                                  # a batch is done
            watchdog.progress()
            watchdog.progress(within_s=900)    # the next sign will take longer than usual

Ending it is safe: what it holds is leased, and what it may have written ends as `unknown`. A
process that waits for a lock for ever, or for a provider without a timeout, would hold its place
in the queue and look alive.
"""

import faulthandler
import os
import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

from orchestrator.entry.logs import get_logger

STUCK = 70
"""The exit code of a process that was ended (EX_SOFTWARE in sysexits.h)."""

LOOK_EVERY_S = 1.0
LOOK_SHARE = 0.1
SPARE_S = 30.0
STDERR = 2
"""The descriptor: whatever Python does with it, this is where it ends."""


class Watchdog:
    """Expects a sign of progress within `timeout_s`, from a `with` block on.

    It is a thread. Where even that cannot run, since something never lets go of the interpreter, a
    timer of the operating system ends the process `SPARE_S` later, with exit code 1. A process that
    was stopped as a whole (SIGSTOP, a laptop's lid) gets its time anew.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._every_s = min(LOOK_EVERY_S, timeout_s * LOOK_SHARE)
        self._last_s = self._until_s = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="watchdog", daemon=True)

    def progress(self, within_s: float | None = None) -> None:
        """The work gets on. `within_s`: how soon the next sign comes, if not as usual."""
        self._last_s = time.monotonic()
        self._until_s = self._last_s + (self._timeout_s if within_s is None else within_s)

    def __enter__(self) -> Self:
        """Watch from now on."""
        self.progress()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        looked_s = time.monotonic()
        while True:
            left_s = max(self._until_s - looked_s, 0.0)
            faulthandler.dump_traceback_later(left_s + SPARE_S, exit=True, file=STDERR)
            if self._ended.wait(self._every_s):
                return
            now_s = time.monotonic()
            away_s = now_s - looked_s - self._every_s
            if away_s > self._every_s * 5:  # this thread did not run, so nor did the others
                self._until_s += away_s
            looked_s = now_s
            if now_s >= self._until_s:
                self._end(now_s)

    def _end(self, now_s: float) -> None:
        """The log line, what every thread is doing, and no further ado."""
        silent_s = round(now_s - self._last_s, 1)
        get_logger("tactful.watchdog").critical(
            "stuck, so this process ends", silent_s=silent_s, pid=os.getpid(), exit_code=STUCK
        )
        faulthandler.dump_traceback(file=STDERR, all_threads=True)
        os._exit(STUCK)
