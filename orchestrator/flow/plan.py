"""Planning: who should get a message now, written into the ledger. Asked again, it adds nothing.

Campaigns are taken in the order of arbitration, so that the slot of a cap goes to the higher
priority when both ask at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from orchestrator.flow.due import due_slots
from orchestrator.flow.statements import Question, Statements
from orchestrator.flow.travel import Place, frozen, travel
from orchestrator.model.clock import Clock
from orchestrator.model.program import SendOp, WaitOp
from orchestrator.model.trigger import (
    OnBackInStock,
    OnCron,
    OnDate,
    OnDay,
    OnEntering,
    OnPriceDrop,
)
from orchestrator.model.version import Version
from orchestrator.rules.clocks import ClockRules
from orchestrator.rules.slot_rows import SlotRow, slot_parameter
from orchestrator.rules.triggers import change_parameter
from orchestrator.rules.where import Of, where
from orchestrator.rules.within import EVERYONE, Range, Scope, These
from orchestrator.store import campaigns, controls, journeys, memberships, passes
from orchestrator.store.clocks import all_clocks, clocks_of
from orchestrator.store.decided import HELD, decide_into_ledger, planned_lately
from orchestrator.tables import customers

CHUNK_CUSTOMERS = 50_000
"""A scheduled pass takes so many customer ids at a time: memory does not grow with the audience."""


@dataclass(frozen=True)
class Verdicts:
    """What planning one campaign came to: reason → customers; `planned` counts new messages."""

    campaign: str
    counts: Counter[str] = field(default_factory=Counter)
    halted: str = ""
    """Why the campaign was stopped, if it was."""

    @property
    def planned(self) -> int:
        """New messages."""
        return self.counts["planned"]


class Planner:
    """Plans with one set of campaign versions. Reads the law once, and builds each statement once.

    `revive` gives a version that is no longer current, by its digest, to those who are under way
    in it.
    """

    def __init__(
        self,
        versions: Sequence[Version],
        statements: Statements,
        revive: Callable[[Connection, str], Version],
    ) -> None:
        self.versions = tuple(sorted(versions, key=arbitration))
        self.statements = statements
        self._revive = revive

    def plan(
        self, connection: Connection, now: datetime, within: Scope = EVERYONE
    ) -> list[Verdicts]:
        """Plan whatever is due, in the caller's transaction."""
        asked = _Asked(connection, self.statements, now, within)
        self._refresh_segments(asked)
        verdicts = {version.name: self._begin(asked, version) for version in self.versions}
        if within != EVERYONE:  # whoever is on the way goes on, each on an own clock
            asked = _Asked(connection, self.statements, now, EVERYONE)
        for name, counts in self._move_on(asked):
            verdicts.setdefault(name, Verdicts(name)).counts.update(counts)
        return list(verdicts.values())

    def _refresh_segments(self, asked: "_Asked") -> None:
        if asked.within != EVERYONE:
            return
        for version in self.versions:
            if isinstance(version.campaign.trigger, OnEntering):
                segment = version.campaign.trigger.enters
                memberships.refresh(
                    asked.connection,
                    segment,
                    _members(version, segment, self.statements),
                    asked.parameters(self.statements.on_trigger(version, asked.within.shape)),
                )

    def _begin(self, asked: "_Asked", version: Version) -> Verdicts:
        """The campaign's trigger: a message, or the first step of a journey."""
        if asked.is_paused(version):
            return Verdicts(version.name)
        with asked.connection.begin_nested() as savepoint:
            counts = asked.about(version)
            too_many = _above_max(asked, version, counts["planned"] + counts["began"])
            if too_many:
                savepoint.rollback()
        if too_many:
            controls.pause(asked.connection, "campaign", version.name, too_many, asked.now)
            return Verdicts(version.name, halted=too_many)
        return Verdicts(version.name, counts)

    def _move_on(self, asked: "_Asked") -> Iterable[tuple[str, Counter[str]]]:
        """In the order of the steps: whoever has nothing to wait for goes all the way."""
        seen: set[tuple[str, int]] = set()
        while places := [
            (digest, step)
            for digest, step, _, _ in journeys.standing(asked.connection, asked.now)
            if (digest, step) not in seen
        ]:
            digest, step = min(places, key=lambda place: place[1])
            seen.add((digest, step))
            version = self._version(asked.connection, digest)
            if not asked.is_paused(version):
                yield version.name, travel(asked.place(version, step))

    def _version(self, connection: Connection, digest: str) -> Version:
        current = next((v for v in self.versions if v.digest == digest), None)
        return current or self._revive(connection, digest)


def arbitration(version: Version) -> tuple[bool, int, str]:
    """Who is asked first: service before marketing, then by priority, then by name."""
    campaign = version.campaign
    return campaign.marketing, -campaign.priority, campaign.name


