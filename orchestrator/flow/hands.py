"""Hands at a pass over very many customers: each has a connection and a share of them of its own.

A hand decides first, which nobody else sees, and writes what it has decided when it is told to.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table

from orchestrator.flow.statements import Question
from orchestrator.flow.travel import frozen
from orchestrator.model.version import Version
from orchestrator.rules.aside import ASKED, Together
from orchestrator.rules.decide import MAYBE
from orchestrator.rules.slot_rows import SlotRow
from orchestrator.rules.within import Range
from orchestrator.store import aside, decided

WRITE_ROWS_MAX = 25_000
"""About so many messages are written in one transaction: nobody waits long for the planner."""


@dataclass(frozen=True)
class Pass:
    """One slot of one campaign, asked of everyone now."""

    version: Version
    slots: Sequence[SlotRow]
    question: Question
    parameters: Mapping[str, Any]
    approved: int | None

    @property
    def now(self) -> datetime:
        """The instant of the asking."""
        now: datetime = self.parameters["now"]
        return now


@dataclass(frozen=True)
class Hand:
    """Looks up what is known of each customer."""

    connection: Connection
    ranges: Sequence[Range]

    @property
    def tables(self) -> list[Table]:
        """What is set aside."""
        return []

    def set_aside(self, parameters: Mapping[str, Any]) -> None:
        """Work out once what all campaigns ask of each customer: nothing, here."""

    def decide(self, _number: int, one: Pass) -> Counter[str]:
        """How many come to which verdict. Locks nothing."""
        with self._looking() as connection:
            decided.begin_staging(connection)
            for share in self.ranges:
                own = {**one.parameters, **share.parameters()}
                decided.stage(connection, one.question.decisions, own)
            return decided.staged_counts(connection)

    def write(self, one: Pass, counts: Counter[str]) -> None:
        """Write what was decided, and counted, into the ledger, some thousands at a time."""
        if not counts["planned"] and not counts["holdout"]:
            return
        kept = frozen(one.version, min(one.version.campaign.sends))
        first, last = self.ranges[0].first, self.ranges[-1].last
        each = -(-(last - first + 1) // (1 + counts["planned"] // WRITE_ROWS_MAX))
        for start in range(first, last + 1, each):
            ids = (start, min(start + each - 1, last))
            with self.connection.execution_options(read_only=False).begin():
                decided.write_staged(self.connection, kept, one.now, keep_skipped=False, ids=ids)

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        connection = self.connection.execution_options(read_only=True)
        with connection.begin():
            aside.hurry(connection)
            yield connection


@dataclass(frozen=True)
class HandWithFacts(Hand):
    """Sets aside, in tables that it alone sees, what is known of each customer, and where each
    campaign's gates stop it as far as that tells. Only about the others is it asked further.
    """

    together: Together

    @property
    def tables(self) -> list[Table]:
        """What is set aside."""
        return [self.together.facts.table, self.together.stops, ASKED]

    def set_aside(self, parameters: Mapping[str, Any]) -> None:
        """Work out what is known of each customer, and where each campaign's gates stop it."""
        facts, stops = self.together.facts, self.together.stops
        with self._looking() as connection:
            for share in self.ranges:
                own = {**parameters, **share.parameters()}
                aside.add(connection, facts.table, facts.filling(), own)
            aside.look(connection, facts.table)
            for share in self.ranges:
                own = {**parameters, **share.parameters()}
                aside.add(connection, stops, self.together.asking, own)
            aside.look(connection, stops)

    def decide(self, number: int, one: Pass) -> Counter[str]:
        """How many come to which verdict: whom nothing has stopped so far is decided about."""
        reasons = self.together.reasons(number)
        with self._looking() as connection:
            decided.begin_staging(connection)
            found = connection.execute(self.together.counted(number))
            stops = {stop: count for stop, count in found if stop is not None}
            counts = Counter({reasons[stop]: n for stop, n in stops.items() if stop != MAYBE})
            if MAYBE not in stops:
                return counts
            aside.empty(connection, ASKED)
            aside.add(connection, ASKED, self.together.passing(number), {})
            aside.look(connection, ASKED)
            aside.look_up(connection)
            decided.stage(connection, one.question.decisions, one.parameters)
            return counts + decided.staged_counts(connection)


@contextmanager
def at_work(engine: Engine, share: Sequence[Range], together: Together | None) -> Iterator[Hand]:
    """A hand on a connection of its own, which goes back to the pool with nothing left on it."""
    with engine.connect() as connection:
        hand = (
            Hand(connection, share)
            if together is None
            else HandWithFacts(connection, share, together)
        )
        with connection.begin():
            aside.begin(connection, hand.tables)
            decided.begin_staging(connection)
        yield hand
        with connection.execution_options(read_only=False).begin():
            aside.end(connection, hand.tables)
            decided.begin_staging(connection)
