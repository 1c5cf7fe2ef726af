"""A case: one send of one campaign version, and the columns that its gates look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    select,
)

from orchestrator.model.answer import is_answer
from orchestrator.model.campaign import Campaign
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.law import Law
from orchestrator.model.shop import Shop
from orchestrator.model.span import Unit
from orchestrator.model.version import Route, Version
from orchestrator.rules.clocks import ClockRules, clock_rows, opens
from orchestrator.rules.counts import Counts
from orchestrator.rules.facts import Facts
from orchestrator.rules.where import Of
from orchestrator.tables import addresses, customers
from orchestrator.tables.instant import later


class Rows(Protocol):
    """Something with columns."""

    @property
    def c(self) -> Any:
        """The columns by name."""


@cache
def address_on(channel: str) -> FromClause:
    """The customers' addresses on a channel: one alias, for campaigns that are asked together."""
    return addresses.alias(f"{channel}_address")


def is_theirs(address: FromClause, channel: str) -> ColumnElement[bool]:
    """The address is the one that the customer at hand has on the channel."""
    return and_(address.c.customer_id == customers.c.id, address.c.kind == ADDRESS_KINDS[channel])


def units_of(version: Version, channels: Sequence[str]) -> tuple[Unit, ...]:
    """The calendar's units by which caps over the campaign's messages go."""
    caps, campaign = version.shop.caps, version.campaign
    rates = [*campaign.caps, *caps.overall, *caps.topic.get(campaign.topic, ())]
    rates += [rate for channel in channels for rate in caps.channel.get(channel, ())]
    return tuple(sorted({rate.calendar for rate in rates if rate.calendar is not None}))


@dataclass(frozen=True)
class Case:
    """What the gates of one send look at.

    `asked` has the columns customer_id, occasion, event_id, change_id, due_at; asked again before
    sending, it also has message_id and channel.
    """

    version: Version
    step: int
    law: Law
    route: Route
    asked: Rows
    clock: FromClause
    address: Mapping[str, Any]
    sending: bool  # asked for the last time before the write, about messages that are planned
    facts: Facts | None = None  # where they are set aside, for very many customers
    counts: Counts | None = None

    @property
    def first(self) -> bool:
        """Whether no other send can come before it."""
        return self.step == min(self.campaign.sends)

    @classmethod
    def of(
        cls,
        version: Version,
        step: int,
        law: Law,
        asked: Select[Any],
        *,
        channel: str | None = None,
        facts: Facts | None = None,
    ) -> "Case":
        """The case of a step; with a channel, of messages that are about to leave on it.

        With facts, `asked` says of everyone, too, whether they are `alone` (see `ASKED`).
        """
        route = version.routes[step] if channel is None else Route((channel,))
        return cls(
            version=version,
            step=step,
            law=law,
            route=route,
            asked=asked.cte("asked"),
            clock=clock_rows(route.channels, law, units=units_of(version, route.channels)),
            address={name: address_on(name) for name in route.channels},
            sending=channel is not None,
            facts=facts,
            counts=None if facts is None else Counts(),
        )

    @property
    def campaign(self) -> Campaign:
        """The campaign as written."""
        return self.version.campaign

    @property
    def shop(self) -> Shop:
        """The shop as written."""
        return self.version.shop

    def clock_rules(self) -> ClockRules:
        """What this case's clock rules go by."""
        set_hours = (self.shop.quiet_hours, self.campaign.quiet_hours)
        quiet = tuple(hours for hours in set_hours if hours is not None)
        at_once = is_answer(self.campaign.name)
        units = units_of(self.version, self.route.channels)
        return ClockRules(self.law, self.route.channels, quiet, any_hour=at_once, units=units)

    @property
    def of_customer(self) -> Of:
        """What conditions look at."""
        return Of(
            customers.c.id,
            customers.c.traits,
            self.clock.c.local_day,
            self.shop.segments,
            self.facts,
        )

    @property
    def expires_at(self) -> ColumnElement[Any]:
        """Until when the message is worth sending."""
        return later(self.asked.c.due_at, self.campaign.expires_of(self.step))

    def opens_at(self, channel: str) -> ColumnElement[Any]:
        """The first moment from now on that is not quiet; null where the rules hold the message."""
        return self.clock.c[opens(channel)]

    def joined(self) -> FromClause:
        """Everything that the gates look at, one row for each that asks.

        Outer joins: a customer without a clock row or an address must meet the gate that says so.
        """
        assert isinstance(self.asked, FromClause)
        joined: FromClause = self.asked.join(
            customers, customers.c.id == self.asked.c.customer_id
        ).outerjoin(self.clock, self.clock.c.clock_id == customers.c.clock_id)
        if self.facts is not None:
            facts = self.facts.table
            joined = joined.join(facts, facts.c.customer_id == customers.c.id)
        if self.counts is not None and self.facts is not None:
            joined = self.counts.joined_to(joined, self.asked, self.facts)
        for channel, address in self.address.items():
            joined = joined.outerjoin(address, is_theirs(address, channel))
        return joined

    def looked(self, *what: ColumnElement[Any]) -> Select[Any]:
        """Select `what` about everyone who asks."""
        return select(*what).select_from(self.joined())
