"""The engine on a virtual clock: records arrive in order, the clock ticks, messages leave.

The same code as in earnest, with another clock: whatever a replay shows is what would happen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.flow.ingest import Kind, Reader, ingest_raw
from orchestrator.flow.lessons import learn_what_is_due
from orchestrator.flow.tactful import Tactful, Tick
from orchestrator.store.database import writing

Record = Mapping[str, Any]
Arrival = tuple[datetime, Kind, Record]


@dataclass(frozen=True, slots=True)
class Moment:
    """One tick of the virtual clock, and what came of it."""

    now: datetime
    arrived: int
    tick: Tick


def replay(
    tactful: Tactful,
    arrivals: Iterable[Arrival],
    start: datetime,
    end: datetime,
    *,
    step: timedelta = timedelta(minutes=15),
    learn: bool = True,
) -> Iterator[Moment]:
    """Run from `start` to `end`; at every step, first what has arrived, then a tick."""
    reader = Reader(tactful.shop, start)
    coming = _Coming(arrivals)
    now = start
    while now <= end:
        records = coming.until(now)
        if records:
            with writing(tactful.engine) as connection:
                ingest_raw(connection, records, now, tactful.shop, reader)
        if learn:
            learn_what_is_due(tactful, now)
        yield Moment(now, len(records), tactful.tick(now))
        now += step


class _Coming:
    """Takes from a stream that is ordered by time whatever has arrived by now."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self._stream = iter(arrivals)
        self._next = next(self._stream, None)

    def until(self, now: datetime) -> list[tuple[Kind, Record]]:
        taken: list[tuple[Kind, Record]] = []
        while self._next is not None and self._next[0] <= now:
            _, kind, record = self._next
            taken.append((kind, record))
            self._next = next(self._stream, None)
        return taken
