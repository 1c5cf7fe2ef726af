"""Many campaigns asked about very many customers at once, by facts that are set aside.

One statement asks every campaign's gates of each customer. What facts cannot tell (`late` gates:
caps, offers) is asked afterwards, of those alone whom nothing else has stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Integer,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    false,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy import case as either

from orchestrator.model.law import Law
from orchestrator.model.trigger import OnDate
from orchestrator.model.version import Version
from orchestrator.rules.case import Case, address_on, is_theirs
from orchestrator.rules.clocks import clock_rows
from orchestrator.rules.decide import MAYBE, stop_aside, stops_aside
from orchestrator.rules.facts import Facts
from orchestrator.rules.slot_rows import slot_rows
from orchestrator.rules.triggers import decided, falls_on
from orchestrator.rules.within import ASKED, Within
from orchestrator.tables import customers
from orchestrator.tables.base import Id


@dataclass(frozen=True)
class Asks:
    """One campaign's slot that is due. Parameters that are alike have one name, and one join."""

    version: Version
    slots: str
    clock: str


@dataclass(frozen=True)
class _Slot:
    """What the slot asks of the customer at hand, by the names that gates know."""

    c: Any


@dataclass(frozen=True)
class _Columns:
    customer_id: ColumnElement[Any]
    occasion: ColumnElement[Any]
    due_at: ColumnElement[Any]
    event_id: ColumnElement[Any]
    change_id: ColumnElement[Any]


class Together:
    """Campaigns that are asked at once, in the order of arbitration.

    `stops`: a row for each customer with a column for each campaign: at which gate it stops, null
    where it does not ask.
    """

    def __init__(self, asks: Sequence[Asks], law: Law, some: Sequence[Facts]) -> None:
        self.asks = tuple(asks)
        self.law = law
        self.facts = Facts.together(some)
        self._slots: dict[tuple[str, str], FromClause] = {}
        self._clocks = {
            one.clock: clock_rows(_channels(one.version), law, one.clock) for one in asks
        }
        self._cases = [self._case(one) for one in asks]
        self.stops = Table(
            "staged_stops",
            MetaData(),
            Column("customer_id", Id, nullable=False),
            *(Column(f"stop_{number}", Integer) for number in range(len(asks))),
            prefixes=["TEMPORARY"],
        )
        self.asking = self._asking()

    def reasons(self, number: int) -> Mapping[int, str]:
        """What the numbers in a campaign's column mean."""
        return stops_aside(self._cases[number])

    def counted(self, number: int) -> Select[Any, int]:
        """How many customers stop at each gate; a row of null is of those whom it does not ask."""
        stop = self._stop(number)
        return select(stop, func.count()).group_by(stop)

    def passing(self, number: int) -> Select[Any]:
        """Whom nothing has stopped so far, for `ASKED`."""
        earlier = [self._stop(other) == MAYBE for other in range(number)]
        met = either((or_(false(), *earlier), false()), else_=true())
        return select(self.stops.c.customer_id, met).where(self._stop(number) == MAYBE)

    def _stop(self, number: int) -> ColumnElement[int]:
        return self.stops.c[f"stop_{number}"]

    def _asking(self) -> Select[Any]:
        facts = self.facts.table
        joined: FromClause = customers.join(facts, facts.c.customer_id == customers.c.id)
        for clock in self._clocks.values():
            joined = joined.outerjoin(clock, clock.c.clock_id == customers.c.clock_id)
        for (_, date), slots in self._slots.items():
            matches = slots.c.clock_id == customers.c.clock_id
            if date:
                trigger = next(t for t in map(_trigger, self.asks) if _date(t) == date)
                assert isinstance(trigger, OnDate)
                matches = and_(matches, falls_on(trigger, slots.c.match))
            joined = joined.outerjoin(slots, matches)
        for channel in {c: None for case in self._cases for c in case.route.channels}:
            address = address_on(channel)
            joined = joined.outerjoin(address, is_theirs(address, channel))
        stops = (self._where_asked(case) for case in self._cases)
        return (
            select(customers.c.id, *stops)
            .select_from(joined)
            .where(Within.RANGE.holds(customers.c.id))
        )

    def _where_asked(self, case: Case) -> ColumnElement[Any]:
        occasion = case.asked.c
        nothing = cast(null(), Integer)
        return either(
            (occasion.due_at.is_(None), nothing),
            (decided(case.campaign, occasion, self.facts), nothing),
            else_=stop_aside(case),
        )

    def _case(self, one: Asks) -> Case:
        version, key = one.version, (one.slots, _date(_trigger(one)))
        if key not in self._slots:
            name = one.slots if not key[1] else f"{one.slots}_{len(self._slots)}"
            rows = slot_rows(one.slots)
            self._slots[key] = rows if name == one.slots else rows.alias(name)
        slots, step = self._slots[key].c, min(version.campaign.sends)
        none = cast(null(), Id)
        columns = _Columns(customers.c.id, slots.occasion, slots.due_at, none, none)
        route = version.routes[step]
        return Case(
            version=version,
            step=step,
            law=self.law,
            route=route,
            asked=_Slot(columns),
            clock=self._clocks[one.clock],
            address={name: address_on(name) for name in route.channels},
            sending=False,
            facts=self.facts,
        )


def _channels(version: Version) -> Sequence[str]:
    return version.routes[min(version.campaign.sends)].channels


def _trigger(one: Asks) -> Any:
    return one.version.campaign.trigger


def _date(trigger: Any) -> str:
    return repr((trigger.date, trigger.every)) if isinstance(trigger, OnDate) else ""


__all__ = ["ASKED", "Asks", "Together"]
