"""The slots of a schedule that are due, joined to customers by their clock.

Worked out in Python for each clock and given to a statement as one parameter, `slot_rows`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import FromClause, Integer, String

from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows


def slot_rows(name: str = "slot_rows") -> FromClause:
    """The joined table; `name` is that of the parameter."""
    return rows(
        name, {"clock_id": Integer(), "occasion": String(), "due_at": Instant(), "match": String()}
    )


SLOT_ROWS = slot_rows()


@dataclass(frozen=True, slots=True)
class SlotRow:
    """For the customers of one clock, `occasion` asks at `due_at`.

    `match` is the date that the slot is for, such as 2017-11-23 (and, where it stands for the day
    that the year lacks, 2017-02-29); empty where the schedule has no date trait.
    """

    clock_id: int
    occasion: str
    due_at: datetime
    match: str = ""


def slot_parameter(slots: Iterable[SlotRow]) -> str:
    """The parameter for `SLOT_ROWS`, as JSON text."""
    return json.dumps([[s.clock_id, s.occasion, to_micros(s.due_at), s.match] for s in slots])
