"""A pass over very many customers: all campaigns that are due at once, by several hands.

One campaign after another, in the order of arbitration, is decided to the end: by all hands, before
any of them writes it, so that a campaign that would reach more than its `max_audience` writes
nothing; one that could not is written while the rest is decided. Where many campaigns ask, what is
known of each customer is worked out once for all.

What changes between deciding and writing, such as an opt-out, is seen before sending, where every
gate is asked again. A process that dies on the way leaves customers out; the next look finds them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Engine

from orchestrator.flow.asking import Asking, at_once
from orchestrator.flow.hands import Hand, Pass, at_work
from orchestrator.flow.plan import Planner, Verdicts, above_max
from orchestrator.model.version import Version
from orchestrator.rules.aside import Asks, Together
from orchestrator.rules.slot_rows import SlotRow, slot_parameter
from orchestrator.rules.within import Range, Within
from orchestrator.store import controls, decided, passes
from orchestrator.store.database import reading, writing

WIDE_FROM_CUSTOMERS = 5_000
"""Fewer are decided about faster than several hands are set up."""

ASIDE_FROM_CAMPAIGNS = 6
"""SQLite finds one customer's rows about as fast as it reads all in turn: with twenty events
each, facts that are set aside for fewer campaigns cost more than they save. PostgreSQL reads all in
turn much faster, and has them set aside always."""


def plan_wide(engine: Engine, planner: Planner, now: datetime, hands: int) -> list[Verdicts]:
    """Plan the passes that concern very many customers; the planner then finds them done."""
    with reading(engine) as connection:
        asking = planner.asking(connection, now)
        ranges = asking.ranges()
        if not ranges or ranges[-1].last - ranges[0].first < WIDE_FROM_CUSTOMERS:
            return []
        due = list(_due(asking, planner.versions))
        on_postgresql = engine.dialect.name == "postgresql"
        with_facts = on_postgresql or len(due) >= ASIDE_FROM_CAMPAIGNS
        shape = Within.ASIDE if with_facts else Within.RANGE
        found = [_pass(asking, version, slots, shape) for version, slots in due]
    if not found:
        return []
    together: Together | None = None
    parameters: dict[str, Any] = {}
    if with_facts:
        asks, parameters = _together(found)
        together = asking.statements.together(asks)
    shares = _shares(ranges, hands, whole=on_postgresql)
    with ExitStack() as stack, ThreadPoolExecutor(len(shares)) as pool:
        turn = Lock()
        hands_on = (at_work(engine, share, turn, together) for share in shares)
        all_hands = [stack.enter_context(hand) for hand in hands_on]
        list(pool.map(lambda hand: hand.set_aside(parameters), all_hands))
        everyone = ranges[-1].last - ranges[0].first + 1
        return list(_Wide(engine, pool, all_hands, now, everyone).all_of(found))


def _due(
    asking: Asking, versions: Sequence[Version]
) -> Iterator[tuple[Version, Sequence[SlotRow]]]:
    for version in versions:
        if version.campaign.is_scheduled and at_once(version) and not asking.is_paused(version):
            for slots in _layers(asking.slots(version)):
                yield version, slots


def _pass(asking: Asking, version: Version, slots: Sequence[SlotRow], shape: Within) -> Pass:
    question = asking.statements.on_trigger(version, shape)
    parameters = {**asking.parameters(question), "slot_rows": slot_parameter(slots)}
    return Pass(version, slots, question, parameters, asking.approved(version))


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
    return asks, {"now": found[0].now, **given}


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
    pool: ThreadPoolExecutor
    hands: Sequence[Hand]
    now: datetime
    everyone: int
    """No campaign asks about more customers at once."""

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
        """Decide about everyone, then write; at once where they cannot be too many."""
        version, name = one.version, one.version.name
        with reading(self.engine) as connection:
            lately = decided.planned_lately(connection, name, self.now)
        if not above_max(version, self.everyone, lately + self.everyone, one.approved):
            written = self.pool.map(lambda hand: hand.decide_and_write(number, one), self.hands)
            return self._done(one, sum(written, Counter[str]()))
        of_each = list(self.pool.map(lambda hand: hand.decide(number, one), self.hands))
        counts = sum(of_each, Counter[str]())
        new = counts["planned"]
        too_many = above_max(version, new, lately + new, one.approved)
        if too_many:
            with writing(self.engine) as connection:
                controls.pause(connection, "campaign", name, too_many, self.now)
            return Verdicts(name, halted=too_many)
        list(self.pool.map(lambda hand, its: hand.write(one, its), self.hands, of_each))
        return self._done(one, counts)

    def _done(self, one: Pass, counts: Counter[str]) -> Verdicts:
        version, name = one.version, one.version.name
        if not any(counts[reason] for reason in decided.HELD):
            occasions = {(slot.occasion, slot.due_at) for slot in one.slots}
            with writing(self.engine) as connection:
                passes.mark_done(connection, name, version.digest, occasions, counts, self.now)
        return Verdicts(name, counts)
