"""What goes on in a shop all the time: events in bursts, opt-outs, pauses.

Whoever brings an event brings it again until it is committed, as the collector's callers do; then
a hint is sent, once, which may be lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from threading import Event, Thread
from time import monotonic, time_ns
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry.queue.hints import Hints
from orchestrator.flow.ingest import ingest_raw
from orchestrator.model.shop import Shop
from orchestrator.store import controls
from orchestrator.store.database import writing
from tests.chaos.diary import ALL, Diary, Happened, OptOut, Stop
from tests.chaos.shop import TRIGGERS, Person, campaigns, consent

EVERY_S = 0.25
AGAIN_S = 0.1
"""So long after the database did not answer it is asked again."""

OPT_OUT_EVERY_S = 1.5
BURST_EVERY_S = 12.0
BURST = 60
PAUSE_EVERY_S = 9.0
SHORT_PAUSE_S, LONG_PAUSE_S = (1.0, 4.0), (17.0, 24.0)


@dataclass
class Life:
    """Goes on in a `with` block, on threads of its own. `ids`: customers' numbers, for hints."""

    engine: Engine
    shop: Shop
    hints: Hints
    diary: Diary
    people: Sequence[Person]
    ids: Mapping[str, int]
    seed: int
    rate_per_s: float
    long_pauses: bool
    failures: list[BaseException] = field(default_factory=list)
    _over: Event = field(default_factory=Event)
    _number: int = 0

    def __enter__(self) -> "Life":
        self._threads = [
            Thread(target=self._run, args=(what,), name=what.__name__, daemon=True)
            for what in (self._events, self._opt_outs, self._pauses)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, what: Callable[[Random], None]) -> None:
        try:
            what(Random(f"{what.__name__} {self.seed}"))
        except BaseException as error:
            self.failures.append(error)

    def _events(self, chance: Random) -> None:
        owed, burst_s = 0.0, monotonic() + chance.uniform(1, 4)
        while not self._over.wait(EVERY_S):
            owed = min(owed + self.rate_per_s * EVERY_S, self.rate_per_s * 5)
            number, owed = int(owed), owed - int(owed)
            if monotonic() >= burst_s:
                burst_s = monotonic() + BURST_EVERY_S * chance.uniform(0.5, 1.5)
                number += BURST
            if number:
                self._happen(chance, number)

    def _happen(self, chance: Random, number: int) -> None:
        at = datetime.now(UTC)
        records, told = [], []
        for _ in range(number):
            self._number += 1
            who, name, key = chance.choice(self.people), _name(chance), f"e{self._number}"
            said = {"id": key, "customer": who.key, "name": name, "at": at}
            records.append(("events", {**said, "properties": {"ref": key}}))
            told.append((key, name, who.key))
        self._take_in(records)
        done_ns = time_ns()
        self.diary.events += [Happened(*one, done_ns) for one in told]
        self.hints.decide(sorted({self.ids[customer] for _, _, customer in told}))

    def _opt_outs(self, chance: Random) -> None:
        agreed = [one for one in self.people if one.agreed]
        while not self._over.wait(OPT_OUT_EVERY_S * chance.uniform(0.5, 1.5)):
            who = chance.choice(agreed)
            channel, topic = chance.choice(sorted(who.agreed))
            if topic == ALL and chance.random() < 0.5:
                topic = chance.choice(["tips", "offers"])
            self._take_in([consent(who.key, channel, topic, datetime.now(UTC), given=False)])
            self.diary.opt_outs.append(OptOut(who.key, channel, topic, time_ns()))

    def _pauses(self, chance: Random) -> None:
        scopes = [
            *(("campaign", name) for name in campaigns()),
            *(("channel", name) for name in ("email", "sms")),
            ("provider", "recording"),
            controls.EVERYTHING,
        ]
        while not self._over.wait(PAUSE_EVERY_S * chance.uniform(0.5, 1.5)):
            scope, name = chance.choice(scopes)
            is_long = self.long_pauses and scope == "campaign" and chance.random() < 0.4
            lasts_s = chance.uniform(*(LONG_PAUSE_S if is_long else SHORT_PAUSE_S))
            asked_ns = time_ns()
            self._do(
                lambda connection, of=(scope, name): controls.pause(
                    connection, *of, "chaos", datetime.now(UTC)
                )
            )
            stop = Stop(scope, name, asked_ns, time_ns())
            self.diary.stops.append(stop)
            self._over.wait(lasts_s)
            stop.until_ns = time_ns()
            self._do(lambda connection, of=(scope, name): controls.resume(connection, *of))

    def _take_in(self, records: Sequence[tuple[str, dict[str, Any]]]) -> None:
        def take(connection: Connection) -> None:
            done = ingest_raw(connection, records, datetime.now(UTC), self.shop)  # type: ignore[arg-type]
            assert not done.refused, done.refused

        self._do(take)

    def _do(self, work: Callable[[Connection], object]) -> None:
        until_committed(self.engine, work)


def until_committed(engine: Engine, work: Callable[[Connection], object]) -> None:
    """Again and again, however often the database goes away."""
    pause = Event()
    while True:
        try:
            with writing(engine) as connection:
                work(connection)
            return
        except SQLAlchemyError:
            pause.wait(AGAIN_S)


def _name(chance: Random) -> str:
    return chance.choice(sorted(TRIGGERS))
