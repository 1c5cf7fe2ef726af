"""Signs that a process gets on: to its watchdog, and into the database for all to see.

    with Signs(engine, "run", timeout_s=600) as signs:
        signs.report("sending", done)                          # at most a row every few seconds
        signs.beat(connection, "sending", done, within_s=60)   # in a transaction there is anyway

Silence is the alarm: a process that is alive and stuck goes silent, too.
"""

import os
import socket
import time
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.watchdog import Watchdog
from orchestrator.store import heartbeats
from orchestrator.store.database import writing
from orchestrator.store.heartbeats import Beat

REPORT_EVERY_S = 5.0
FORGOTTEN_AFTER = timedelta(days=1)
"""Whoever was silent for so long does not come back under that name."""


class Signs:
    """One worker's. `worker` is the same after a restart; its kind and its machine if not given."""

    def __init__(
        self, engine: Engine, kind: str, *, timeout_s: float, worker: str | None = None
    ) -> None:
        self._engine = engine
        self._kind = kind
        self._host = socket.gethostname()
        self.timeout_s = timeout_s
        self._watchdog = Watchdog(timeout_s)
        self._started_at = clock.now()
        self._written: tuple[str, float] = ("", 0.0)
        self._done: Mapping[str, int] = {}
        self.worker = worker or f"{kind}@{self._host}"

    def report(
        self, doing: str, done: Mapping[str, int] | None = None, within_s: float | None = None
    ) -> None:
        """It gets on. A row of its own is written where it does something new, or after a while."""
        self._watchdog.progress(within_s)
        before, at_s = self._written
        if doing == before and time.monotonic() < at_s + REPORT_EVERY_S:
            return
        try:
            with writing(self._engine) as connection:
                self.beat(connection, doing, done, within_s)
        except SQLAlchemyError:
            # Without the database nothing else goes either, and that is told where it fails.
            get_logger(__name__).warning("no heartbeat could be written", exc_info=True)

    def beat(
        self,
        connection: Connection,
        doing: str,
        done: Mapping[str, int] | None = None,
        within_s: float | None = None,
    ) -> None:
        """It gets on: a row in the caller's transaction.

        `done`: as before where it is not given. `within_s`: how soon it gets on again.
        """
        self._watchdog.progress(within_s)
        now = clock.now()
        self._done = self._done if done is None else dict(done)
        said = Beat(
            worker=self.worker,
            kind=self._kind,
            host=self._host,
            pid=os.getpid(),
            started_at=self._started_at,
            progress_at=now,
            again_by=now + timedelta(seconds=within_s or self.timeout_s),
            doing=doing,
            done=self._done,
        )
        heartbeats.beat(connection, said)
        self._written = (doing, time.monotonic())

    def __enter__(self) -> Self:
        """From now on it is missed where it does not get on."""
        with writing(self._engine) as connection:
            heartbeats.forget(connection, clock.now() - FORGOTTEN_AFTER)
            self.beat(connection, "starting")
        self._watchdog.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """In good order, or with an error that is told elsewhere: nobody need miss it."""
        self._watchdog.__exit__(kind, error, trace)
        try:
            with writing(self._engine) as connection:
                heartbeats.leave(connection, self.worker)
        except SQLAlchemyError:
            get_logger(__name__).warning("its heartbeat stays behind", exc_info=True)
