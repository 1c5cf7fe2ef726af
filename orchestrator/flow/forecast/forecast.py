"""A forecast: the engine's own planning, asked ahead of time and undone."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from operator import attrgetter

from sqlalchemy import Connection

from orchestrator.flow.approving import (
    approval_text,
    plan_digest,
    suppose,
    unapproved,
)
from orchestrator.flow.asking import at_once
from orchestrator.flow.canary import forecast_text
from orchestrator.flow.explain.places import Spot
from orchestrator.flow.explain.reasons import reason, reasons
from orchestrator.flow.forecast.moments import Look, begins, looks
from orchestrator.flow.forecast.sample import Estimate, estimate
from orchestrator.flow.plan import Planner, arbitration
from orchestrator.flow.rehearsal import rehearsing
from orchestrator.flow.tactful import Tactful
from orchestrator.model.version import Version
from orchestrator.store import controls
from orchestrator.store.approvals import Approval, approvals
from orchestrator.store.clocks import all_clocks
from orchestrator.store.controls import Pause
from orchestrator.store.database import reading
from orchestrator.store.planned import Planned, Way, in_order, last_message, ways

NOT_REASONS = ("planned", "began")
SAMPLES = 3


@dataclass(frozen=True, slots=True)
class NotSent:
    """How many would not get it, why, and where the rule stands: in a file, or in the law."""

    reason: str
    customers: int
    says: str
    spots: tuple[Spot, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnChannel:
    """What would leave on one channel."""

    way: Way
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class CampaignForecast:
    """What one campaign would come to.

    `began`: customers who set out on a campaign of several steps. `halted`: why planning stopped
    it. `paused`: why it does not plan at all. `digest` stands for this campaign's part of the plan,
    `audience` for the customers that it counts against max_audience. `approval` and `canary` say
    what else holds its messages back, if anything does; `approved`: whether somebody has agreed.
    `by_schedule`: whether all who get it are in the plan.
    """

    campaign: str
    purpose: str
    version: str
    max_audience: int
    planned: int
    began: int
    halted: str
    paused: str
    channels: tuple[OnChannel, ...]
    not_sent: tuple[NotSent, ...]
    digest: str
    audience: int
    approval: str
    approved: bool
    by_schedule: bool
    canary: str

    @property
    def cost(self) -> Decimal:
        """In the shop's currency."""
        return sum((one.estimate.cost for one in self.channels), Decimal(0))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What planning would come to. Asked twice about the same data, the digest is the same."""

    looks: tuple[Look, ...]
    campaigns: tuple[CampaignForecast, ...]
    digest: str
    currency: str
    who: tuple[Planned, ...] = ()


@dataclass(slots=True)
class _Tally:
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one planning came to: of each campaign, and the digest of who would get it."""

    campaigns: Mapping[str, CampaignForecast]
    digests: Mapping[str, str]
    who: Sequence[Planned]


def forecast(
    tactful: Tactful,
    now: datetime,
    *,
    at: datetime | None = None,
    only: Collection[str] = (),
    samples_max: int = SAMPLES,
    with_who: bool = False,
) -> Forecast:
    """Plan in a transaction that is undone: now and at each schedule's next slot, or `at` a moment.

    All campaigns that ask by then are asked, for they share the customers' caps; `only` says which
    are told about. One that waits for approval is told about as if it alone were approved of,
    besides those that are: from the others it takes nothing until it is.
    """
    with reading(tactful.engine) as connection:
        clocks = all_clocks(connection)
        waits = {version.name for version in unapproved(connection, tactful.versions)}
    versions = sorted(tactful.versions, key=arbitration)
    told = [v for v in versions if v.name in only or not only]
    waiting = [v for v in told if v.name in waits]
    others = [v for v in told if v.name not in waits]
    moments = (
        looks(versions, clocks, now)
        if at is None
        else [Look(at, tuple(version.name for version in versions))]
    )
    ahead = _Ahead(
        tactful, now, moments, begins(versions, clocks, now, at), samples_max, with_who=with_who
    )
    found = [ahead.plan(others)] if others else []
    found += [ahead.plan([version], suppose_approved=True) for version in waiting]
    campaigns = {name: one for part in found for name, one in part.campaigns.items()}
    digests = {name: one for part in found for name, one in part.digests.items()}
    who = sorted((one for part in found for one in part.who), key=attrgetter("campaign"))
    return Forecast(
        tuple(look for look in moments if not digests.keys().isdisjoint(look.campaigns)),
        tuple(campaigns[version.name] for version in told),
        _together(told, digests),
        tactful.shop.currency,
        tuple(who),
    )


