"""Remembers when each clock opens, so that asking again a little later costs next to nothing.

An opening that was found stays right until it has passed: closed until eight o'clock at seven is
closed until eight o'clock at half past seven.
"""

from datetime import datetime, timedelta

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import Law
from orchestrator.rules.hours import Opening, opening


class Openings:
    """The openings of all clocks under one law; time may go forward only to profit from memory."""

    def __init__(self, law: Law, hold: timedelta) -> None:
        self._law = law
        self._hold = hold
        self._found: dict[tuple[str, str, tuple[QuietHours, ...]], tuple[datetime, Opening]] = {}

    def opens_at(
        self, now: datetime, clock: Clock, channel: str, quiet: tuple[QuietHours, ...]
    ) -> datetime | None:
        """The earliest instant from `now` on that is not quiet; None: held, none is in sight."""
        key = (clock.key, channel, quiet)
        remembered = self._found.get(key)
        if remembered is not None:
            asked_at, found = remembered
            if asked_at <= now and (at := self._still(now, found)) is not None:
                return at
        found = opening(
            now,
            clock,
            channel,
            quiet=quiet,
            law=self._law,
            hold_s=self._hold.total_seconds(),
        )
        self._found[key] = (now, found)
        return found.at

    def _still(self, now: datetime, found: Opening) -> datetime | None:
        if found.at is None:
            return None
        if now <= found.at:
            return found.at
        return now if found.until is None or now + self._hold < found.until else None
