"""A pass over very many customers, worked out by several hands at once.

Each hand has a connection of its own and decides about one range of customers after another, into
a table that it alone sees. Unless even all of them together stay below the campaign's
`max_audience`, nothing is written before all is decided. A transaction holds one range, so that
nobody waits long for the planner, and all cores are at work.

What changes between deciding and writing, such as an opt-out, is seen before sending, where every
gate is asked again. A process that dies on the way leaves ranges out; the next look finds them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from orchestrator.flow.asking import Asking, Due, at_once
from orchestrator.flow.plan import Planner, Verdicts, above_max, audience_max
from orchestrator.flow.statements import Question
from orchestrator.flow.travel import frozen
from orchestrator.model.version import Version
from orchestrator.rules.within import Range
from orchestrator.store import controls, decided, passes
from orchestrator.store.database import reading, writing

WIDE_FROM_CUSTOMERS = 100_000
"""Fewer are decided about faster than several hands are set up."""


@dataclass(frozen=True)
class Pass:
    """What one campaign asks of everyone now."""

    version: Version
    due: Due
    question: Question
    parameters: Mapping[str, Any]
    ranges: Sequence[Range]
    approved: int | None

    @property
    def size(self) -> int:
        """No more customers than that can be asked about."""
        return self.ranges[-1].last - self.ranges[0].first + 1


def plan_wide(engine: Engine, planner: Planner, now: datetime, hands: int) -> list[Verdicts]:
    """Plan the passes that concern very many customers; the planner then finds them done."""
    with reading(engine) as connection:
        asking = planner.asking(connection, now)
        found = list(_wide_passes(asking, planner.versions))
    return [_run(engine, one, now, hands) for one in found]


def _wide_passes(asking: Asking, versions: Sequence[Version]) -> Iterator[Pass]:
    ranges = asking.ranges()
    if not ranges or ranges[-1].last - ranges[0].first < WIDE_FROM_CUSTOMERS:
        return
    for version in versions:
        if asking.is_paused(version) or not at_once(version) or not asking.by_name(version):
            continue
        due = asking.due(version)
        if due is not None:
            question = asking.statements.on_trigger(version, asking.within.shape)
            parameters = {**asking.parameters(question), **due.parameters}
            approved = asking.approved(version)
            yield Pass(version, due, question, parameters, ranges, approved)


def _run(engine: Engine, one: Pass, now: datetime, hands: int) -> Verdicts:
    version, name = one.version, one.version.name
    shares = [one.ranges[number::hands] for number in range(min(hands, len(one.ranges)))]
    with reading(engine) as connection:
        lately = decided.planned_lately(connection, name, now)
    too_many = ""
    with ExitStack() as stack, ThreadPoolExecutor(len(shares)) as pool:
        at_work = [stack.enter_context(_hand(engine, one, share)) for share in shares]
        if lately + one.size <= audience_max(version, one.approved):
            counts = sum(pool.map(_Hand.plan, at_work), Counter[str]())
        else:
            counts = sum(pool.map(_Hand.decide, at_work), Counter[str]())
            in_a_day = lately + counts["planned"]
            too_many = above_max(version, counts["planned"], in_a_day, one.approved)
            if not too_many:
                list(pool.map(_Hand.write, at_work))
    with writing(engine) as connection:
        if too_many:
            controls.pause(connection, "campaign", name, too_many, now)
            return Verdicts(name, halted=too_many)
        if not any(counts[reason] for reason in decided.HELD):
            passes.mark_done(connection, name, version.digest, one.due.occasions, counts, now)
    return Verdicts(name, counts)


@dataclass(frozen=True)
class _Hand:
    """One connection with a table of its own, and the ranges that are its share."""

    connection: Connection
    one: Pass
    ranges: Sequence[Range]

    def plan(self) -> Counter[str]:
        """Decide about each range and write it at once."""
        counts: Counter[str] = Counter()
        for share in self.ranges:
            self._stage(share)
            counts += self._counts()
            self._write(share)
            with self._looking() as connection:
                decided.begin_staging(connection)
        return counts

    def decide(self) -> Counter[str]:
        """Work out all of the share. Locks nothing."""
        for share in self.ranges:
            self._stage(share)
        return self._counts()

    def write(self) -> None:
        """Write all of the share into the ledger, a range at a time."""
        for share in self.ranges:
            self._write(share)

    def _stage(self, share: Range) -> None:
        with self._looking() as connection:
            parameters = {**self.one.parameters, **share.parameters()}
            decided.stage(connection, self.one.question.decisions, parameters)

    def _counts(self) -> Counter[str]:
        with self._looking() as connection:
            return decided.staged_counts(connection)

    def _write(self, share: Range) -> None:
        version = self.one.version
        kept = frozen(version, min(version.campaign.sends))
        with self.connection.execution_options(read_only=False).begin():
            decided.write_staged(
                self.connection,
                kept,
                self.one.parameters["now"],
                keep_skipped=False,
                ids=(share.first, share.last),
            )

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        connection = self.connection.execution_options(read_only=True)
        with connection.begin():
            yield connection


@contextmanager
def _hand(engine: Engine, one: Pass, share: Sequence[Range]) -> Iterator[_Hand]:
    with engine.connect() as connection:
        with connection.begin():
            decided.begin_staging(connection)
        yield _Hand(connection, one, share)
        with connection.execution_options(read_only=False).begin():
            decided.begin_staging(connection)  # the connection goes back to the pool, empty
