"""A pass over very many customers: all campaigns that are due at once, by several hands.

Each hand has a connection of its own and a share of the customers. It sets aside, in tables that it
alone sees, what is known of each, and where each campaign's gates stop it. Then one campaign after
another, in the order of arbitration, is decided to the end: by all hands, before any of them writes
it, so that a campaign that would reach more than its `max_audience` writes nothing.

What changes between deciding and writing, such as an opt-out, is seen before sending, where every
gate is asked again. A process that dies on the way leaves customers out; the next look finds them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table

from orchestrator.flow.asking import Asking, at_once
from orchestrator.flow.plan import Planner, Verdicts, above_max
from orchestrator.flow.statements import Question
from orchestrator.flow.travel import frozen
from orchestrator.model.trigger import OnCron, OnDate, OnDay
from orchestrator.model.version import Version
from orchestrator.rules.aside import ASKED, Asks, Together
from orchestrator.rules.decide import MAYBE
from orchestrator.rules.slot_rows import SlotRow, slot_parameter
from orchestrator.rules.within import Range, Within
from orchestrator.store import aside, controls, decided, passes
from orchestrator.store.database import reading, writing

WIDE_FROM_CUSTOMERS = 5_000
"""Fewer are decided about faster than several hands are set up."""

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


def plan_wide(engine: Engine, planner: Planner, now: datetime, hands: int) -> list[Verdicts]:
    """Plan the passes that concern very many customers; the planner then finds them done."""
    with reading(engine) as connection:
        asking = planner.asking(connection, now)
        ranges = asking.ranges()
        if not ranges or ranges[-1].last - ranges[0].first < WIDE_FROM_CUSTOMERS:
            return []
        found = list(_passes(asking, planner.versions))
    if not found:
        return []
    shares = _shares(ranges, hands, whole=engine.dialect.name == "postgresql")
    asks, parameters = _together(found)
    together = asking.statements.together(asks)
    with ExitStack() as stack, ThreadPoolExecutor(len(shares)) as pool:
        at_work = [stack.enter_context(_hand(engine, together, share)) for share in shares]
        list(pool.map(lambda hand: hand.set_aside(parameters), at_work))
        wide = _Wide(engine, together, pool, at_work, now)
        return list(wide.all_of(found))


def _passes(asking: Asking, versions: Sequence[Version]) -> Iterator[Pass]:
    for version in versions:
        scheduled = isinstance(version.campaign.trigger, OnCron | OnDay | OnDate)
        if not scheduled or not at_once(version) or asking.is_paused(version):
            continue
        question = asking.statements.on_trigger(version, Within.ASIDE)
        for slots in _layers(asking.slots(version)):
            own = {"slot_rows": slot_parameter(slots)}
            parameters = {**asking.parameters(question), **own}
            yield Pass(version, slots, question, parameters, asking.approved(version))


def _layers(slots: Sequence[SlotRow]) -> list[list[SlotRow]]:
    """So that each customer is asked once: of two slots of one clock the later is another pass."""
    layers: list[list[SlotRow]] = []
    seen = Counter[tuple[int, str]]()
    for slot in sorted(slots, key=lambda slot: slot.due_at):
        at = seen[slot.clock_id, slot.match]
        seen[slot.clock_id, slot.match] += 1
        if at == len(layers):
            layers.append([])
        layers[at].append(slot)
    return layers


def _together(found: Sequence[Pass]) -> tuple[list[Asks], dict[str, Any]]:
    """Parameters that are alike are given once, under one name."""
    names: dict[str, str] = {}

    def name(what: str, text: str) -> str:
        return names.setdefault(text, f"{what}_{len(names)}")

    asks = [
        Asks(
            one.version,
            name("slot_rows", one.parameters["slot_rows"]),
            name("clock_rows", one.parameters["clock_rows"]),
        )
        for one in found
    ]
    given = {name: text for text, name in names.items()}
    return asks, {"now": found[0].parameters["now"], **given}


def _shares(ranges: Sequence[Range], hands: int, *, whole: bool) -> list[list[Range]]:
    """Each hand's part of the customers. `whole`: in one range, for a database that reads all of a
    table rather than look up many."""
    each = -(-len(ranges) // hands)
    shares = [list(ranges[at : at + each]) for at in range(0, len(ranges), each)]
    return [[Range(s[0].first, s[-1].last)] for s in shares] if whole else shares


@dataclass(frozen=True)
class _Wide:
    """All hands at work on the campaigns, one after another."""

    engine: Engine
    together: Together
    pool: ThreadPoolExecutor
    hands: Sequence["_Hand"]
    now: datetime

    def all_of(self, found: Sequence[Pass]) -> Iterable[Verdicts]:
        """A verdict for each campaign, of however many slots; what was halted asks no more."""
        verdicts: dict[str, Verdicts] = {}
        for number, one in enumerate(found):
            before = verdicts.get(one.version.name, Verdicts(one.version.name))
            if not before.halted:
                now = self._run(number, one)
                verdicts[now.campaign] = Verdicts(
                    now.campaign, before.counts + now.counts, now.halted
                )
        return verdicts.values()

    def _run(self, number: int, one: Pass) -> Verdicts:
        """Decide about everyone, then write."""
        version, name = one.version, one.version.name
        stops = sum(self.pool.map(lambda hand: hand.stops(number), self.hands), Counter[int]())
        reasons = self.together.reasons(number)
        counts = Counter({reasons[stop]: n for stop, n in stops.items() if stop != MAYBE})
        counts.update(self._decide(number, one) if stops[MAYBE] else {})
        with reading(self.engine) as connection:
            lately = decided.planned_lately(connection, name, self.now)
        new = counts["planned"]
        too_many = above_max(version, new, lately + new, one.approved)
        if too_many:
            with writing(self.engine) as connection:
                controls.pause(connection, "campaign", name, too_many, self.now)
            return Verdicts(name, halted=too_many)
        if stops[MAYBE]:
            list(self.pool.map(lambda hand: hand.write(one), self.hands))
        if not any(counts[reason] for reason in decided.HELD):
            occasions = {(slot.occasion, slot.due_at) for slot in one.slots}
            with writing(self.engine) as connection:
                passes.mark_done(connection, name, version.digest, occasions, counts, self.now)
        return Verdicts(name, counts)

    def _decide(self, number: int, one: Pass) -> Counter[str]:
        return sum(self.pool.map(lambda hand: hand.decide(number, one), self.hands), Counter[str]())


@dataclass(frozen=True)
class _Hand:
    """One connection with tables of its own, and the ranges that are its share."""

    connection: Connection
    together: Together
    ranges: Sequence[Range]

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

    def stops(self, number: int) -> Counter[int]:
        """At which of the campaign's gates how many customers stop."""
        with self._looking() as connection:
            found = connection.execute(self.together.counted(number))
            return Counter({stop: count for stop, count in found if stop is not None})

    def decide(self, number: int, one: Pass) -> Counter[str]:
        """Decide about whom nothing has stopped so far. Locks nothing."""
        with self._looking() as connection:
            aside.empty(connection, ASKED)
            aside.add(connection, ASKED, self.together.passing(number), {})
            aside.look(connection, ASKED)
            aside.look_up(connection)
            decided.begin_staging(connection)
            decided.stage(connection, one.question.decisions, one.parameters)
            return decided.staged_counts(connection)

    def write(self, one: Pass) -> None:
        """Write what was decided into the ledger, some thousands at a time."""
        kept = frozen(one.version, min(one.version.campaign.sends))
        for ids in self._parts():
            with self.connection.execution_options(read_only=False).begin():
                now = one.parameters["now"]
                decided.write_staged(self.connection, kept, now, keep_skipped=False, ids=ids)

    def _parts(self) -> Iterator[tuple[int, int]]:
        first, last = self.ranges[0].first, self.ranges[-1].last
        with self._looking() as connection:
            parts = 1 + decided.staged_counts(connection)["planned"] // WRITE_ROWS_MAX
        each = -(-(last - first + 1) // parts)
        for start in range(first, last + 1, each):
            yield start, min(start + each - 1, last)

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        connection = self.connection.execution_options(read_only=True)
        with connection.begin():
            aside.hurry(connection)
            yield connection


@contextmanager
def _hand(engine: Engine, together: Together, share: Sequence[Range]) -> Iterator[_Hand]:
    with engine.connect() as connection:
        hand = _Hand(connection, together, share)
        with connection.begin():
            aside.begin(connection, hand.tables)
            decided.begin_staging(connection)
        yield hand
        with connection.execution_options(read_only=False).begin():
            aside.end(connection, hand.tables)
            decided.begin_staging(connection)  # the connection goes back to the pool, empty
