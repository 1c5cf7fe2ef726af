"""A message's life: its states, which way it may go, and what each state means to a cap.

    planned → claimed → sending → accepted → delivered | bounced | complained

From `planned` or `claimed`: `deferred` (comes back at `send_after`) or an end with a reason. From
`sending`: `accepted`, `rejected` or `unknown`. From `unknown`: `accepted`, `unknown_final`, or
`deferred` for service messages. `skipped` and `held_out` are decisions that never were planned.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a message stands. Every state but the first six is an end."""

    PLANNED = "planned"
    DEFERRED = "deferred"
    CLAIMED = "claimed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REJECTED = "rejected"
    UNKNOWN_FINAL = "unknown_final"
    SKIPPED = "skipped"
    HELD_OUT = "held_out"
    SUPPRESSED = "suppressed"
    CAPPED = "capped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    STALE = "stale"
    RENDER_FAILED = "render_failed"
    POISONED = "poisoned"


WAITING = (State.PLANNED, State.DEFERRED)
"""May be claimed once `send_after` has come."""

PENDING = (State.PLANNED, State.DEFERRED, State.CLAIMED)
"""Intended, and nothing has been written to a provider."""

ADMITTED = (
    State.SENDING,
    State.UNKNOWN,
    State.ACCEPTED,
    State.DELIVERED,
    State.BOUNCED,
    State.COMPLAINED,
    State.UNKNOWN_FINAL,
)
"""Was, or may have been, written to a provider: these fill caps."""

IN_HAND = (State.CLAIMED, State.SENDING, State.UNKNOWN)
"""A worker holds it until its lease runs out, or its answer was lost."""

UNDECIDED = (*PENDING, State.SENDING, State.UNKNOWN)
"""Not at an end yet."""

NEVER_PLANNED = (State.SKIPPED, State.HELD_OUT)
"""Decisions that led to no message."""

NEVER_ARRIVED = (
    State.REJECTED,
    State.SUPPRESSED,
    State.CAPPED,
    State.CANCELLED,
    State.EXPIRED,
    State.STALE,
    State.RENDER_FAILED,
    State.POISONED,
)
"""Ends of a planned message that say for certain: nobody got it."""

TROUBLE = (State.UNKNOWN_FINAL, State.REJECTED, State.RENDER_FAILED, State.POISONED)
"""Ends that nobody meant: somebody may want to look at each."""

NO_ANSWER = "no_answer"
"""The reason of what may have left, and of which nobody knows."""
