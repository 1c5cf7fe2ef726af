"""Triggers as SQL: who is asking for a campaign's first step, about what, and since when.

Every trigger becomes a select of the same columns: customer_id, occasion, event_id, change_id,
due_at. The parameter `since` bounds how far it looks back. What is older than the campaign's
`expires` is stopped by a gate, so that a restart after a long stop never floods anyone.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    type_coerce,
)

from orchestrator.model.campaign import Campaign
from orchestrator.model.shop import Shop
from orchestrator.model.trigger import (
    Match,
    OnBackInStock,
    OnCron,
    OnDate,
    OnDay,
    OnEntering,
    OnEvent,
    OnInactive,
    OnPriceDrop,
)
from orchestrator.rules.facts import JOURNEYS, MESSAGES, Fact, Facts, any_of
from orchestrator.rules.history import filtered
from orchestrator.rules.now import NOW, ago
from orchestrator.rules.offers import in_stock, private
from orchestrator.rules.slot_rows import SLOT_ROWS
from orchestrator.rules.within import ASKED, Within
from orchestrator.tables import (
    customers,
    event_products,
    events,
    journeys,
    memberships,
    messages,
    product_changes,
    products,
)
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.instant import later
from orchestrator.tables.json import rows
from orchestrator.tables.unindexed import unindexed

CHANGE_ROWS = rows("change_rows", {"id": Integer()})
"""The changes of products that are due. One parameter, for an import may bring any number."""

SINCE: ColumnElement[Any] = bindparam("since", type_=Instant())

ROUND_THE_WORLD = timedelta(days=2)
"""More than any two clocks on earth differ by."""


def change_parameter(changes: Iterable[int]) -> str:
    """The parameter for `CHANGE_ROWS`, as JSON text."""
    return json.dumps([[id] for id in changes])


def asking(campaign: Campaign, shop: Shop, within: Within) -> Select[Any]:
    """The occasions of a campaign's trigger that are due and that nobody has decided yet.

    `since`: what was due until then is too old to be news, was due before the campaign was put to
    work, or has been looked at.
    """
    if within is Within.ASIDE:  # that was asked before they were set aside
        return occasions(campaign, shop, within)
    found = occasions(campaign, shop, within).subquery("occasions")
    # A second bound on an event's time would be taken for a reason to go by the time alone.
    news = unindexed(found.c.due_at > SINCE)
    return select(found).where(news, ~decided(campaign, found.c))


def decided(campaign: Campaign, occasion: Any, facts: Facts | None = None) -> ColumnElement[bool]:
    """The occasion stands in the ledger, or has begun a journey, already."""

    def stands_in(table: Any) -> ColumnElement[bool]:
        return exists(
            select(table.c.id)
            .where(
                table.c.campaign == campaign.name,
                table.c.customer_id == occasion.customer_id,
                table.c.occasion == occasion.occasion,
            )
            .correlate_except(table)
        )

    if facts is None:
        return or_(stands_in(messages), stands_in(journeys))
    begun = Fact("any", JOURNEYS, kind=campaign.name, within=_while_news(campaign))
    return or_(
        and_(asked_lately(campaign, occasion.customer_id, facts), stands_in(messages)),
        and_(any_of(begun, occasion.customer_id, facts), stands_in(journeys)),
    )


def asked_lately(
    campaign: Campaign, customer_id: ColumnElement[Any], facts: Facts
) -> ColumnElement[bool]:
    """There may be a message of the campaign about an occasion that is still news."""
    some = Fact("any", MESSAGES, kind=campaign.name, within=_while_news(campaign))
    return any_of(some, customer_id, facts)


def _while_news(campaign: Campaign) -> timedelta:
    """A slot that is named by what the clock shows may have been another instant elsewhere."""
    return campaign.expires + ROUND_THE_WORLD


def occasions(campaign: Campaign, shop: Shop, within: Within) -> Select[Any]:
    """Every asking that has become due after `since`, decided or not."""
    match campaign.trigger:
        case OnEvent() as trigger:
            wait = trigger.wait or timedelta(0)
            return _after_event(trigger, trigger.event, wait, trigger.unless, within)
        case OnInactive() as trigger:
            again = Match(event=trigger.inactive, where=trigger.where, product=trigger.product)
            return _after_event(trigger, trigger.inactive, trigger.for_, again, within)
        case OnCron() | OnDay():
            return _in_slot(within)
        case OnDate() as trigger:
            return _on_date(trigger, within)
        case OnEntering() as trigger:
            return _entered(trigger, within)
        case OnPriceDrop() | OnBackInStock() as trigger:
            return _product_changed(trigger, shop, within)


def _row(
    customer_id: ColumnElement[Any],
    occasion: ColumnElement[Any],
    due_at: ColumnElement[Any],
    event_id: ColumnElement[Any] | None = None,
    change_id: ColumnElement[Any] | None = None,
) -> Select[Any]:
    none = cast(null(), Id)
    return select(
        customer_id.label("customer_id"),
        occasion.label("occasion"),
        (none if event_id is None else event_id).label("event_id"),
        (none if change_id is None else change_id).label("change_id"),
        due_at.label("due_at"),
    )


def _after_event(
    filter: OnEvent | OnInactive,
    name: str,
    wait: timedelta,
    unless: Match | None,
    within: Within,
) -> Select[Any]:
    """Due `wait` after the event, unless another event has come between."""
    asked = _row(
        events.c.customer_id,
        literal("event:") + events.c.key,
        later(events.c.at, wait),
        event_id=events.c.id,
    ).where(
        _theirs(events.c.customer_id, within),
        events.c.name == name,
        events.c.at <= ago(wait),
        events.c.at > later(SINCE, -wait),
        *filtered(filter, events),
    )
    return asked if unless is None else asked.where(~came_between(unless, events))


def _theirs(customer_id: ColumnElement[Any], within: Within) -> ColumnElement[bool]:
    """Of whoever is asked about. Of everyone, what has just happened is found by its time.

    PostgreSQL, which plans a statement that comes often for whatever range may be given, would go
    through all customers instead: by a `CASE` it looks nothing up, and takes half of what there is
    to be meant.
    """
    theirs = within.holds(customer_id)
    return theirs if within is Within.IDS else case((theirs, true()), else_=false())


def came_between(match: Match, first: Any) -> ColumnElement[bool]:
    """Whether `match` happened after the event `first` (a table or alias), and not after now.

    Of two events at one instant nobody knows which came first: the other kind is taken to have
    come after, and of one kind each but the last has another after it.
    """
    second = events.alias("between")
    same = (
        []
        if match.same is None
        else [
            second.c.properties[match.same].as_string()
            == first.c.properties[match.same].as_string()
        ]
    )
    return exists(
        select(second.c.id)
        .where(
            second.c.customer_id == first.c.customer_id,
            second.c.name == match.event,
            second.c.at >= first.c.at,
            or_(second.c.at > first.c.at, first.c.name != match.event, second.c.id > first.c.id),
            second.c.at <= NOW,
            *same,
            *filtered(match, second),
        )
        .correlate_except(second, event_products)
    )


def _in_slot(within: Within) -> Select[Any]:
    if within is Within.ASIDE:
        theirs = ASKED.join(customers, customers.c.id == ASKED.c.customer_id)
        return (
            _row(ASKED.c.customer_id, SLOT_ROWS.c.occasion, SLOT_ROWS.c.due_at)
            .add_columns(ASKED.c.alone)
            .select_from(theirs.join(SLOT_ROWS, SLOT_ROWS.c.clock_id == customers.c.clock_id))
        )
    return (
        _row(customers.c.id, SLOT_ROWS.c.occasion, SLOT_ROWS.c.due_at)
        .select_from(customers.join(SLOT_ROWS, SLOT_ROWS.c.clock_id == customers.c.clock_id))
        .where(within.holds(customers.c.id))
    )


def _on_date(trigger: OnDate, within: Within) -> Select[Any]:
    return _in_slot(within).where(falls_on(trigger, SLOT_ROWS.c.match))


def falls_on(trigger: OnDate, day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the customer's date is that day, or its like in a year before."""
    written = customers.c.traits[trigger.date].as_string()
    if trigger.every != "year":
        that_day: ColumnElement[bool] = written == day
        return that_day
    return and_(func.substr(written, 6) == func.substr(day, 6), written <= day)


