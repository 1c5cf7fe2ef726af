"""The clock rules' answers, joined to customers by their clock.

Worked out in Python once for each clock and given to a statement as one parameter, `clock_rows`:
the clock, the customer's local day, and for every channel the instant at which it opens.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import FromClause, Integer, String

from orchestrator.model.clock import Clock, QuietHours
from orchestrator.model.law import Law
from orchestrator.rules.hours import opening
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows


def opens(channel: str) -> str:
    """The name of the column that tells when a channel opens."""
    return f"opens_{channel}"


def clock_rows(channels: Sequence[str]) -> FromClause:
    """The joined table: clock_id, local_day, and one `opens_…` for each channel.

    A customer whose zone is unknown has no local day, and null where the rules hold the message.
    """
    return rows(
        "clock_rows",
        {"clock_id": Integer(), "local_day": String()}
        | {opens(channel): Instant() for channel in channels},
    )


def answer(
    now: datetime,
    clocks: Mapping[int, Clock],
    channels: Sequence[str],
    *,
    quiet: Sequence[QuietHours],
    law: Law,
    hold_s: float,
) -> str:
    """The parameter for `clock_rows`, as JSON text."""
    return json.dumps(
        [
            [clock_id, _local_day(now, clock), *_openings(now, clock, channels, quiet, law, hold_s)]
            for clock_id, clock in clocks.items()
        ]
    )


def _local_day(now: datetime, clock: Clock) -> str | None:
    if len(clock.zones) != 1:
        return None
    return now.astimezone(ZoneInfo(clock.zones[0])).date().isoformat()


def _openings(
    now: datetime,
    clock: Clock,
    channels: Sequence[str],
    quiet: Sequence[QuietHours],
    law: Law,
    hold_s: float,
) -> list[Any]:
    found = (
        opening(now, clock, channel, quiet=quiet, law=law, hold_s=hold_s).at for channel in channels
    )
    return [None if at is None else to_micros(at) for at in found]
