"""One asking: the transaction, the instant, the scope, and what was worked out for it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, exists, func, select

from orchestrator.flow.due import due_slots
from orchestrator.flow.looked import Looked
from orchestrator.flow.statements import Question, Statements
from orchestrator.flow.travel import Place, frozen
from orchestrator.model.clock import Clock
from orchestrator.model.program import SendOp, WaitOp
from orchestrator.model.trigger import OnBackInStock, OnCron, OnDate, OnDay, OnPriceDrop
from orchestrator.model.version import Version
from orchestrator.rules.clocks import ClockRules
from orchestrator.rules.slot_rows import SlotRow, slot_parameter
from orchestrator.rules.triggers import change_parameter
from orchestrator.rules.within import EVERYONE, Range, Scope, These
from orchestrator.store import campaigns, controls, journeys, passes
from orchestrator.store.approvals import Approval, approvals
from orchestrator.store.arrivals import arrived_since
from orchestrator.store.clocks import all_clocks, clocks_of
from orchestrator.store.decided import HELD, decide_into_ledger
from orchestrator.tables import customers

CHUNK_CUSTOMERS = 50_000
"""A scheduled pass takes so many customer ids at a time: memory does not grow with the audience."""

TOLD_FOR = timedelta(days=7)
"""What nobody decided about while it was news is written down as `expired`, if that was no longer
ago: a planner that was away leaves nobody without a reason. A bound, for years may be imported."""


@dataclass(frozen=True, slots=True)
class Due:
    """What a trigger asks about: slots or changes by name, or else events and memberships."""

    occasions: frozenset[tuple[str, datetime]]
    parameters: Mapping[str, Any]


class Asking:
    """Asks every campaign's trigger at one instant."""

    def __init__(
        self,
        connection: Connection,
        statements: Statements,
        now: datetime,
        within: Scope,
        looked: Looked,
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
        self.arrived = arrived_since(connection, looked.seen_id)
        self.whole: dict[str, bool] = {}
        self.held: set[str] = set()
        self._looked = looked
        self._clock_rows: dict[ClockRules, str] = {}
        self._slots: dict[str, list[SlotRow]] = {}
        self._changes: dict[str, dict[int, datetime]] = {}
        self._pauses = controls.pauses(connection)
        self._since = campaigns.all_since(connection)

    def is_paused(self, version: Version) -> bool:
        """Whether the campaign, or everything, is stopped, or waits for its approval."""
        if version.needs_approval and version.digest not in self._approved:
            return True
        return any(pause.stops_campaign(version.name) for pause in self._pauses)

    def approved(self, version: Version) -> int | None:
        """How many customers in a day somebody has approved of, where that is asked for."""
        return self._approved[version.digest].audience if version.needs_approval else None

    @cached_property
    def _approved(self) -> dict[str, Approval]:
        return approvals(self.connection)

    def earliest(self, version: Version) -> datetime:
        """Nothing that became due before is news: older, or from before the campaign began."""
        return max(self.now - version.campaign.expires, self._begun(version))

    def told_from(self, version: Version) -> datetime:
        """What became due before is not even said to have come too late."""
        return max(self.now - version.campaign.expires - TOLD_FOR, self._begun(version))

    def due(self, version: Version) -> Due | None:
        """What the campaign's trigger asks about now; None, most often, where it asks nothing."""
        match version.campaign.trigger:
            case OnCron() | OnDay() | OnDate():
                return _of_slots(self.slots(version))
            case OnPriceDrop() | OnBackInStock():
                news = self.earliest(version)
                changes = self._open_changes(version)
                return _of_changes(version, {id: at for id, at in changes.items() if at > news})
            case _:
                return self._look(version)

    def missed(self, version: Version) -> Due | None:
        """The slots or changes that came due while nobody planned, and are no longer news."""
        news = self.earliest(version)
        match version.campaign.trigger:
            case OnCron() | OnDay() | OnDate():
                return _of_slots([s for s in self._open_slots(version) if s.due_at <= news])
            case OnPriceDrop() | OnBackInStock():
                changes = self._open_changes(version)
                return _of_changes(version, {id: at for id, at in changes.items() if at <= news})
            case _:
                return None  # each event and membership is decided about, however late

    def decide(self, version: Version, due: Due) -> Counter[str]:
        """Decide about everyone whom the campaign's trigger finds."""
        if due.occasions:
            return self._pass(version, due)
        counts = self._decide(version, self.within, due.parameters, keep_skipped=True)
        if any(counts[reason] for reason in HELD):
            self.held.add(version.name)
        return counts

    def parameters(self, question: Question) -> dict[str, Any]:
        """What every statement about a case needs."""
        return {
            "now": self.now,
            "since": self.earliest(question.case.version),
            "clock_rows": self.clock_parameter(question.case.clock_rules()),
            **self.within.parameters(),
        }

    def place(self, version: Version, step: int) -> Place:
        """A step of a journey, ready to be moved on from."""
        sends = version.campaign.sends
        number = step if step in sends else min(sends)
        parameters = self.parameters(self.statements.on_journey(version, number))
        return Place(self.connection, version, self.statements, parameters, step)

    def ranges(self) -> list[Range]:
        """All ids of customers, in ranges that are decided about one after another."""
        assert isinstance(self.within, Range)  # who is named is asked about at once
        lowest = self.connection.scalar(select(func.min(customers.c.id)))
        highest = self.connection.scalar(select(func.max(customers.c.id)))
        if lowest is None or highest is None:
            return []
        first, last = max(lowest, self.within.first), min(highest, self.within.last)
        return [
            Range(start, min(start + CHUNK_CUSTOMERS - 1, last))
            for start in range(first, last + 1, CHUNK_CUSTOMERS)
        ]

    def _look(self, version: Version) -> Due | None:
        """Events and memberships: what has become due, or has arrived, since the last look."""
        since = self._from(version)
        asking = self.statements.asking(version, self.within.shape)
        asked = {"now": self.now, "since": since, **self.within.parameters()}
        somebody = self.connection.scalar(select(exists(asking)), asked)
        return Due(frozenset(), {"since": since}) if somebody else None

    def _pass(self, version: Version, due: Due) -> Counter[str]:
        """Decide about many customers at once; who was skipped is counted, not listed.

        Where a pause holds somebody back, the pass is not done: it is asked again.
        """
        counts: Counter[str] = Counter()
        for chunk in self._chunks():
            counts.update(self._decide(version, chunk, due.parameters, keep_skipped=False))
        if self.within == EVERYONE and not any(counts[reason] for reason in HELD):
            passes.mark_done(
                self.connection, version.name, version.digest, due.occasions, counts, self.now
            )
        return counts

    def _decide(
        self, version: Version, within: Scope, due: Mapping[str, Any], *, keep_skipped: bool
    ) -> Counter[str]:
        question = self.statements.on_trigger(version, within.shape)
        parameters = {**self.parameters(question), **within.parameters(), **due}
        if not at_once(version):
            return journeys.begin(
                self.connection,
                self.statements.setting_out(version, within.shape),
                {**parameters, "news_since": self.earliest(version)},
                campaign=version.name,
                version=version.digest,
                wait=_first_wait(version),
            )
        return decide_into_ledger(
            self.connection,
            question.decisions,
            parameters,
            frozen(version, min(version.campaign.sends)),
            keep_skipped=keep_skipped,
            spread_over=version.shop.spread,
        )

    def slots(self, version: Version) -> list[SlotRow]:
        """The slots of the campaign's schedule that are due, are news, and are not done."""
        news = self.earliest(version)
        return [slot for slot in self._open_slots(version) if slot.due_at > news]

    def _open_slots(self, version: Version) -> list[SlotRow]:
        """All that are not done, those that were missed since the last look among them."""
        if version.digest not in self._slots:
            after = min(self.earliest(version), self._from(version))
            done = passes.done_slots(self.connection, version.name, after)
            self._slots[version.digest] = due_slots(
                version.campaign, version.shop, self.clocks, after, self.now, done
            )
        return self._slots[version.digest]

    def _open_changes(self, version: Version) -> dict[int, datetime]:
        """All that nobody has looked at, those that are no longer news among them."""
        if version.digest not in self._changes:
            after = min(self.earliest(version), self._from(version))
            self._changes[version.digest] = passes.open_changes(
                self.connection, version.name, _kind(version), after, self.now
            )
        return self._changes[version.digest]

    def _begun(self, version: Version) -> datetime:
        return self._since.get(version.name, self.now)

    def _from(self, version: Version) -> datetime:
        """From when on to look: all that can be told of, or what has come since the last look."""
        told_from, news = self.told_from(version), self.earliest(version)
        if self.within != EVERYONE:
            return told_from
        since = self._looked.since(
            version.name, self.now, news=news, earliest=told_from, arrived=self.arrived
        )
        self.whole[version.name] = since <= news
        return since

    def _chunks(self) -> Iterable[Scope]:
        return [self.within] if isinstance(self.within, These) else self.ranges()

    def clock_parameter(self, rules: ClockRules) -> str:
        """Campaigns whose clock rules are alike share the answer."""
        if rules not in self._clock_rows:
            self._clock_rows[rules] = rules.parameter(self.now, self.clocks)
        return self._clock_rows[rules]


def at_once(version: Version) -> bool:
    """Whether the campaign is one send and nothing else: then no journey need be kept."""
    program = version.campaign.program
    return len(program) == 1 and isinstance(program[0], SendOp) and program[0].send.when is None


def _first_wait(version: Version) -> timedelta:
    first = version.campaign.program[0]
    return first.wait.for_ if isinstance(first, WaitOp) else timedelta(0)


def _of_slots(slots: Sequence[SlotRow]) -> Due | None:
    occasions = frozenset((slot.occasion, slot.due_at) for slot in slots)
    return Due(occasions, {"slot_rows": slot_parameter(slots)}) if slots else None


def _kind(version: Version) -> str:
    return "price" if isinstance(version.campaign.trigger, OnPriceDrop) else "stock"


def _of_changes(version: Version, changes: Mapping[int, datetime]) -> Due | None:
    kind = _kind(version)
    occasions = frozenset((f"{kind}:{id}", at) for id, at in changes.items())
    return Due(occasions, {"change_rows": change_parameter(changes)}) if changes else None
