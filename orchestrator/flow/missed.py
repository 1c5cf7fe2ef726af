"""What came due while nobody planned, and is no longer news: counted, so that reports can tell.

Events and memberships need nothing of this: each is decided about, however late, and the gate
`expired` stops it. A slot or a change concerns everybody at once; it is not worked through for a
message that nobody gets. Who was asked is counted, and the pass is done.

Nobody has missed what a schedule only says since it was written anew.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, select

from orchestrator.flow.asking import TOLD_FOR, Asking
from orchestrator.flow.due import due_slots
from orchestrator.model.clock import Clock
from orchestrator.model.message import State
from orchestrator.model.version import Version
from orchestrator.rules.within import EVERYONE
from orchestrator.store import passes
from orchestrator.store.clocks import all_clocks

Slot = tuple[str, datetime]
"""The occasion, and when it was due."""


def count_missed(asking: Asking, version: Version) -> Counter[str]:
    """How many customers each missed slot or change asked about; it is not looked at again."""
    missed = asking.missed(version) if asking.within == EVERYONE else None
    if missed is None:
        return Counter()
    asked = asking.statements.asking(version, EVERYONE.shape).subquery()
    number = asking.connection.scalar(
        select(func.count()).select_from(asked),
        {
            "now": asking.now,
            "since": asking.told_from(version),
            **EVERYONE.parameters(),
            **missed.parameters,
        },
    )
    counts = Counter({State.EXPIRED.value: number}) if number else Counter[str]()
    passes.mark_done(
        asking.connection, version.name, version.digest, missed.occasions, counts, asking.now
    )
    return counts


def pass_over(
    connection: Connection, before: Version | None, version: Version, now: datetime
) -> None:
    """A campaign is written anew: the slots that it has only since then, and that are over already,
    ask nobody. Whoever was asked at ten is not asked again because it says eleven at noon.

    Where nobody can read what it was `before`, none that is over asks.
    """
    clocks = all_clocks(connection)
    new = _slots(version, clocks, now)
    if before is not None:
        new -= _slots(before, clocks, now)
    passes.mark_done(connection, version.name, version.digest, new, {}, now)


def _slots(version: Version, clocks: Mapping[int, Clock], now: datetime) -> set[Slot]:
    """All that could still be asked about, or told of."""
    if not version.campaign.is_scheduled:
        return set()
    campaign = version.campaign
    after = now - campaign.expires - TOLD_FOR
    rows = due_slots(campaign, version.shop, clocks, after, now)
    return {(row.occasion, row.due_at) for row in rows}
