"""Passes of planning in a process of their own, so that its memory is its own.

    python -m benchmarks.planning DATABASE PASSES

prints a line of JSON: the seconds of each pass, customers decided about, messages planned, peak
memory, and how much of that is not the database's own file, mapped.
"""

import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter

from sqlalchemy import delete

from benchmarks.engine import campaign, opened
from benchmarks.town import NOW
from orchestrator.store.database import open_database, writing
from orchestrator.tables import messages, passes


@dataclass(frozen=True, slots=True)
class Planned:
    """What the passes came to."""

    seconds: list[float]
    decided: int
    planned: int
    peak_mb: float
    own_peak_mb: float


STATUS = Path("/proc/self/status")
LOOK_EVERY_S = 0.02
KIB_PER_MB = 1024


def main(database: str, number: int) -> None:
    """Plan the same campaign `number` times, and forget it again each time."""
    engine = open_database(database)
    version = campaign("autumn")
    seconds = []
    with TemporaryDirectory() as outbox, opened(engine, [version], Path(outbox)) as tactful:
        own = _Own()
        for _ in range(number):
            began = perf_counter()
            (verdicts,) = tactful.plan(NOW)
            seconds.append(perf_counter() - began)
            with writing(engine) as connection:
                connection.execute(delete(messages).where(messages.c.campaign == version.name))
                connection.execute(delete(passes))
        own_peak_mb = own.peak_mb()
    engine.dispose()
    print(
        json.dumps(
            asdict(
                Planned(seconds, verdicts.counts.total(), verdicts.planned, _peak_mb(), own_peak_mb)
            )
        )
    )


class _Own:
    """Watches the memory that the process has for itself; where Linux tells, else all of it."""

    def __init__(self) -> None:
        self._most = 0.0
        self._done = Event()
        self._thread = Thread(target=self._watch)
        if STATUS.exists():
            self._thread.start()

    def peak_mb(self) -> float:
        """The most that was seen; ends the watch."""
        if not STATUS.exists():
            return _peak_mb()
        self._done.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, _told("RssAnon"))
            if self._done.wait(LOOK_EVERY_S):
                return


def _peak_mb() -> float:
    """The most memory that the process ever had, with what it has mapped of the database."""
    if STATUS.exists():  # getrusage would tell of the parent, whose copy this process was at first
        return _told("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (KIB_PER_MB * 1024 if sys.platform == "darwin" else KIB_PER_MB)


def _told(name: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / KIB_PER_MB


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
