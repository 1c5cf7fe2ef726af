"""What is asked of customers on their way: conditions, waits that end early, goals reached."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, func, select

from orchestrator.model.campaign import Campaign, Goal
from orchestrator.model.law import Law
from orchestrator.model.shop import Shop
from orchestrator.model.step import Still, When
from orchestrator.model.trigger import Match
from orchestrator.rules.clocks import clock_rows
from orchestrator.rules.history import filtered
from orchestrator.rules.now import NOW
from orchestrator.rules.where import Of, where
from orchestrator.tables import customers, events, journeys

LEFT = "left: "
"""How the end of a journey begins that an event has called off; then comes the event."""


def matches(when: When, campaign: Campaign, shop: Shop, law: Law) -> ColumnElement[bool]:
    """The customer on the way matches now; `still: audience` means the campaign's audience."""
    condition = campaign.audience if isinstance(when, Still) else when
    if condition is None:
        return journeys.c.id.is_not(None)
    clock = clock_rows((), law)
    of = Of(customers.c.id, customers.c.traits, clock.c.local_day, shop.segments)
    found = (
        select(customers.c.id)
        .select_from(customers.outerjoin(clock, clock.c.clock_id == customers.c.clock_id))
        .where(customers.c.id == journeys.c.customer_id, where(condition, of))
        .correlate(journeys)
    )
    return exists(found)


def came(match: Match) -> ColumnElement[bool]:
    """The event happened since the customer came to this step.

    `same` ties it to the event that began the journey.
    """
    return exists(_coming(match))


def came_at(match: Match) -> ColumnElement[datetime]:
    """When it did so first."""
    found = _coming(match)
    return found.with_only_columns(func.min(found.selected_columns.at)).scalar_subquery()


def _coming(match: Match) -> Select[Any]:
    first, second = events.alias("began"), events.alias("came")
    found = select(second.c.at).where(
        second.c.customer_id == journeys.c.customer_id,
        second.c.name == match.event,
        second.c.at > journeys.c.step_since,
        second.c.at <= NOW,
        *filtered(match, second),
    )
    if match.same is not None:
        # No join: it would draw the journeys into this select, and ask about anybody's.
        found = found.where(
            first.c.id == journeys.c.event_id,
            second.c.properties[match.same].as_string()
            == first.c.properties[match.same].as_string(),
        )
    return found.correlate(journeys)


def called_off(
    campaign: Campaign, customer_id: ColumnElement[Any], occasion: ColumnElement[Any]
) -> ColumnElement[bool]:
    """The customer has left the campaign on the way, by what they did."""
    return exists(
        select(journeys.c.id)
        .where(
            journeys.c.campaign == campaign.name,
            journeys.c.customer_id == customer_id,
            journeys.c.occasion == occasion,
            journeys.c.ended_as.startswith(LEFT),
        )
        .correlate_except(journeys)
    )


def reached(goal: Goal | None) -> ColumnElement[bool]:
    """The goal was reached since the journey began."""
    if goal is None:
        return false()
    return exists(
        select(events.c.id)
        .where(
            events.c.customer_id == journeys.c.customer_id,
            events.c.name == goal.event,
            events.c.at > journeys.c.began_at,
            events.c.at <= NOW,
            *filtered(goal, events),
        )
        .correlate(journeys)
    )
