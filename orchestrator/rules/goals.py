"""Who reached a campaign's goal: of those it wrote to, and of those it left out to compare."""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select

from orchestrator.model.campaign import Campaign, Goal
from orchestrator.model.message import State
from orchestrator.rules.history import filtered
from orchestrator.rules.now import NOW
from orchestrator.tables import customers, event_products, events, messages, products
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later
from orchestrator.tables.json import json_number
from orchestrator.tables.messages import is_one_of

WRITTEN_TO = (State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED)
"""A provider took it. Bounces stay in: who is left out is not asked whether it would bounce."""


def conversions(campaign: Campaign, goal: Goal) -> Select[Any]:
    """For each arm ("written to", "left out"): customers, of whom reached the goal within its
    time, of whom still have time to, and what reaching it was worth.

    A customer counts once, from the first message or the first time of being left out. Whoever was
    forgotten counts in neither arm: what they did is not known any more.
    """
    arm = case((messages.c.state == State.HELD_OUT, literal("left out")), else_="written to")
    began = func.min(messages.c.counts_at, type_=Instant())
    first = (
        select(messages.c.customer_id, arm.label("arm"), began.label("began"))
        .join(customers, customers.c.id == messages.c.customer_id)
        .where(
            customers.c.forgotten_at.is_(None),
            messages.c.campaign == campaign.name,
            is_one_of(messages.c.state, (*WRITTEN_TO, State.HELD_OUT)),
            messages.c.counts_at <= NOW,
        )
        .group_by(messages.c.customer_id, arm)
        .cte("first")
    )
    reached = exists(_events(goal, first, events.c.id))
    worth = (
        _events(
            goal, first, func.sum(json_number(events.c.properties, goal.value))
        ).scalar_subquery()
        if goal.value
        else literal(0.0)
    )
    return select(
        first.c.arm,
        func.count().label("customers"),
        func.count().filter(reached).label("reached"),
        func.count().filter(later(first.c.began, goal.within) > NOW).label("open"),
        func.coalesce(func.sum(worth), 0.0).label("worth"),
    ).group_by(first.c.arm)


def _events(goal: Goal, first: Any, what: ColumnElement[Any]) -> Select[Any]:
    return (
        select(what)
        .where(
            events.c.customer_id == first.c.customer_id,
            events.c.name == goal.event,
            events.c.at > first.c.began,
            events.c.at <= later(first.c.began, goal.within),
            events.c.at <= NOW,
            *filtered(goal, events),
        )
        .correlate_except(events, event_products, products)
    )
