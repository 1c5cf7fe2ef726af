"""The clock rules' answers, joined to customers by their clock.

Worked out in Python once for each clock and given to a statement as one parameter, `clock_rows`:
the clock, the customer's local day, for every channel the instant at which it opens, and for every
legal cap whether it applies there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import FromClause, Integer, String
from sqlalchemy.types import TypeEngine

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import ANY, Law, LegalCap
from orchestrator.rules.hours import opening
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows


@dataclass(frozen=True, slots=True)
class Manners:
    """What the clock rules go by: law, quiet hours that were set, and how long a write lasts."""

    law: Law
    quiet: tuple[QuietHours, ...]
    hold: timedelta


def opens(channel: str) -> str:
    """The name of the column that tells when a channel opens."""
    return f"opens_{channel}"


def applies(channel: str, cap: LegalCap) -> str:
    """The name of the column that tells whether a legal cap applies: 1 or 0."""
    return f"law_{channel}_{cap.id}"


def legal_caps(law: Law, channel: str) -> tuple[LegalCap, ...]:
    """The legal caps that a channel may meet in some place."""
    return tuple(cap for cap in law.caps if channel in cap.channels or ANY in cap.channels)


def clock_rows(channels: Sequence[str], law: Law) -> FromClause:
    """The joined table: clock_id, local_day, and for each channel `opens_…` and its `law_…`.

    A customer whose zone is unknown has no local day, and null where the rules hold the message.
    """
    columns: dict[str, TypeEngine[Any]] = {"clock_id": Integer(), "local_day": String()}
    for channel in channels:
        columns[opens(channel)] = Instant()
        columns |= {applies(channel, cap): Integer() for cap in legal_caps(law, channel)}
    return rows("clock_rows", columns)


def clock_parameter(
    now: datetime, clocks: Mapping[int, Clock], channels: Sequence[str], manners: Manners
) -> str:
    """The parameter for `clock_rows`, as JSON text."""
    return json.dumps(
        [[id, *_answers(now, clock, channels, manners)] for id, clock in clocks.items()]
    )


def _answers(
    now: datetime, clock: Clock, channels: Sequence[str], manners: Manners
) -> Iterator[str | int | None]:
    yield _local_day(now, clock)
    for channel in channels:
        found = opening(
            now,
            clock,
            channel,
            quiet=manners.quiet,
            law=manners.law,
            hold_s=manners.hold.total_seconds(),
        )
        yield None if found.at is None else to_micros(found.at)
        here = manners.law.caps_for(clock, channel)
        yield from (int(cap in here) for cap in legal_caps(manners.law, channel))


def _local_day(now: datetime, clock: Clock) -> str | None:
    if len(clock.zones) != 1:
        return None
    return now.astimezone(ZoneInfo(clock.zones[0])).date().isoformat()
