"""What a provider's answer means: for the message in the ledger, and for the provider's account."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from channels.contract import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from orchestrator.model.breaker import Sign
from orchestrator.model.message import NO_ANSWER, State
from orchestrator.model.patience import Patience
from orchestrator.store.claims import Claimed
from orchestrator.store.consents import Scope
from orchestrator.store.messages import Move

_OF_PROVIDER = {
    Reason.provider_down: Sign.FAILS,
    Reason.auth_failed: Sign.LOCKED,
    Reason.blocked_sender: Sign.LOCKED,
}


class Answered(NamedTuple):
    """One attempt's end: where the message goes, the attempt's line, and what the address is worth.

    `suppress`: "all" for an address that will never work, "marketing" for an opt-out that the
    provider knows of.
    """

    move: Move
    outcome: str
    detail: str | None = None
    suppress: Scope | None = None


def answered(claimed: Claimed, outcome: Outcome, now: datetime, patience: Patience) -> Answered:
    """Certain failures free the message; what is not certain is `unknown`, never guessed."""
    match outcome:
        case Accepted(provider_ref=ref):
            return Answered(Move(claimed.id, State.ACCEPTED, provider_ref=ref), "accepted")
        case Unknown(detail=detail):
            move = Move(claimed.id, State.UNKNOWN, NO_ANSWER, now + patience.look_after)
            return Answered(move, "unknown", detail)
        case Deferred(retry_after_s=after, detail=detail):
            return Answered(_later(claimed, "provider", after, now, patience), "deferred", detail)
        case Rejected(retryable=True):
            after = outcome.retry_after_s or 0
            move = _later(claimed, outcome.reason, after, now, patience)
            return Answered(move, "rejected", outcome.detail)
        case Rejected(reason=reason, detail=detail):
            move = Move(claimed.id, State.REJECTED, str(reason))
            return Answered(move, "rejected", detail, _suppress(reason))


def signs(outcomes: Sequence[Outcome]) -> list[Sign]:
    """What a batch says of the provider, in order.

    That a message was not taken in time says nothing where others of the batch were.
    """
    works = any(isinstance(outcome, Accepted) for outcome in outcomes)
    found: list[Sign] = []
    for outcome in outcomes:
        match outcome:
            case Accepted():
                found.append(Sign.WORKS)
            case Unknown():
                found.append(Sign.FAILS)
            case Deferred():
                found += () if works else (Sign.FAILS,)
            case Rejected(reason=Reason.rate_limited):
                pass  # it asks for time, which is not a failure
            case Rejected(reason=reason):
                found.append(_OF_PROVIDER.get(reason, Sign.WORKS))
    return found


def asked_to_wait(outcomes: Sequence[Outcome]) -> float | None:
    """For how many seconds the provider wants to be left alone."""
    return max(
        (
            outcome.retry_after_s
            for outcome in outcomes
            if isinstance(outcome, Rejected)
            and outcome.reason is Reason.rate_limited
            and outcome.retry_after_s is not None
        ),
        default=None,
    )


def _later(
    claimed: Claimed, reason: str, after_s: float, now: datetime, patience: Patience
) -> Move:
    """Not before the provider says, and then at any moment of a span that doubles each time."""
    span = min(patience.retry_after * 2 ** min(claimed.tries + 1, 10), patience.retry_after_max)
    wait_s = max(after_s, 1.0) + span.total_seconds() * _chance(claimed)
    again_at = now + timedelta(seconds=wait_s)
    if again_at >= claimed.expires_at:
        return Move(claimed.id, State.EXPIRED, str(reason))
    return Move(claimed.id, State.DEFERRED, str(reason), again_at)


def _chance(claimed: Claimed) -> float:
    """From 0 to 1: another one for each message and each try, the same when asked again."""
    return zlib.crc32(f"{claimed.id}/{claimed.tries}".encode()) / 2**32


def _suppress(reason: Reason) -> Scope | None:
    if reason is Reason.bad_address:
        return "all"
    return "marketing" if reason is Reason.unsubscribed else None
