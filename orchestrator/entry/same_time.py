"""Whether this machine's clock shows what the database's shows, within reason.

Leases, quiet hours and the time that a provider gets to list what it took are judged by the clock
of whoever has a message. One that is an hour off would write at night, take what others hold for
left behind, and send again what has arrived. It had better do nothing, and say so.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.store.database import reading

OFF_MAX = timedelta(minutes=1)
"""Half of the shortest span that one worker waits for what another has begun."""

KNOWN = timedelta(seconds=10)
"""For so long an answer holds: the database's clock may be set as well."""

JUMP_MAX = timedelta(seconds=1)
"""This clock was set if it has gone on by so much more or less than the time that went by."""


def ahead(connection: Connection, now: Callable[[], datetime]) -> tuple[timedelta, timedelta]:
    """By how much this clock is ahead of PostgreSQL's: at least, and at most."""
    before = now()
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return before - theirs, now() - theirs


class SameTime:
    """Asks on one engine, and again as soon as this clock is set. On SQLite there is one clock."""

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._now = now
        self._monotonic = monotonic
        self._asked: tuple[datetime, float] | None = None
        self._is_off = False

    def is_off(self) -> bool:
        """Whether this clock is so far off that nothing may be judged by it. Told once."""
        if self._engine.dialect.name != "sqlite" and not self._is_known():
            self._ask()
        return self._is_off

    def _is_known(self) -> bool:
        if self._asked is None:
            return False
        asked, asked_s = self._asked
        went_by = timedelta(seconds=self._monotonic() - asked_s)
        return went_by < KNOWN and abs(self._now() - asked - went_by) < JUMP_MAX

    def _ask(self) -> None:
        self._asked = self._now(), self._monotonic()
        with reading(self._engine) as connection:
            least, most = ahead(connection, self._now)
        off = least > OFF_MAX or most < -OFF_MAX
        if off != self._is_off:
            self._tell(off, (least + most) / 2)
        self._is_off = off

    def _tell(self, off: bool, by: timedelta) -> None:
        log, ahead_s = get_logger("tactful.clock"), round(by.total_seconds(), 1)
        if off:
            log.error("this clock is not the database's: doing nothing", ahead_s=ahead_s)
        else:
            log.warning("this clock is the database's again", ahead_s=ahead_s)
