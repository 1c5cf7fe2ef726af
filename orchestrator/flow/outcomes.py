"""What a provider's answer means for the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.contract import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from orchestrator.model.message import State
from orchestrator.store.consents import Scope
from orchestrator.store.messages import Claimed, Move

RETRY_AFTER = timedelta(minutes=2)
"""How long a certain, passing failure waits when the provider does not say."""

LOOK_AGAIN_AFTER = timedelta(minutes=2)
"""When a lost answer is looked for at the provider."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One attempt's end: where the message goes, the attempt's line, and what the address is worth.

    `suppress`: "all" for an address that will never work, "marketing" for an opt-out that the
    provider knows of.
    """

    move: Move
    outcome: str
    detail: str | None = None
    suppress: Scope | None = None


def answered(claimed: Claimed, outcome: Outcome, now: datetime) -> Answered:
    """Certain failures free the message; what is not certain is `unknown`, never guessed."""
    match outcome:
        case Accepted(provider_ref=ref):
            return Answered(Move(claimed.id, State.ACCEPTED, provider_ref=ref), "accepted")
        case Unknown(detail=detail):
            move = Move(claimed.id, State.UNKNOWN, "no_answer", now + LOOK_AGAIN_AFTER)
            return Answered(move, "unknown", detail)
        case Deferred(retry_after_s=after, detail=detail):
            return Answered(_later(claimed, "provider", after, now), "deferred", detail)
        case Rejected(retryable=True):
            after = outcome.retry_after_s or RETRY_AFTER.total_seconds()
            move = _later(claimed, outcome.reason, after, now)
            return Answered(move, "rejected", outcome.detail)
        case Rejected(reason=reason, detail=detail):
            move = Move(claimed.id, State.REJECTED, str(reason))
            return Answered(move, "rejected", detail, _suppress(reason))


def _later(claimed: Claimed, reason: str, after_s: float, now: datetime) -> Move:
    again_at = now + timedelta(seconds=max(after_s, 1))
    if again_at >= claimed.expires_at:
        return Move(claimed.id, State.EXPIRED, str(reason))
    return Move(claimed.id, State.DEFERRED, str(reason), again_at)


def _suppress(reason: Reason) -> Scope | None:
    if reason is Reason.bad_address:
        return "all"
    return "marketing" if reason is Reason.unsubscribed else None
