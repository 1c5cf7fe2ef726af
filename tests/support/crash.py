"""Ends the process, as far as the engine can tell, at the n-th thing that it does.

A `Crash` is no `Exception`, so nothing on the way may catch it and tidy up. What it leaves is what
a killed process leaves: whatever was committed, and whatever the provider has.
"""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from channels.contract import Item, Outcome
from channels.outbox import LOG, OutboxSettings
from tests.support.channel import Recording


class Crash(BaseException):
    """The process is gone."""


class Fate:
    """Counts the points at which a process may end; ends it at one of them.

    Points are: before every statement and every commit, which is after the one before it; before
    and after every write, and in the middle of one.
    """

    def __init__(self) -> None:
        self.at: int | None = None
        self.points = 0

    def begin(self, at: int | None) -> None:
        """Count from the beginning, and crash at the point numbered `at`."""
        self.at, self.points = at, 0

    def point(self, *_: Any) -> None:
        """One of the points has come."""
        number, self.points = self.points, self.points + 1
        if number == self.at:
            self.at = None
            raise Crash(f"at point {number}")

    def watch(self, engine: Engine) -> None:
        """Look at all that the engine does.

        Processes die here, machines do not: what was written need not be on the disk.
        """
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        for name in ("before_cursor_execute", "commit"):
            event.listen(engine, name, self.point)


class Fated(Recording):
    """A provider whose client may die before, in and after a write."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        super().__init__(OutboxSettings(folder=folder, files=False))
        self.fate = fate

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.fate.point()
        try:
            self.fate.point()
        except Crash:
            self._tear()
            raise
        outcomes = super().send(items, deadline_s, now)
        self.fate.point()
        return outcomes

    def _tear(self) -> None:
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with (self.settings.folder / LOG).open("ab") as log:
            log.write(b'{"message_id":"1","attempt_id":"1","stab')


class Snapshot:
    """A database file as it was, to begin again from."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path, self.engine = path, engine
        engine.dispose()
        self.kept = path.with_suffix(".kept")
        shutil.copy(path, self.kept)

    def restore(self, folder: Path) -> None:
        """Begin again, with nothing sent."""
        self.engine.dispose()
        for ending in ("-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        shutil.copy(self.kept, self.path)
        shutil.rmtree(folder, ignore_errors=True)
