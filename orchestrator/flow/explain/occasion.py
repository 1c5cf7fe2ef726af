"""Whether a campaign's trigger asks about one customer: now, later, before, or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from orchestrator.flow.due import due_slots
from orchestrator.model.campaign import Campaign
from orchestrator.model.clock import Clock
from orchestrator.model.shop import Shop
from orchestrator.model.span import show_span
from orchestrator.model.trigger import (
    OnBackInStock,
    OnCron,
    OnDate,
    OnDay,
    OnEvent,
    OnInactive,
    OnPriceDrop,
)
from orchestrator.rules.slot_rows import SlotRow, slot_parameter
from orchestrator.rules.triggers import change_parameter, occasions
from orchestrator.rules.within import These, Within
from orchestrator.store.histories import OnTheWay, changes_met

Asks = Literal["now", "later", "before", "not"]
HYPOTHETICAL = "none"
CHANGES_MAX = 200
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR = timedelta(days=400)
_WEEK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Occasion:
    """An asking; where there is none, what the gates are asked about instead.

    `asks`: "before" is one that is no longer news, or never was; "not" is one that is only
    supposed, at this moment.
    """

    name: str
    due_at: datetime
    asks: Asks
    says: str
    event_id: int | None = None
    change_id: int | None = None


def of_journey(place: OnTheWay) -> Occasion:
    """The asking that sent a customer on the way."""
    asks: Asks = "now"
    says = "is on the way through its steps"
    return Occasion(place.occasion, place.due_at, asks, says, place.event_id, place.change_id)


def find_occasion(
    connection: Connection,
    campaign: Campaign,
    shop: Shop,
    customer_id: int,
    clocks: dict[int, Clock],
    now: datetime,
    begun: datetime | None = None,
) -> Occasion:
    """The latest asking that is still news, else the next one, else the last that was.

    `begun`: when the campaign was put to work; nothing that came due before asks.
    """
    wait = _wait(campaign)
    parameters = {
        "now": now + wait,
        "since": _LONG_AGO,
        **These((customer_id,)).parameters(),
        **_due(connection, campaign, shop, customer_id, clocks, now),
    }
    rows = connection.execute(occasions(_forgiving(campaign), shop, Within.IDS), parameters)
    found = [row for row in rows if row.due_at - wait <= now or campaign.is_scheduled]
    expires = campaign.expires
    news = now - expires
    asks_from = news if begun is None else max(news, begun)
    live = [row for row in found if asks_from < row.due_at <= now]
    later = [row for row in found if row.due_at > now]
    before = [row for row in found if row.due_at <= asks_from]
    if live:
        return _occasion(_last(live), "now", "its trigger asks")
    if later:
        soonest = min(later, key=lambda row: row.due_at)
        return _occasion(soonest, "later", "its trigger asks later")
    if before:
        last = _last(before)
        says = (
            f"its trigger asked, but that is no longer news after {show_span(expires)}"
            if last.due_at <= news
            else "its trigger would have asked before the campaign was put to work"
        )
        return _occasion(last, "before", says)
    return Occasion(HYPOTHETICAL, now, "not", "its trigger has not asked about this customer")


def _last(rows: Iterable[Any]) -> Any:
    return max(rows, key=lambda row: row.due_at)


def _occasion(row: Any, asks: Asks, says: str) -> Occasion:
    return Occasion(row.occasion, row.due_at, asks, says, row.event_id, row.change_id)


def _forgiving(campaign: Campaign) -> Campaign:
    """The campaign without what makes an asking go away: the gates tell of that."""
    if not isinstance(campaign.trigger, OnEvent):
        return campaign
    trigger = campaign.trigger.model_copy(update={"unless": None})
    return campaign.model_copy(update={"trigger": trigger})


def _wait(campaign: Campaign) -> timedelta:
    match campaign.trigger:
        case OnEvent(wait=timedelta() as wait):
            return wait
        case OnInactive(for_=wait):
            return wait
    return timedelta(0)


def _due(
    connection: Connection,
    campaign: Campaign,
    shop: Shop,
    customer_id: int,
    clocks: dict[int, Clock],
    now: datetime,
) -> dict[str, Any]:
    """The slots or changes that the trigger may ask about."""
    match campaign.trigger:
        case OnCron() | OnDay() | OnDate():
            return {"slot_rows": slot_parameter(_slots(campaign, shop, clocks, now))}
        case OnPriceDrop(price_drop=how):
            kind = "price"
        case OnBackInStock(back_in_stock=how):
            kind = "stock"
        case _:
            return {}
    event = shop.bought if how == "bought" else shop.viewed
    ids = changes_met(connection, customer_id, kind, event, now, limit=CHANGES_MAX)
    return {"change_rows": change_parameter(ids)}


def _slots(
    campaign: Campaign, shop: Shop, clocks: dict[int, Clock], now: datetime
) -> list[SlotRow]:
    """Those still news, and the next ones: of a year where each is for another date."""
    recent = due_slots(campaign, shop, clocks, now - campaign.expires, now)
    if isinstance(campaign.trigger, OnDate):
        return recent + due_slots(campaign, shop, clocks, now, now + _YEAR)
    for span in (_WEEK, _YEAR):
        coming = due_slots(campaign, shop, clocks, now, now + span)
        if coming:
            return [*recent, min(coming, key=lambda slot: slot.due_at)]
    return recent
