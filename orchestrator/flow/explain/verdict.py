"""Every gate of a campaign for one customer: its verdict, what it looked at, and when it opens.

The gates are those of `rules.gates`, asked as one row of the same columns as in planning.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.types import String

from orchestrator.flow.explain import leaves as audience
from orchestrator.flow.explain.leaves import Leaf, LeafVerdict, leaves_of
from orchestrator.flow.explain.occasion import Occasion, find_occasion, of_journey
from orchestrator.flow.explain.places import Spot, spot
from orchestrator.flow.explain.reasons import reason, reasons
from orchestrator.flow.statements import Statements
from orchestrator.flow.tactful import Tactful
from orchestrator.model.clock import Clock
from orchestrator.model.law import HoursRow, Law, LegalCap
from orchestrator.model.version import Version
from orchestrator.rules.caps import Cap, fillers
from orchestrator.rules.case import Case
from orchestrator.rules.clocks import HOLD
from orchestrator.rules.decide import decisions
from orchestrator.rules.gates import AnyGate, CapGate, channel_gates, customer_gates, last_gates
from orchestrator.rules.hours import Opening, opening
from orchestrator.store.customers import CustomerRow
from orchestrator.store.histories import OnTheWay, on_the_way
from orchestrator.tables.base import Id, Instant

_AUDIENCE = "not_in_audience"
_QUIET = "quiet_hours"


@dataclass(frozen=True, slots=True)
class Filler:
    """A message that fills a cap."""

    message: int
    campaign: str
    channel: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """A row of the law, and where it comes from."""

    id: str
    source: str
    dated: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """One gate's answer.

    `until`: when it would pass, or when the message may leave where it only waits. `by`: which
    rule holds it back, where there are several. `leaves`: the tests of an audience. `fillers`: what
    fills a cap that is full.
    """

    name: str
    passes: bool
    says: str
    value: Any = None
    until: datetime | None = None
    by: str = ""
    spot: Spot | None = None
    law: tuple[Source, ...] = ()
    leaves: tuple[LeafVerdict, ...] = ()
    fillers: tuple[Filler, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """All about one customer and one campaign.

    `reason` is None where the message would be planned: on `channel`, leaving at `send_after`.
    """

    campaign: str
    purpose: str
    version: str
    step: int
    occasion: Occasion
    trigger: Spot | None
    journey: OnTheWay | None
    reason: str | None
    says: str
    channel: str | None
    send_after: datetime | None
    customer: tuple[GateVerdict, ...]
    channels: dict[str, tuple[GateVerdict, ...]]
    last: tuple[GateVerdict, ...]

    def gates(self) -> Iterable[GateVerdict]:
        """All gates, in order."""
        yield from self.customer
        for gates in self.channels.values():
            yield from gates
        yield from self.last


def explain(
    connection: Connection,
    tactful: Tactful,
    version: Version,
    customer: CustomerRow,
    clocks: dict[int, Clock],
    now: datetime,
    begun: datetime | None,
) -> Explained:
    """Ask every gate of a campaign about one customer, as of `now`.

    `begun`: when the campaign was put to work; None where it was not at work then.
    """
    journey = on_the_way(connection, customer.id, version.name)
    if journey is not None:
        version = tactful.known.of(journey.version)
        occasion = of_journey(journey)
    else:
        occasion = find_occasion(
            connection,
            version.campaign,
            version.shop,
            customer.id,
            clocks,
            now,
            begun,
        )
    step = _next_send(version, journey)
    asked = _Asked(
        connection,
        tactful.statements.law,
        _questions(tactful.statements, version, step),
        customer,
        occasion,
        clocks,
        now,
    )
    decided = asked.decide()
    known = {} if decided.reason is None else reasons(version, tactful.statements.law)
    return Explained(
        campaign=version.name,
        purpose=version.campaign.purpose,
        version=version.digest,
        step=step,
        occasion=occasion,
        trigger=spot(version, ("trigger",)),
        journey=journey,
        reason=decided.reason,
        says="" if decided.reason is None else reason(decided.reason, known).sentence,
        channel=decided.channel,
        send_after=decided.send_after,
        **asked.verdicts(),
    )


def _next_send(version: Version, journey: OnTheWay | None) -> int:
    sends = sorted(version.campaign.sends)
    ahead = [step for step in sends if journey is not None and step >= journey.step]
    return ahead[0] if ahead else sends[0]


_COLUMNS: Sequence[ColumnElement[Any]] = (
    bindparam("its_customer", type_=Id).label("customer_id"),
    bindparam("its_occasion", type_=String()).label("occasion"),
    cast(bindparam("its_event", type_=Id), Id).label("event_id"),
    cast(bindparam("its_change", type_=Id), Id).label("change_id"),
    bindparam("its_due", type_=Instant()).label("due_at"),
)
_ROW = select(*_COLUMNS)
"""Who is asked about, and by what."""


class _Gates:
    """Some gates, asked in one row."""

    def __init__(self, case: Case, gates: Iterable[AnyGate]) -> None:
        self.gates = tuple(gates)
        self.row = _one_row(case, [column for gate in self.gates for column in _columns(gate)])


class _Questions:
    """All that is asked about a customer of a campaign's send. Built once: it takes far longer than
    asking."""

    def __init__(self, version: Version, step: int, law: Law) -> None:
        case = self.case = Case.of(version, step, law, _ROW)
        self.decisions = decisions(case)
        self.customer = _Gates(case, customer_gates(case))
        self.channels = {c: _Gates(case, channel_gates(case, c)) for c in case.route.channels}
        self.last = _Gates(case, last_gates(case))
        self.leaves: list[Leaf] = list(leaves_of(version))
        self.of_leaves = _one_row(
            case, [column for leaf in self.leaves for column in audience.columns(case, leaf)]
        )


def _questions(statements: Statements, version: Version, step: int) -> _Questions:
    key = ("explain", version.digest, step)
    return statements.kept(key, lambda: _Questions(version, step, statements.law))


def _one_row(case: Case, columns: Sequence[Any]) -> Select[Any]:
    return case.looked(*(column.label(f"c{n}") for n, column in enumerate(columns)))


class _Asked:
    """One case, asked about one customer."""

    def __init__(
        self,
        connection: Connection,
        law: Law,
        questions: _Questions,
        customer: CustomerRow,
        occasion: Occasion,
        clocks: dict[int, Clock],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._law = law
        self._questions = questions
        self._case = questions.case
        self._customer = customer
        self._clock = next(iter(clocks.values()), Clock())
        self._now = now
        self._parameters = {
            "now": now,
            "clock_rows": self._case.clock_rules().parameter(now, clocks),
            "its_customer": customer.id,
            "its_occasion": occasion.name,
            "its_event": occasion.event_id,
            "its_change": occasion.change_id,
            "its_due": occasion.due_at,
        }

    def decide(self) -> Row[Any]:
        """What planning would say."""
        return self._row(self._questions.decisions)

    def verdicts(self) -> dict[str, Any]:
        """Every gate's verdict, under the names that Explained has for them."""
        asked = self._questions
        return {
            "customer": self._ask(asked.customer, None),
            "channels": {name: self._ask(gates, name) for name, gates in asked.channels.items()},
            "last": self._ask(asked.last, None),
        }

    def _ask(self, asked: _Gates, channel: str | None) -> tuple[GateVerdict, ...]:
        if not asked.gates:
            return ()
        row = self._row(asked.row)
        found: list[GateVerdict] = []
        full: Cap | None = None
        for number, gate in enumerate(asked.gates):
            passes, value, until, applies = row[4 * number : 4 * number + 4]
            # A cap that is full by what has left is not also lost to what is planned.
            cap = gate.cap if isinstance(gate, CapGate) else None
            if applies and (full is None or cap is not full):
                found.append(self._verdict(gate, channel, bool(passes), value, until))
                full = None if passes else cap
        return tuple(found)

    def _row(self, statement: Select[Any]) -> Row[Any]:
        return self._connection.execute(statement, self._parameters).one()

    def _verdict(
        self, gate: AnyGate, channel: str | None, passes: bool, value: Any, until: datetime | None
    ) -> GateVerdict:
        version = self._case.version
        rules = [gate.rule] if gate.rule else []
        place, by = spot(version, gate.path), ""
        full: tuple[Filler, ...] = ()
        if gate.name == _QUIET and channel is not None:
            by = self._opening(channel).rule
            rules, place = by.split(", "), self._quiet_spot(by)
        if isinstance(gate, CapGate) and channel is not None and not passes:
            full, until = self._fillers(gate, channel)
        return GateVerdict(
            name=gate.name,
            passes=passes,
            says=gate.sentence,
            value=value,
            until=until if until is not None and until > self._now else None,
            by=by,
            spot=place,
            law=self._sources(rules),
            leaves=self._leaves() if gate.name == _AUDIENCE else (),
            fillers=full,
        )

    def _opening(self, channel: str) -> Opening:
        quiet = self._case.clock_rules().quiet
        return opening(self._now, self._clock, channel, quiet=quiet, law=self._law)

    def _quiet_spot(self, rule: str) -> Spot | None:
        """Where the quiet hours stand that hold it back: the law and the customer write no file."""
        version = self._case.version
        written = (
            (version.campaign.quiet_hours, ("quiet_hours",)),
            (version.shop.quiet_hours, ("shop", "quiet_hours")),
        )
        for hours, path in written:
            if hours is not None and rule in ("", f"quiet {hours}"):
                return spot(version, path)
        return None

    def _sources(self, ids: Iterable[str]) -> tuple[Source, ...]:
        wanted = set(ids)
        rows: tuple[LegalCap | HoursRow, ...] = (*self._law.caps, *self._law.hours)
        return tuple(
            Source(row.id, row.source, row.dated.isoformat()) for row in rows if row.id in wanted
        )

    def _fillers(self, gate: CapGate, channel: str) -> tuple[tuple[Filler, ...], datetime | None]:
        """What fills a cap, and when enough of it has left the window."""
        statement = fillers(self._case, channel, gate.cap, planned=gate.with_planned)
        rows = self._connection.execute(statement, self._parameters).all()
        found = tuple(Filler(r.id, r.campaign, r.channel, r.state, r.counts_at) for r in rows)
        most = rows[0].most if rows else 0
        if not most or len(found) < most:
            return found, None
        if gate.cap.calendar is not None:
            return found, rows[0].over_at
        return found, found[most - 1].at + gate.cap.per + HOLD

    def _leaves(self) -> tuple[LeafVerdict, ...]:
        row = self._row(self._questions.of_leaves)
        traits = self._customer.traits
        return tuple(
            audience.verdict(leaf, holds=bool(row[2 * n]), value=row[2 * n + 1], traits=traits)
            for n, leaf in enumerate(self._questions.leaves)
        )


def _columns(gate: AnyGate) -> tuple[Any, Any, Any, Any]:
    """Whether it passes, what it looked at, until when it does not, and whether it applies."""
    nothing = cast(null(), String)
    applies = gate.cap.applies if isinstance(gate, CapGate) else None
    return (
        func.coalesce(gate.passes, False),
        nothing if gate.value is None else gate.value,
        nothing if gate.until is None else gate.until,
        literal(True) if applies is None else func.coalesce(applies, False),
    )
