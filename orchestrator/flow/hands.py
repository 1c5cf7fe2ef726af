"""Hands at a pass over very many customers: each has a connection and a share of them of its own.

A hand decides first, which nobody else sees, and writes what it has decided when it is told to.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
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
    turn: Lock
    """SQLite lets one write at a time, and whoever meets another sleeps: longer than need be."""

    @property
    def tables(self) -> list[Table]:
        """What is set aside."""
        return []

    def set_aside(self, parameters: Mapping[str, Any]) -> None:
        """Work out once what all campaigns ask of each customer: nothing, here."""

    def decide(self, number: int, one: Pass) -> Counter[str]:
        """How many come to which verdict. Locks nothing."""
        return self._decide(number, one, self.ranges)

    def write(self, one: Pass, counts: Counter[str]) -> None:
        """Write what was decided, and counted, into the ledger, some thousands at a time."""
        self._write(one, counts, self.ranges)

    def decide_and_write(self, number: int, one: Pass) -> Counter[str]:
        """Both, one range after another: while one hand writes, another decides."""
        counts = Counter[str]()
        for share in self._at_once():
            its = self._decide(number, one, share)
            self._write(one, its, share)
            counts += its
        return counts

    def _at_once(self) -> Iterable[Sequence[Range]]:
        """What is decided at once."""
        return ([share] for share in self.ranges)

    def _decide(self, _number: int, one: Pass, ranges: Sequence[Range]) -> Counter[str]:
        with self._looking() as connection:
            decided.begin_staging(connection)
            for share in ranges:
                own = {**one.parameters, **share.parameters()}
                decided.stage(connection, one.question.decisions, own)
            return decided.staged_counts(connection)

    def _write(self, one: Pass, counts: Counter[str], ranges: Sequence[Range]) -> None:
        if not counts["planned"] and not counts["holdout"]:
            return
        kept = frozen(one.version, min(one.version.campaign.sends))
        first, last = ranges[0].first, ranges[-1].last
        each = -(-(last - first + 1) // (1 + counts["planned"] // WRITE_ROWS_MAX))
        writing = self.connection.execution_options(read_only=False)
        for start in range(first, last + 1, each):
            ids = (start, min(start + each - 1, last))
            with self.turn, writing.begin():
                decided.write_staged(
                    writing,
                    kept,
                    one.now,
                    keep_skipped=False,
                    spread_over=one.version.shop.spread,
                    ids=ids,
                )

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

    def _at_once(self) -> Iterable[Sequence[Range]]:
        return [self.ranges]

    def _decide(self, number: int, one: Pass, _ranges: Sequence[Range]) -> Counter[str]:
        """Whom nothing that is set aside has stopped is decided about."""
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
def at_work(
    engine: Engine, share: Sequence[Range], turn: Lock, together: Together | None
) -> Iterator[Hand]:
    """A hand on a connection of its own, which goes back to the pool with nothing left on it."""
    with engine.connect() as connection:
        hand = (
            Hand(connection, share, turn)
            if together is None
            else HandWithFacts(connection, share, turn, together)
        )
        with connection.begin():
            aside.begin(connection, hand.tables)
            decided.keep_staging(connection)
        try:
            yield hand
        except BaseException:
            connection.invalidate()  # what it has put aside goes with it
            raise
        with connection.execution_options(read_only=False).begin():
            aside.end(connection, hand.tables)
            decided.end_staging(connection)
