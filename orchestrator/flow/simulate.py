"""Simulation: what these campaigns would have done over the shop's own history.

The same engine runs on a copy of the database, on a virtual clock, into a recording channel.
Nothing leaves, and the database itself is not touched. What a rule looks at is bounded by the
virtual now, so that events, prices and statements of consent show themselves when they happened.
Not rewound, for their past is not kept: traits, addresses, stock and suppressions are today's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from orchestrator.flow.approving import suppose
from orchestrator.flow.ingest import Kind, ingest_raw
from orchestrator.flow.lessons import learn_anew
from orchestrator.flow.replay import Arrival, Moment, replay
from orchestrator.flow.tactful import Tactful
from orchestrator.store.database import open_database, writing
from orchestrator.store.past import copy_to, forget_ledger, take_out_consents

JUST_BEFORE = timedelta(microseconds=1)
"""The campaigns count as put to work so long before the simulation begins. What was due until then
would have left, or been missed, before: it is neither sent at the first moment nor told as late."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, and how often the virtual clock ticks."""

    start: datetime
    end: datetime
    step: timedelta = timedelta(minutes=15)

    @property
    def ticks(self) -> int:
        """How many moments the simulation has."""
        return (self.end - self.start) // self.step + 1


def simulate(
    source: Engine, folder: Path, make: Callable[[Engine], Tactful], span: Span
) -> Iterator[Moment]:
    """Run the engine that `make` builds on a copy in `folder`, moment by moment.

    The copy, `simulation.db`, holds the simulated ledger afterwards, for reports and `explain`.
    """
    path = folder / "simulation.db"
    path.unlink(missing_ok=True)
    copy_to(source, path)
    engine = open_database(str(path), durable=False)
    try:
        with writing(engine) as connection:
            forget_ledger(connection)
            statements = take_out_consents(connection)
        learn_anew(engine)
        tactful = make(engine)
        tactful.publish(span.start - JUST_BEFORE)
        with writing(engine) as connection:
            suppose(connection, tactful.versions, span.start)
        later = _rewind(tactful, statements, span.start)
        yield from replay(tactful, later, span.start, span.end, step=span.step)
    finally:
        engine.dispose()


def _rewind(
    tactful: Tactful, statements: Sequence[dict[str, object]], start: datetime
) -> Iterator[Arrival]:
    """Take in what was said before `start`; the rest arrives when its time comes."""
    kind: Kind = "consents"
    timed = [(datetime.fromisoformat(str(record["at"])), record) for record in statements]
    before = [(kind, record) for at, record in timed if at <= start]
    with writing(tactful.engine) as connection:
        ingest_raw(connection, before, start, tactful.shop)
    return ((at, kind, record) for at, record in timed if at > start)
