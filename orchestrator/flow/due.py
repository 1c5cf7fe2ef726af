"""Which slots of a campaign's schedule are due now, for which clocks."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from orchestrator.model.campaign import Campaign
from orchestrator.model.clock import Clock
from orchestrator.model.schedule import Once
from orchestrator.model.shop import Shop
from orchestrator.model.trigger import OnCron, OnDate, OnDay
from orchestrator.rules.slot_rows import SlotRow
from orchestrator.rules.slots import date_slots, slots


def due_slots(
    campaign: Campaign,
    shop: Shop,
    clocks: Mapping[int, Clock],
    after: datetime,
    until: datetime,
    done: Collection[tuple[str, datetime]] = (),
) -> list[SlotRow]:
    """The slots with after < due ≤ until that are not done: (occasion, due).

    Where the zone is not certain, the shop's counts.
    """
    found: dict[str, list[tuple[str, datetime, str]]] = {}
    rows = []
    for clock_id, clock in clocks.items():
        zone = _zone(campaign, shop, clock)
        if zone not in found:
            slots = _slots(campaign, zone, after, until)
            found[zone] = [slot for slot in slots if slot[:2] not in done]
        rows += [SlotRow(clock_id, label, at, match) for label, at, match in found[zone]]
    return rows


def _zone(campaign: Campaign, shop: Shop, clock: Clock) -> str:
    theirs = getattr(campaign.trigger, "zone", "customer") == "customer"
    return clock.zones[0] if theirs and len(clock.zones) == 1 else shop.zone


def _slots(
    campaign: Campaign, zone: str, after: datetime, until: datetime
) -> Iterator[tuple[str, datetime, str]]:
    match campaign.trigger:
        case OnCron() | OnDay() as trigger:
            schedule = trigger.cron if isinstance(trigger, OnCron) else Once(trigger.once)
            for slot in slots(schedule, zone, after, until):
                yield f"slot:{slot.label}", slot.at, ""
        case OnDate() as trigger:
            for day in date_slots(
                trigger.offset // timedelta(days=1),
                trigger.at,
                zone,
                after,
                until,
                yearly=trigger.every == "year",
            ):
                for match in day.match:
                    yield f"date:{day.label}", day.at, match
        case _:
            return
