"""The canary: of a new version a few messages leave first, and the rest only if those fare well.

They are watched from the answer to the last of them on, for as long as the campaign says: bounces
and complaints come late. Too many failures, bounces or complaints pause the campaign, and hold the
rest of that version back for good: write it anew, or release it by hand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from sqlalchemy import Connection

from channels.contract import Reason
from orchestrator.model.message import UNDECIDED, State
from orchestrator.model.span import show_span
from orchestrator.model.version import Version
from orchestrator.store import canaries, controls
from orchestrator.store.campaigns import current_version
from orchestrator.store.canaries import HALTED, RELEASED, Canary, Fared

SHARE_LEAST = 20
"""A share of few messages would prove nothing: so many go first at least."""

AT_LEAST = 2
"""One message alone is an accident; but where only one goes first, it decides."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What may befall so large a share of the first messages, and not more."""

    share: float
    says: str
    states: frozenset[State]
    reason: str | None = None

    def count(self, fared: Iterable[Fared]) -> int:
        """How many messages it has befallen."""
        return sum(
            one.messages
            for one in fared
            if one.state in self.states
            or (self.reason and one.state is State.REJECTED and one.reason == self.reason)
        )

    def broken(self, number: int, most: int) -> bool:
        """Whether that is too many of so many."""
        return number > self.share * most and number >= min(AT_LEAST, most)


FAILED = frozenset({State.RENDER_FAILED, State.REJECTED, State.POISONED})
LIMITS = (
    Limit(0.05, "could not be written, or were rejected", FAILED),
    Limit(0.02, "went to dead addresses", frozenset({State.BOUNCED}), Reason.bad_address),
    Limit(0.001, "were called spam", frozenset({State.COMPLAINED})),
)
LEFT = frozenset(
    {
        State.ACCEPTED,
        State.DELIVERED,
        State.BOUNCED,
        State.COMPLAINED,
        State.UNKNOWN_FINAL,
    }
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about a version's first messages: the rest is `released`, or `halted`."""

    campaign: str
    step: int
    state: str
    reason: str | None = None


def begin_canaries(connection: Connection, versions: Iterable[Version]) -> None:
    """From each new version that asks for it, only a few messages leave at first, of every step."""
    canaries.begin(connection, (one for version in versions for one in _new(version)))


def _new(version: Version) -> Iterable[Canary]:
    campaign = version.campaign
    portion = campaign.canary
    if portion is None:
        return
    share = portion if isinstance(portion, float) else None
    most = SHARE_LEAST if isinstance(portion, float) else portion
    for step in campaign.sends:
        yield Canary(
            version=version.digest,
            step=step,
            campaign=version.name,
            state=canaries.OUT,
            most=most,
            share=share,
            watch=campaign.canary_for,
            full_at=None,
            reason=None,
        )


def judge_canaries(connection: Connection, now: datetime) -> list[Judged]:
    """Choose who goes first, look how they fared, and let the rest go or stop it.

    In a transaction of its own that may write. Any number of processes may call it, as often as
    they like.
    """
    watched = canaries.out_there(connection)
    if not watched:
        return []
    fared = canaries.fared(connection)
    judged = (_judge(connection, one, fared.get(one.key, ()), now) for one in watched)
    return [one for one in judged if one is not None]


def _judge(
    connection: Connection, one: Canary, fared: Sequence[Fared], now: datetime
) -> Judged | None:
    one = _measured(connection, one)
    trouble = _trouble(one, fared)
    if trouble:
        canaries.end(connection, one, HALTED, trouble, now)
        controls.pause(connection, "campaign", one.campaign, trouble, now)
        return Judged(one.campaign, one.step, HALTED, trouble)
    undecided = sum(f.messages for f in fared if f.state in UNDECIDED)
    answered = [f for f in fared if f.state in LEFT or f.state in FAILED]
    tried = sum(f.messages for f in answered)
    missing = one.most - undecided - tried
    if missing > 0:
        canaries.choose(connection, one, missing, now)
    if missing > 0 or undecided:
        return None
    full_at = one.full_at or max(f.last for f in answered if f.last is not None)
    if one.full_at is None:
        canaries.note_full(connection, one, full_at)
    if full_at + one.watch > now:
        return None
    canaries.end(connection, one, RELEASED, None, now)
    return Judged(one.campaign, one.step, RELEASED)


def _measured(connection: Connection, one: Canary) -> Canary:
    """A share is of what is planned by now, until its messages have left."""
    if one.share is None or one.full_at is not None:
        return one
    most = max(one.most, ceil(canaries.planned(connection, one) * one.share / 100))
    if most != one.most:
        canaries.set_most(connection, one, most)
    return replace(one, most=most)


def _trouble(one: Canary, fared: Sequence[Fared]) -> str:
    for limit in LIMITS:
        number = limit.count(fared)
        if limit.broken(number, one.most):
            return (
                f"{number:,} of its first {one.most:,} messages {limit.says}, and "
                f"{100 * limit.share:g} % may: write it anew, or let the rest leave with "
                f"`tactful release {one.campaign}`; then `tactful resume campaign {one.campaign}`"
            )
    return ""


def release(connection: Connection, campaign: str, now: datetime) -> int:
    """Let the rest of a campaign's messages go, whatever became of the first; how many steps.

    Nobody means what the first messages of an earlier version have stopped: it was written anew.
    """
    current = current_version(connection, campaign)
    held = [
        one
        for one in canaries.unreleased(connection)
        if one.campaign == campaign
        and (one.state != HALTED or current is None or one.version == current)
    ]
    for one in held:
        canaries.end(connection, one, RELEASED, "by hand", now)
    return len(held)


def tell(one: Canary) -> str:
    """Where a canary stands, in a sentence."""
    if one.state == HALTED:
        return f"the rest is held back: {one.reason}"
    if one.full_at is not None:
        until = one.full_at + one.watch
        return f"its first {one.most:,} messages are watched until {until:%F %H:%M} UTC"
    return f"its first {one.most:,} messages leave, and are watched for {show_span(one.watch)}"


def forecast_text(version: Version) -> str:
    """What the canary would do with a version that is not at work yet; "" where there is none."""
    portion, watch = version.campaign.canary, version.campaign.canary_for
    if portion is None:
        return ""
    many = f"{portion:g} %" if isinstance(portion, float) else f"{portion:,}"
    return f"of a new version {many} leave first, and are watched for {show_span(watch)}"