def _together(told: Iterable[Version], digests: Mapping[str, str]) -> str:
    """The digest of the versions and of every message of theirs."""
    lines = sorted(f"{version.digest}\t{digests[version.name]}\n" for version in told)
    return sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Plans ahead, each time from how things are now."""

    tactful: Tactful
    now: datetime
    moments: Sequence[Look]
    begins: Mapping[str, datetime]
    samples_max: int
    with_who: bool = field(kw_only=True)

    def plan(self, told: Sequence[Version], *, suppose_approved: bool = False) -> _Found:
        """Plan all that asks until the last of these has asked; what is told is of these."""
        tactful, now, names = self.tactful, self.now, {version.name for version in told}
        last = max((k.at for k in self.moments if not names.isdisjoint(k.campaigns)), default=now)

        def first(connection: Connection) -> None:
            tactful.pass_over(connection, now)

        with rehearsing(tactful.engine, tactful.versions, self.begins, first) as connection:
            paused = controls.pauses(connection)
            approved = approvals(connection)
            if suppose_approved:
                suppose(connection, told, now)
            last_id = last_message(connection)
            tally = _plan(connection, tactful, [look for look in self.moments if look.at <= last])
            estimates = [
                OnChannel(way, estimate(connection, tactful, way, last_id, self.samples_max))
                for way in ways(connection, last_id)
                if way.campaign in names
            ]
            digests, who = _digests(connection, told, last_id, with_who=self.with_who)
        campaigns = {
            v.name: _campaign(
                tactful,
                v,
                tally,
                estimates,
                paused,
                plan_digest(v, digests[v.name]),
                approved.get(v.digest),
            )
            for v in told
        }
        return _Found(campaigns, digests, who)


def _plan(connection: Connection, tactful: Tactful, asked: Iterable[Look]) -> _Tally:
    tally = _Tally()
    for look in asked:
        planner = Planner(
            [version for version in tactful.versions if version.name in look.campaigns],
            tactful.statements,
            tactful.known.read,
        )
        for verdicts in planner.plan(connection, look.at):
            tally.counts.setdefault(verdicts.campaign, Counter()).update(verdicts.counts)
            if verdicts.halted:
                tally.halted[verdicts.campaign] = verdicts.halted
    return tally


def _digests(
    connection: Connection, told: Sequence[Version], last_id: int, *, with_who: bool
) -> tuple[dict[str, str], list[Planned]]:
    """The digest of every message of each campaign, in order; and the messages, if wanted."""
    own = {version.name: sha256() for version in told}
    who = []
    for one in in_order(connection, last_id):
        if one.campaign in own:
            row = (one.campaign, one.customer, one.occasion, str(one.step), one.channel)
            own[one.campaign].update(("\t".join(row) + "\n").encode())
            if with_who:
                who.append(one)
    return {name: digest.hexdigest() for name, digest in own.items()}, who


def _campaign(
    tactful: Tactful,
    version: Version,
    tally: _Tally,
    estimates: Sequence[OnChannel],
    paused: Sequence[Pause],
    digest: str,
    approval: Approval | None,
) -> CampaignForecast:
    campaign = version.campaign
    counts = tally.counts.get(version.name, Counter())
    mine = tuple(one for one in estimates if one.way.campaign == version.name)
    planned = sum(one.way.messages for one in mine)
    return CampaignForecast(
        campaign=version.name,
        purpose=campaign.purpose,
        version=version.digest,
        max_audience=campaign.max_audience,
        planned=planned,
        began=counts["began"],
        halted=tally.halted.get(version.name, ""),
        paused=next((p.reason for p in paused if p.stops_campaign(version.name)), ""),
        channels=mine,
        not_sent=tuple(_not_sent(tactful, version, counts)),
        digest=digest,
        audience=planned if at_once(version) else counts["began"],
        approval=approval_text(version, approval),
        approved=approval is not None,
        by_schedule=version.campaign.is_scheduled,
        canary=forecast_text(version),
    )


def _not_sent(tactful: Tactful, version: Version, counts: Counter[str]) -> Iterable[NotSent]:
    missed = [(name, n) for name, n in counts.most_common() if name not in NOT_REASONS]
    known = reasons(version, tactful.statements.law) if missed else {}
    for name, number in missed:
        why = reason(name, known)
        yield NotSent(name, number, why.sentence, why.spots, why.rules)
