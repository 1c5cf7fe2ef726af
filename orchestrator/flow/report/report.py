"""What every campaign did: what left, what did not and why, what it cost, and what it brought."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.approving import approval_text
from orchestrator.flow.canary import tell
from orchestrator.flow.explain.places import Spot
from orchestrator.flow.explain.reasons import reason, reasons
from orchestrator.flow.report.lift import Arm, Lift, lift
from orchestrator.flow.tactful import Tactful
from orchestrator.model.message import ADMITTED, UNDECIDED
from orchestrator.model.version import Version
from orchestrator.rules.goals import conversions
from orchestrator.store.approvals import Approval, approvals
from orchestrator.store.canaries import Canary, unreleased
from orchestrator.store.database import reading
from orchestrator.store.journeys import not_set_out
from orchestrator.store.passes import skipped_in_passes
from orchestrator.store.reports import Stated, Written, maybe_twice, stated, written
from orchestrator.tables.messages import NO_CHANNEL

WRITTEN_TO, LEFT_OUT = "written to", "left out"
_KEPT_AS_ROWS = ("planned", "holdout", "began")
"""Verdicts of a pass that the ledger has a row for, so that they are not counted twice."""


@dataclass(frozen=True, slots=True)
class OnChannel:
    """A campaign on one channel. `states`: state → messages."""

    channel: str
    states: dict[str, int]
    pieces: int
    cost: Decimal
    maybe_twice: int = 0
    """How many times a message may have arrived once more."""

    @property
    def sent(self) -> int:
        """What left, or may have left."""
        return sum(self.states.get(state, 0) for state in ADMITTED)

    @property
    def waiting(self) -> int:
        """What is not at an end yet, and has not left."""
        return sum(self.states.get(s, 0) for s in UNDECIDED if s not in ADMITTED)


@dataclass(frozen=True, slots=True)
class NotSent:
    """How many messages did not leave for a reason."""

    reason: str
    number: int
    says: str
    spots: tuple[Spot, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of the campaign's goal. `lift` is None where nobody was left out to compare."""

    event: str
    written_to: Arm
    left_out: Arm
    lift: Lift | None
    cost_per_extra: Decimal | None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """One campaign."""

    campaign: str
    purpose: str
    channels: tuple[OnChannel, ...]
    not_sent: tuple[NotSent, ...]
    goal: Reached | None = None
    held: tuple[str, ...] = ()
    """What holds messages of it back, but for pauses."""

    @property
    def cost(self) -> Decimal:
        """In the shop's currency."""
        return sum((one.cost for one in self.channels), Decimal(0))


@dataclass(frozen=True, slots=True)
class Report:
    """All campaigns, those that are no longer written among them."""

    campaigns: tuple[CampaignReport, ...]
    currency: str


def report(
    tactful: Tactful, now: datetime, only: Collection[str] = (), *, with_goals: bool = True
) -> Report:
    """Everything up to `now`, of all campaigns or of some; what they brought takes longest to
    tell."""
    with reading(tactful.engine) as connection:
        rows = stated(connection, only)
        twice = maybe_twice(connection, only)
        left = {(one.campaign, one.channel): one for one in written(connection, only)}
        passes = skipped_in_passes(connection)
        for name, reasons in not_set_out(connection).items():
            passes.setdefault(name, Counter()).update(reasons)
        current = {version.name: version for version in tactful.versions}
        approved = approvals(connection)
        watched = unreleased(connection)
        known = {row.campaign for row in rows} | passes.keys() | current.keys()
        names = sorted(known & set(only) if only else known)
        found = tuple(
            _campaign(
                tactful,
                name,
                current.get(name),
                [row for row in rows if row.campaign == name],
                left,
                twice,
                passes.get(name, Counter()),
                tuple(_held(name, current.get(name), approved, watched)),
            )
            for name in names
        )
        if with_goals:
            found = tuple(_with_goal(connection, one, current, now) for one in found)
    return Report(found, tactful.shop.currency)


def _campaign(
    tactful: Tactful,
    name: str,
    version: Version | None,
    rows: Sequence[Stated],
    left: Mapping[tuple[str, str], Written],
    twice: Mapping[tuple[str, str], int],
    passed: Counter[str],
    held: tuple[str, ...],
) -> CampaignReport:
    channels = tuple(
        _channel(tactful, name, channel, rows, left, twice.get((name, channel), 0))
        for channel in sorted({row.channel for row in rows if row.channel != NO_CHANNEL})
    )
    return CampaignReport(
        campaign=name,
        purpose="" if version is None else version.campaign.purpose,
        channels=channels,
        not_sent=_not_sent(tactful, version, rows, passed),
        held=held,
    )


def _with_goal(
    connection: Connection, one: CampaignReport, current: Mapping[str, Version], now: datetime
) -> CampaignReport:
    version = current.get(one.campaign)
    return one if version is None else replace(one, goal=_goal(connection, version, one.cost, now))


def _held(
    name: str,
    version: Version | None,
    approved: Mapping[str, Approval],
    watched: Sequence[Canary],
) -> Iterator[str]:
    if version is not None and version.needs_approval and version.digest not in approved:
        yield approval_text(version, None)
    yield from (tell(one) for one in watched if one.campaign == name)


def _channel(
    tactful: Tactful,
    campaign: str,
    channel: str,
    rows: Sequence[Stated],
    left: Mapping[tuple[str, str], Written],
    twice: int,
) -> OnChannel:
    states: Counter[str] = Counter()
    for row in rows:
        if row.channel == channel:
            states[row.state] += row.messages
    use = tactful.shop.channels.get(channel)
    pieces = left[campaign, channel].pieces if (campaign, channel) in left else 0
    cost = Decimal(0) if use is None else pieces * use.cost
    return OnChannel(channel, dict(states), pieces, cost, twice)


def _not_sent(
    tactful: Tactful, version: Version | None, rows: Sequence[Stated], passed: Counter[str]
) -> tuple[NotSent, ...]:
    counts: Counter[str] = Counter()
    for row in rows:
        if row.state not in ADMITTED and row.state not in UNDECIDED:
            counts[row.reason or row.state] += row.messages
    counts.update({why: n for why, n in passed.items() if why not in _KEPT_AS_ROWS})
    law = tactful.statements.law
    known = reasons(version, law) if version is not None and counts else {}
    found = ((reason(name, known), number) for name, number in counts.most_common())
    return tuple(
        NotSent(why.name, number, why.sentence, why.spots, why.rules) for why, number in found
    )


def _goal(connection: Connection, version: Version, cost: Decimal, now: datetime) -> Reached | None:
    goal = version.campaign.goal
    if goal is None:
        return None
    rows = connection.execute(conversions(version.campaign, goal), {"now": now})
    arms: dict[str, Any] = {row.arm: Arm(*row[1:]) for row in rows}
    nobody = Arm(0, 0, 0, 0.0)
    written_to, left_out = arms.get(WRITTEN_TO, nobody), arms.get(LEFT_OUT, nobody)
    gain = lift(written_to, left_out)
    per_extra = None
    if gain is not None and gain.certain and gain.points > 0:
        per_extra = cost / (Decimal(str(gain.points)) / 100 * written_to.customers)
    return Reached(goal.event, written_to, left_out, gain, per_extra)
