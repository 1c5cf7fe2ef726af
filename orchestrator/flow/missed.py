"""What came due while nobody planned, and is no longer news: counted, so that reports can tell.

Events and memberships need nothing of this: each is decided about, however late, and the gate
`expired` stops it. A slot or a change concerns everybody at once; it is not worked through for a
message that nobody gets. Who was asked is counted, and the pass is done.
"""

from collections import Counter

from sqlalchemy import func, select

from orchestrator.flow.asking import Asking
from orchestrator.model.message import State
from orchestrator.model.version import Version
from orchestrator.rules.within import EVERYONE
from orchestrator.store import passes


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