def _entered(trigger: OnEntering, within: Within) -> Select[Any]:
    return _row(
        memberships.c.customer_id,
        literal("enters:") + cast(memberships.c.id, String),
        memberships.c.since,
    ).where(
        _theirs(memberships.c.customer_id, within),
        memberships.c.segment == trigger.enters,
        memberships.c.since <= NOW,
        memberships.c.since > SINCE,
    )


def _product_changed(
    trigger: OnPriceDrop | OnBackInStock, shop: Shop, within: Within
) -> Select[Any]:
    """The latest change, of the due ones, of a product that the customer bought or viewed.

    Very many change at one instant. Of those, a product that can be offered comes first, then the
    one whose key does: never the order in which they happened to arrive.
    The parameter `change_rows` names the changes that the campaign has not looked at yet.
    """
    change, line = product_changes, event_products
    if isinstance(trigger, OnPriceDrop):
        kind, how = "price", trigger.price_drop
        before, after = (type_coerce(c, BigInteger) for c in (change.c.before, change.c.after))
        moved = after * 10_000 <= before * (10_000 - round(trigger.by * 100))
    else:
        kind, how = "stock", trigger.back_in_stock
        moved = and_(change.c.before <= Decimal(0), change.c.after > Decimal(0))
    may_offer = case((and_(in_stock(), ~private(shop)), 0), else_=1)
    met = (
        select(
            line.c.customer_id,
            change.c.id,
            change.c.at,
            func.row_number()
            .over(
                partition_by=line.c.customer_id,
                order_by=(change.c.at.desc(), may_offer, products.c.key),
            )
            .label("place"),
        )
        .select_from(
            change.join(line, line.c.product_id == change.c.product_id).join(
                products, products.c.id == change.c.product_id
            )
        )
        .where(
            within.holds(line.c.customer_id),
            change.c.id.in_(select(CHANGE_ROWS.c.id)),
            change.c.kind == kind,
            moved,
            line.c.name == (shop.bought if how == "bought" else shop.viewed),
            line.c.at <= change.c.at,
            line.c.at > ago(trigger.within),
        )
        .subquery("met")
    )
    occasion = literal(f"{kind}:") + cast(met.c.id, String)
    return _row(met.c.customer_id, occasion, met.c.at, change_id=met.c.id).where(met.c.place == 1)