class _Asked:
    """One asking: the transaction, the instant, the scope, and what was worked out for it."""

    def __init__(
        self, connection: Connection, statements: Statements, now: datetime, within: Scope
    ) -> None:
        self.connection = connection
        self.statements = statements
        self.now = now
        self.within = within
        self.clocks: dict[int, Clock] = (
            clocks_of(connection, within.ids)
            if isinstance(within, These)
            else all_clocks(connection)
        )
        self._clock_rows: dict[Any, str] = {}
        self._pauses = controls.pauses(connection)
        self._since = campaigns.all_since(connection)

    def is_paused(self, version: Version) -> bool:
        """Whether the campaign, or everything, is stopped."""
        return any(pause.stops_campaign(version.name) for pause in self._pauses)

    def since(self, version: Version) -> datetime:
        """When the campaign was put to work; one that never was has nothing to catch up with."""
        return self._since.get(version.name, self.now)

    def about(self, version: Version) -> Counter[str]:
        """Decide about everyone whom the campaign's trigger finds."""
        match version.campaign.trigger:
            case OnCron() | OnDay() | OnDate():
                due = self._slots(version)
                occasions = {(slot.occasion, slot.due_at) for slot in due}
                return self._pass(version, occasions, {"slot_rows": slot_parameter(due)})
            case OnPriceDrop() | OnBackInStock() as trigger:
                kind = "price" if isinstance(trigger, OnPriceDrop) else "stock"
                changes = self._changes(version, kind)
                occasions = {(f"{kind}:{id}", at) for id, at in changes.items()}
                return self._pass(version, occasions, {"change_rows": change_parameter(changes)})
            case _:
                return self._decide(version, self.within, {}, keep_skipped=True)

    def _pass(
        self, version: Version, occasions: set[tuple[str, datetime]], due: dict[str, Any]
    ) -> Counter[str]:
        """Decide about many customers at once; who was skipped is counted, not listed.

        Where a pause holds somebody back, the pass is not done: it is asked again.
        """
        counts: Counter[str] = Counter()
        if not occasions:
            return counts
        for chunk in self._chunks():
            counts.update(self._decide(version, chunk, due, keep_skipped=False))
        if self.within == EVERYONE and not any(counts[reason] for reason in HELD):
            passes.mark_done(
                self.connection, version.name, version.digest, occasions, counts, self.now
            )
        return counts

    def parameters(self, question: Question) -> dict[str, Any]:
        """What every statement about a case needs."""
        return {
            "now": self.now,
            "since": self.since(question.case.version),
            "clock_rows": self._clock_parameter(question.case.clock_rules()),
            **self.within.parameters(),
        }

    def place(self, version: Version, step: int) -> Place:
        """A step of a journey, ready to be moved on from."""
        sends = version.campaign.sends
        number = step if step in sends else min(sends)
        parameters = self.parameters(self.statements.on_journey(version, number))
        return Place(self.connection, version, self.statements, parameters, step)

    def _decide(
        self, version: Version, within: Scope, due: dict[str, Any], *, keep_skipped: bool
    ) -> Counter[str]:
        question = self.statements.on_trigger(version, within.shape)
        parameters = {
            **self.parameters(question),
            **within.parameters(),
            **due,
        }
        asking = self.statements.asking(version, within.shape)
        if not self.connection.scalar(select(exists(asking)), parameters):
            return Counter()  # by far the most common answer, and a small question
        if not _at_once(version):
            begun = journeys.begin(
                self.connection,
                asking,
                parameters,
                campaign=version.name,
                version=version.digest,
                wait=_first_wait(version),
            )
            return Counter(began=begun) if begun else Counter()
        return decide_into_ledger(
            self.connection,
            question.decisions,
            parameters,
            frozen(version, min(version.campaign.sends)),
            keep_skipped=keep_skipped,
        )

    def _slots(self, version: Version) -> list[SlotRow]:
        campaign = version.campaign
        after = max(self.now - campaign.expires, self.since(version))
        done = passes.done_slots(self.connection, campaign.name, after)
        due = due_slots(campaign, version.shop, self.clocks, after, self.now)
        return [slot for slot in due if (slot.occasion, slot.due_at) not in done]

    def _changes(self, version: Version, kind: str) -> dict[int, datetime]:
        after = max(self.now - version.campaign.expires, self.since(version))
        return passes.open_changes(self.connection, version.name, kind, after, self.now)

    def _chunks(self) -> Iterable[Scope]:
        if isinstance(self.within, These):
            return [self.within]
        first, last = self.connection.execute(
            select(func.min(customers.c.id), func.max(customers.c.id))
        ).one()
        if first is None:
            return []
        first, last = max(first, self.within.first), min(last, self.within.last)
        return [
            Range(start, min(start + CHUNK_CUSTOMERS - 1, last))
            for start in range(first, last + 1, CHUNK_CUSTOMERS)
        ]

    def _clock_parameter(self, rules: ClockRules) -> str:
        """Campaigns with the same channels and quiet hours share the answer."""
        key = (tuple(rules.channels), rules.quiet)
        if key not in self._clock_rows:
            self._clock_rows[key] = rules.parameter(self.now, self.clocks)
        return self._clock_rows[key]


def _at_once(version: Version) -> bool:
    """Whether the campaign is one send and nothing else: then no journey need be kept."""
    program = version.campaign.program
    return len(program) == 1 and isinstance(program[0], SendOp) and program[0].send.when is None


def _first_wait(version: Version) -> timedelta:
    first = version.campaign.program[0]
    return first.wait.for_ if isinstance(first, WaitOp) else timedelta(0)


def _above_max(asked: _Asked, version: Version, new: int) -> str:
    most = version.campaign.max_audience
    if not new:
        return ""
    lately = planned_lately if _at_once(version) else journeys.begun_lately
    number = lately(asked.connection, version.name, asked.now)
    if number <= most:
        return ""
    return f"would reach {number:,} customers in a day; max_audience is {most:,}"


def _members(version: Version, segment: str, statements: Statements) -> Select[Any]:
    case = statements.on_trigger(version, EVERYONE.shape).case
    of = Of(customers.c.id, customers.c.traits, case.clock.c.local_day, version.shop.segments)
    joined = customers.outerjoin(case.clock, case.clock.c.clock_id == customers.c.clock_id)
    return (
        select(customers.c.id).select_from(joined).where(where(version.shop.segments[segment], of))
    )
