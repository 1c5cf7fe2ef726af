"""Whether this machine's clock shows what the database's shows, within reason.

Leases, quiet hours and the time that a provider gets to list what it took are judged by the clock
of whoever has a message. One that is an hour off would write at night, take what others hold for
left behind, and send again what has arrived. It had better do nothing, and say so.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.store.database import reading

OFF_MAX = timedelta(minutes=1)
"""Half of the shortest span that one worker waits for what another has begun."""


def ahead(connection: Connection, now: Callable[[], datetime]) -> tuple[timedelta, timedelta]:
    """By how much this clock is ahead of PostgreSQL's: at least, and at most."""
    before = now()
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return before - theirs, now() - theirs


class SameTime:
    """Asks on one engine. On SQLite there is one machine, and one clock."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = clock.now) -> None:
        self._engine = engine
        self._now = now
        self._was_off = False

    def is_off(self) -> bool:
        """Whether this clock is so far off that nothing may be judged by it. Told once."""
        if self._engine.dialect.name == "sqlite":
            return False
        with reading(self._engine) as connection:
            least, most = ahead(connection, self._now)
        off = least > OFF_MAX or most < -OFF_MAX
        if off != self._was_off:
            self._tell(off, (least + most) / 2)
        self._was_off = off
        return off

    def _tell(self, off: bool, by: timedelta) -> None:
        log, ahead_s = get_logger("tactful.clock"), round(by.total_seconds(), 1)
        if off:
            log.error("this clock is not the database's: doing nothing", ahead_s=ahead_s)
        else:
            log.warning("this clock is the database's again", ahead_s=ahead_s)
