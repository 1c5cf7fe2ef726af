"""Which of the claimed may be written now, and what becomes of those that are not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from orchestrator.flow.compose import NotComposed
from orchestrator.flow.known import Known
from orchestrator.model.breaker import CREDIT_MAX, RETRIES_PER_S
from orchestrator.model.message import State
from orchestrator.model.patience import Patience
from orchestrator.store.claims import Claimed
from orchestrator.store.messages import Move

ELSEWHERE_AFTER = timedelta(minutes=1)
"""What this release cannot read is left to others for so long: one process may be of an older one
while the next release is brought in, and the campaigns are that one's already."""


def one_each(claimed: Sequence[Claimed]) -> tuple[list[Claimed], list[Claimed]]:
    """At most one message for a customer and for an address, the first in order; and the rest.

    Two of one batch could not see each other in the caps: the rest is asked about afterwards.
    """
    customers: set[int] = set()
    addresses: set[str] = set()
    first, rest = [], []
    for one in claimed:
        if one.customer_id in customers or one.address_key in addresses:
            rest.append(one)
        else:
            first.append(one)
        customers.add(one.customer_id)
        addresses.add(one.address_key)
    return first, rest


def within_credit(claimed: Sequence[Claimed], retries: int) -> tuple[list[Claimed], list[Claimed]]:
    """Every first attempt, and so many second ones; and the rest, which come back."""
    again = [one for one in claimed if one.tries][retries:]
    late = {one.id for one in again}
    return [one for one in claimed if one.id not in late], again


def one_by_one(unearned: Sequence[Claimed], now: datetime) -> list[Move]:
    """Second attempts without credit come back as time earns it, not all of them at once."""
    moves = []
    for place, one in enumerate(unearned, 1):
        again_at = now + timedelta(seconds=min(place, CREDIT_MAX) / RETRIES_PER_S)
        in_time = again_at if again_at < one.expires_at else now
        moves.append(Move(one.id, State.PLANNED, again_at=in_time))
    return moves


def readable(claimed: Sequence[Claimed], known: Known) -> tuple[list[Claimed], list[Claimed]]:
    """What this release can read, and what it cannot: nobody is to blame for that."""
    can = {digest: known.can_read(digest) for digest in {one.version for one in claimed}}
    return [c for c in claimed if can[c.version]], [c for c in claimed if not can[c.version]]


def left_to_others(one: Claimed, now: datetime) -> Move:
    """What this release cannot read comes back, for one that can."""
    again_at = now + ELSEWHERE_AFTER
    if again_at >= one.expires_at:
        return Move(one.id, State.EXPIRED, "other_release")
    return Move(one.id, State.DEFERRED, "other_release", again_at)


def end_of(failed: NotComposed, now: datetime, patience: Patience) -> Move:
    """What could not be made ends; what a plugin's bug has kept from being made comes back."""
    claimed, again_at = failed.claimed, now + patience.retry_after_max
    if failed.state is not State.DEFERRED:
        return Move(claimed.id, failed.state, failed.reason)
    if again_at >= claimed.expires_at:
        return Move(claimed.id, State.EXPIRED, failed.reason)
    return Move(claimed.id, State.DEFERRED, failed.reason, again_at)
