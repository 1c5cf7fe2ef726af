"""The engine on a virtual clock: records arrive in order, the clock ticks, messages leave.

The same code as in earnest, with another clock: whatever a replay shows is what would happen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from orchestrator.flow.ingest import Kind, Reader, ingest_raw
from orchestrator.flow.learn import (
    learn_better,
    learn_habits,
    learn_pairs,
    learn_popularity,
)
from orchestrator.flow.tactful import Tactful, Tick
from orchestrator.store.database import writing

Record = Mapping[str, Any]
Arrival = tuple[datetime, Kind, Record]
LEARN_HABITS_EVERY = timedelta(days=1)
LEARN_PAIRS_EVERY = timedelta(days=7)


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
    lessons = _Lessons(tactful, start) if learn else None
    now = start
    while now <= end:
        records = coming.until(now)
        if records:
            with writing(tactful.engine) as connection:
                ingest_raw(connection, records, now, tactful.shop, reader)
        if lessons is not None:
            lessons.learn(now)
        yield Moment(now, len(records), tactful.tick(now))
        now += step


class _Coming:
    """Takes from a stream that is ordered by time whatever has arrived by now."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self._rest = iter(arrivals)

    def until(self, now: datetime) -> list[tuple[Kind, Record]]:
        taken: list[tuple[Kind, Record]] = []
        for at, kind, record in self._rest:
            if at > now:
                self._rest = chain([(at, kind, record)], self._rest)
                break
            taken.append((kind, record))
        return taken


class _Lessons:
    """Learns from purchases once a night, and what goes with what once a week."""

    def __init__(self, tactful: Tactful, start: datetime) -> None:
        self._tactful = tactful
        self._habits_at: datetime | None = None
        self._pairs_at: datetime | None = None
        self.learn(start)

    def learn(self, now: datetime) -> None:
        """Learn what is due to be learned."""
        shop, engine = self._tactful.shop, self._tactful.engine
        if self._habits_at is None or now >= self._habits_at + LEARN_HABITS_EVERY:
            with writing(engine) as connection:
                learn_habits(connection, now, shop, self._habits_at)
                learn_popularity(connection, now, shop)
            self._habits_at = now
        if self._pairs_at is None or now >= self._pairs_at + LEARN_PAIRS_EVERY:
            with writing(engine) as connection:
                learn_pairs(connection, now, shop)
                learn_better(connection, now, shop)
            self._pairs_at = now
