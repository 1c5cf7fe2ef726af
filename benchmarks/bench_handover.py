"""How soon an event leads to a message: committed, decided about, and handed to the provider.

Events come at a steady rate, each of another customer, in transactions of a tenth of a second, with
a hint for each as after an import. The provider tells when it has read a message. Then a backlog is
paused again and again while it leaves: how long after the commit does the last message come?
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from benchmarks.figure import Figure, Measured
from benchmarks.fleet import Fleet, fleet
from benchmarks.processes import until
from benchmarks.servers import servers
from orchestrator.flow.compose import stable_id
from orchestrator.flow.ingest import ingest_raw
from orchestrator.model.message import UNDECIDED, State
from orchestrator.store import controls
from orchestrator.store.database import reading, writing
from orchestrator.tables import customers, events, messages
from tests.provider.running import ProviderProcess

EVENT = "Page Viewed"
RATES = {500: "handover", 100: "handover_100", 1_000: "handover_1000"}
"""Events in a second, and how its figures are called."""

SECONDS = 20.0
EVERY_S = 0.1
BACKLOG = 8_000
WARM_S = 3.0
RUNS_S, PAUSED_S = 0.15, 0.5
_NS = 1_000_000_000

FIGURES = (
    Figure("handover_p50_s", "From an event's commit to the provider, 500 a second, p50", "s"),
    Figure("handover_p99_s", "The same, p99", "s", "under 1"),
    Figure("handover_100_p50_s", "The same at 100 events a second, p50", "s"),
    Figure("handover_100_p99_s", "The same, p99", "s"),
    Figure("handover_1000_p50_s", "The same at 1,000 events a second, p50", "s"),
    Figure("handover_1000_p99_s", "The same, p99", "s"),
    Figure("pause_p99_s", "From a pause's commit to the last message of a backlog, p99", "s"),
)


def measure(divisor: int) -> Measured:
    """Each rate for 20 s, and a backlog of 8,000; divided by `divisor`, all by one process."""
    seconds = max(SECONDS / divisor, 1.0)
    backlog = max(BACKLOG // divisor, 400)
    warm_s = max(WARM_S / divisor, 1.0)
    people = int(sum(RATES) * seconds + min(RATES) * warm_s) + backlog
    lines = ["plan", "decide", "email"]
    with (
        servers() as all_,
        fleet(
            all_, people, "smtp", lines, alone=divisor > 1, trigger=f"{{event: {EVENT}}}"
        ) as ours,
    ):
        shop = _Shop(ours, all_.sink)
        shop.at(min(RATES), warm_s)  # every process builds its statements once
        for rate, name in RATES.items():
            waits_s = shop.at(rate, seconds)
            yield f"{name}_p50_s", _p(waits_s, 50)
            yield f"{name}_p99_s", _p(waits_s, 99)
        yield "pause_p99_s", _p(shop.paused(backlog), 99)


@dataclass
class _Shop:
    ours: Fleet
    sink: ProviderProcess
    committed_ns: dict[str, int] = field(default_factory=dict)
    """Event → when it was."""

    def __post_init__(self) -> None:
        with reading(self.ours.engine) as connection:
            self._people = iter(
                connection.execute(select(customers.c.id, customers.c.key)).fetchall()
            )

    def at(self, rate: int, seconds: float) -> list[float]:
        """Events at this rate for so long: from each one's commit to its message."""
        before = len(self.committed_ns)
        begun_s, told = time.monotonic(), 0
        while told < rate * seconds:
            due = int(min((time.monotonic() - begun_s) * rate, rate * seconds))
            self._happen(due - told)
            told = due
            time.sleep(EVERY_S)
        self._settle()
        mine = set(list(self.committed_ns)[before:])
        came_ns = {one.stable_id: one.received_ns for one in self.sink.log}
        return [
            (came_ns[id] - self.committed_ns[event]) / _NS
            for event, id in self._sent()
            if event in mine
        ]

    def paused(self, backlog: int) -> list[float]:
        """Everything is paused while a backlog leaves: from each commit to the last message."""
        self._happen(backlog, hint=False)
        self.ours.hints.plan()
        until(lambda: self._open() > 0, "the backlog")
        spans: list[tuple[int, int]] = []
        while self._open():
            time.sleep(RUNS_S)
            with writing(self.ours.engine) as connection:
                controls.pause(connection, *controls.EVERYTHING, "", datetime.now(UTC))
            since_ns = time.time_ns()
            time.sleep(PAUSED_S)
            spans.append((since_ns, time.time_ns()))
            with writing(self.ours.engine) as connection:
                controls.resume(connection, *controls.EVERYTHING)
            self.ours.hints.dispatch("email", 2)
        came_ns = sorted(one.received_ns for one in self.sink.log)
        return [self._last(came_ns, *span) for span in spans]

    @staticmethod
    def _last(came_ns: Sequence[int], since_ns: int, until_ns: int) -> float:
        """From a pause to the last message before it was over; 0 where none came."""
        place = bisect_left(came_ns, until_ns) - 1
        last_ns = came_ns[place] if place >= 0 else since_ns
        return max(last_ns - since_ns, 0) / _NS

    def _happen(self, number: int, *, hint: bool = True) -> None:
        """So many customers do something; workers are called to them."""
        if not number:
            return
        whose = [next(self._people) for _ in range(number)]
        at = datetime.now(UTC).isoformat()
        records: list[tuple[Any, dict[str, Any]]] = []
        for id, key in whose:
            said = {"id": f"now-{id}", "name": EVENT, "customer": key, "at": at}
            records.append(("events", {**said, "properties": {"path": "/"}}))
        with writing(self.ours.engine) as connection:
            done = ingest_raw(connection, records, datetime.now(UTC), self.ours.shop)
        if done.refused:
            raise RuntimeError(str(done.refused[0]))
        now_ns = time.time_ns()
        self.committed_ns |= {f"now-{id}": now_ns for id, _ in whose}
        if hint:
            self.ours.hints.decide([id for id, _ in whose])

    def _settle(self) -> None:
        """Everything that happened was decided about, and has ended."""
        self.ours.hints.plan()
        until(lambda: not self._undecided() and not self._open(), "everything at its end", 120)

    def _undecided(self) -> bool:
        """Whether the last event that happened led to no message yet."""
        last = next(reversed(self.committed_ns))
        led = select(messages.c.id).join(events, events.c.id == messages.c.event_id)
        with reading(self.ours.engine) as connection:
            return connection.execute(led.where(events.c.key == last)).first() is None

    def _open(self) -> int:
        found = self.ours.states()
        return sum(found.get(state, 0) for state in UNDECIDED)

    def _sent(self) -> Iterator[tuple[str, str]]:
        """(event, the message's name at the provider) of what the provider has taken."""
        found = (
            select(events.c.key, messages.c.id)
            .join(messages, messages.c.event_id == events.c.id)
            .where(messages.c.state == State.ACCEPTED)
        )
        with reading(self.ours.engine) as connection:
            for event, id in connection.execute(found):
                yield event, stable_id(self.ours.deployment_id, id)


def _p(values: Sequence[float], percent: int) -> float:
    """A percentile."""
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]
