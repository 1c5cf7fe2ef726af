"""At which moments a forecast looks: now, and when each schedule asks next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.flow.due import due_slots
from orchestrator.model.clock import Clock
from orchestrator.model.version import Version
from orchestrator.rules.slot_rows import SlotRow

_HORIZONS = (timedelta(days=8), timedelta(days=40), timedelta(days=400))
_JUST_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Look:
    """A moment, and the campaigns that are asked about then."""

    at: datetime
    campaigns: tuple[str, ...]


def looks(versions: Sequence[Version], clocks: Mapping[int, Clock], now: datetime) -> list[Look]:
    """Now, for what events ask; for each schedule, its next slot in every zone."""
    moments: dict[datetime, list[str]] = {now: []}
    for version in versions:
        slots = _next(version, clocks, now) if version.campaign.is_scheduled else []
        times = {slot.due_at for slot in slots} if version.campaign.is_scheduled else {now}
        for at in times:
            moments.setdefault(at, []).append(version.name)
    return [Look(at, tuple(names)) for at, names in sorted(moments.items()) if names]


def begins(
    versions: Sequence[Version], clocks: Mapping[int, Clock], now: datetime, at: datetime | None
) -> dict[str, datetime]:
    """Since when each schedule counts: one slot is looked at, not all that a campaign missed."""
    found = {}
    for version in versions:
        if version.campaign.is_scheduled:
            found[version.name] = now if at is None else _since(version, clocks, at)
    return found


def _next(version: Version, clocks: Mapping[int, Clock], now: datetime) -> list[SlotRow]:
    for horizon in _HORIZONS:
        found = due_slots(version.campaign, version.shop, clocks, now, now + horizon)
        if found:
            first = min(found, key=lambda slot: slot.due_at)
            return [slot for slot in found if slot.occasion == first.occasion]
    return []


def _since(version: Version, clocks: Mapping[int, Clock], at: datetime) -> datetime:
    campaign = version.campaign
    found = due_slots(campaign, version.shop, clocks, at - campaign.expires, at)
    if not found:
        return at
    last = max(found, key=lambda slot: slot.due_at)
    return min(s.due_at for s in found if s.occasion == last.occasion) - _JUST_BEFORE
