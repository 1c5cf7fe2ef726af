"""The gates that every message must pass, in the order in which reports name them.

A gate is a name, a predicate and a sentence. To add one, yield it here: `plan`, `explain` and
`report` show it by themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, cast, exists, func, or_, select
from sqlalchemy.types import Numeric, String

from orchestrator.model.campaign import Goal
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.condition import Path
from orchestrator.model.message import ADMITTED, PENDING, State
from orchestrator.model.span import show_span
from orchestrator.model.trigger import (
    Match,
    OnBackInStock,
    OnEntering,
    OnEvent,
    OnInactive,
    OnPriceDrop,
)
from orchestrator.rules.caps import Cap, caps, filled
from orchestrator.rules.case import Case
from orchestrator.rules.clocks import HOLD
from orchestrator.rules.consent import consented
from orchestrator.rules.facts import MESSAGES, SUPPRESSIONS, Fact, any_of
from orchestrator.rules.history import filtered
from orchestrator.rules.holdout import held_out
from orchestrator.rules.journey import called_off
from orchestrator.rules.now import NOW, ago
from orchestrator.rules.offers import proposals
from orchestrator.rules.prices import price_now
from orchestrator.rules.triggers import asked_lately, came_between
from orchestrator.rules.where import where
from orchestrator.tables import (
    addresses,
    approvals,
    controls,
    customers,
    events,
    messages,
    prices,
    product_changes,
    products,
    suppressions,
)
from orchestrator.tables.instant import later
from orchestrator.tables.messages import is_of, is_one_of

HELD = State.PLANNED
"""What ends nothing: the message is asked about again."""

PROVIDER: ColumnElement[str] = bindparam("provider", type_=String())
"""The plugin through which messages are about to leave."""


@dataclass(frozen=True)
class Gate:
    """One rule that a message must pass.

    `ends_as`: what becomes of a planned message that no longer passes. `path` leads to where the
    rule is written: in campaign.yaml, or behind "shop" in shop.yaml. `rule`: the row of the law.
    `value`: what the rule looked at. `until`: when it would pass, where time alone will do it.
    `late`: of very many customers it is asked only about those whom the gates before it let pass.
    """

    name: str
    passes: ColumnElement[bool]
    sentence: str
    ends_as: State
    path: Path = ()
    rule: str = ""
    value: ColumnElement[Any] | None = None
    until: ColumnElement[Any] | None = None
    late: bool = False


@dataclass(frozen=True)
class CapGate:
    """The gate of a cap: it is full by what has left; or, `with_planned`, by what goes first, too.

    Its predicate is built only for whoever looks at this gate alone: `decisions` ask all caps at
    once (`first_full`).
    """

    case: Case
    channel: str
    cap: Cap
    with_planned: bool
    ends_as: State = State.CAPPED
    until: None = None
    late: bool = True

    @property
    def name(self) -> str:
        """The cap's, or that it was lost."""
        return f"{self.cap.name}_lost" if self.with_planned else self.cap.name

    @property
    def sentence(self) -> str:
        """What is said of who does not pass."""
        if self.with_planned:
            return f"lost the slot of {self.cap.said} to a higher priority"
        return f"has had the most of {self.cap.said}"

    @property
    def path(self) -> Path:
        """Where the cap is written."""
        return self.cap.path

    @property
    def rule(self) -> str:
        """The row of the law."""
        return self.cap.rule

    @property
    def value(self) -> ColumnElement[Any]:
        """How many messages fill it."""
        return filled(self.case, self.channel, self.cap, planned=self.with_planned)

    @property
    def passes(self) -> ColumnElement[bool]:
        """There is room, or the cap is none of this customer's."""
        return or_(~self.cap.here, self.value < self.cap.most)


AnyGate = Gate | CapGate


def customer_gates(case: Case) -> Iterator[Gate]:
    """What does not depend on the channel."""
    campaign = case.campaign
    yield Gate(
        "paused", ~_stopped(("everything", "*"), ("campaign", campaign.name)),
        "the campaign, or everything, is paused", HELD,
    )  # fmt: skip
    if case.version.needs_approval and not case.sending:
        approved = select(approvals.c.id).where(approvals.c.version == case.version.digest)
        yield Gate(
            "not_approved", exists(approved), "nobody has approved of this content yet", HELD,
            ("approval",) if campaign.approval else ("shop", "approval"),
        )  # fmt: skip
    yield Gate(
        "already_messaged", ~_already(case),
        "got this step for the same occasion already", State.CANCELLED,
    )  # fmt: skip
    if campaign.marketing:
        pause = customers.c.paused_until
        yield Gate(
            "on_pause", or_(pause.is_(None), pause <= NOW), "asked for a pause",
            State.SUPPRESSED, value=pause, until=pause,
        )  # fmt: skip
    if campaign.again_after is not None:
        last = _last_in_campaign(case)
        free_at = later(last, campaign.again_after + HOLD)
        yield Gate(
            "too_soon_again", ~_lately_in_campaign(case),
            f"got this campaign less than {show_span(campaign.again_after)} ago",
            State.CAPPED, ("again_after",), value=last, until=free_at,
        )  # fmt: skip
    yield Gate(
        "expired", case.expires_at > NOW,
        f"is no longer news after {show_span(campaign.expires_of(case.step))}",
        State.EXPIRED, ("expires",), value=case.expires_at,
    )  # fmt: skip
    still = _still_asking(case)
    if still is not None:
        yield Gate(
            "trigger_gone", _at_first(case, still), "the reason to write is gone",
            State.STALE, ("trigger",),
        )  # fmt: skip
    if campaign.audience is not None:
        yield Gate(
            "not_in_audience", _at_first(case, where(campaign.audience, case.of_customer)),
            "does not match the audience", State.STALE, ("audience",),
        )  # fmt: skip
    if campaign.goal is not None and case.sending:
        yield Gate(
            "goal_reached", ~_reached(case, campaign.goal), "has done what the campaign hopes for",
            State.STALE, ("goal",),
        )  # fmt: skip
    if campaign.may_be_left and case.sending:
        gone = called_off(campaign, customers.c.id, case.asked.c.occasion)
        yield Gate(
            "has_left", ~gone, "has left the campaign", State.STALE, ("steps",)
        )  # fmt: skip
    if campaign.offer is not None:
        yield Gate(
            "nothing_to_offer",
            exists(proposals(campaign.offer.products, case.shop, case.asked)),
            "has no product to be offered that is in stock and has a valid price",
            State.STALE, ("offer",), late=True,
        )  # fmt: skip


def channel_gates(case: Case, channel: str) -> Iterator[AnyGate]:
    """What is asked of each channel; a message takes the first channel that passes them all."""
    campaign, address, opens_at = case.campaign, case.address[channel], case.opens_at(channel)
    if channel in case.route.only_if_preferred:
        yield Gate(
            "not_preferred", customers.c.preferred_channel.is_not_distinct_from(channel),
            f"does not prefer {channel}", State.STALE, ("channels",),
        )  # fmt: skip
    yield Gate(
        "channel_paused", ~_channel_stopped(case, channel), f"{channel} is paused", HELD,
    )  # fmt: skip
    yield Gate(
        "no_address", address.c.address.is_not(None), f"has no address for {channel}",
        State.SUPPRESSED,
    )  # fmt: skip
    yield Gate(
        "suppressed", ~_suppressed(case, channel), "the address must not be used",
        State.SUPPRESSED,
    )  # fmt: skip
    if campaign.marketing:
        yield Gate(
            "no_consent", consented(customers.c.id, channel, campaign.topic, case.facts),
            f"has not agreed to {campaign.topic} by {channel}", State.SUPPRESSED, ("topic",),
        )  # fmt: skip
    yield Gate(
        "no_time_zone", opens_at.is_not(None),
        "has no known time zone, or zones that never open together", State.EXPIRED,
    )  # fmt: skip
    yield Gate(
        "quiet_hours", _opens_in_time(case, channel), "quiet hours last too long",
        State.DEFERRED, ("quiet_hours",), value=opens_at, until=opens_at,
    )  # fmt: skip
    if campaign.marketing and (case.sending or campaign.when_full == "skip"):
        # Who waits for room is planned all the same, and asked about again before sending.
        for cap in caps(case, channel):
            yield CapGate(case, channel, cap, with_planned=False)
            yield CapGate(case, channel, cap, with_planned=True)


def last_gates(case: Case) -> Iterator[Gate]:
    """What is asked of those who would otherwise get the message."""
    if case.campaign.holdout and not case.sending:
        yield Gate(
            "holdout",
            ~held_out(customers.c.bucket, case.campaign.name, case.campaign.holdout),
            f"belongs to the {case.campaign.holdout:g} % who are left out to measure the effect",
            State.HELD_OUT, ("holdout",),
        )  # fmt: skip


def _channel_stopped(case: Case, channel: str) -> ColumnElement[bool]:
    """Only on sending is it known which of two plugins it would be; one that may send will do."""
    by_name, use = ("channel", channel), case.shop.channels[channel]
    if case.sending:
        return _stopped(by_name, ("provider", PROVIDER))
    first = _stopped(by_name, ("provider", use.through))
    if use.failover is None:
        return first
    return and_(first, _stopped(by_name, ("provider", use.failover)))


def _stopped(*what: tuple[str, ColumnElement[str] | str]) -> ColumnElement[bool]:
    named = [and_(controls.c.scope == scope, controls.c.name == name) for scope, name in what]
    return exists(select(controls.c.name).where(or_(*named)).correlate_except(controls))


def _already(case: Case) -> ColumnElement[bool]:
    same = select(messages.c.id).where(
        is_of(messages.c.campaign, case.campaign.name),
        messages.c.customer_id == customers.c.id,
        messages.c.occasion == case.asked.c.occasion,
        messages.c.step == case.step,
    )
    if case.sending:  # only what has left counts, and not the message itself
        same = same.where(
            messages.c.id != case.asked.c.message_id, is_one_of(messages.c.state, ADMITTED)
        )
    there = exists(same.correlate_except(messages))
    if case.facts is None:
        return there
    return and_(asked_lately(case.campaign, customers.c.id, case.facts), there)


def _lately_in_campaign(case: Case) -> ColumnElement[bool]:
    assert case.campaign.again_after is not None
    span = case.campaign.again_after + HOLD
    window = messages.c.counts_at > ago(span)
    other = select(messages.c.id).where(window, *_others_in_campaign(case))
    there = exists(other.correlate_except(messages))
    if case.facts is None:
        return there
    some = Fact("any", MESSAGES, kind=case.campaign.name, within=span)
    return and_(any_of(some, customers.c.id, case.facts), there)


def _last_in_campaign(case: Case) -> ColumnElement[Any]:
    last = select(func.max(messages.c.counts_at)).where(*_others_in_campaign(case))
    return last.correlate_except(messages).scalar_subquery()


def _others_in_campaign(case: Case) -> tuple[ColumnElement[bool], ...]:
    """Of another occasion of this campaign: steps of the same one are not a repetition.

    Whoever is left out counts as if written to, so that both can be compared.
    """
    planned = (*ADMITTED, *PENDING, State.HELD_OUT)
    return (
        messages.c.customer_id == customers.c.id,
        is_of(messages.c.campaign, case.campaign.name),
        messages.c.occasion != case.asked.c.occasion,
        is_one_of(messages.c.state, ADMITTED if case.sending else planned),
    )


def _at_first(case: Case, holds: ColumnElement[bool]) -> ColumnElement[bool]:
    """It holds; or an earlier step of the same occasion was sent, or will be, for which it held.

    Whichever send is the first that a customer meets: branches and conditions may lead past others.
    """
    if case.first:
        return holds
    earlier = select(messages.c.id).where(
        is_of(messages.c.campaign, case.campaign.name),
        messages.c.customer_id == customers.c.id,
        messages.c.occasion == case.asked.c.occasion,
        messages.c.step < case.step,
        is_one_of(messages.c.state, (*ADMITTED, *PENDING)),
    )
    return or_(exists(earlier.correlate_except(messages)), holds)


def _still_asking(case: Case) -> ColumnElement[bool] | None:
    """The trigger's own reason still stands; None where it cannot go away."""
    match case.campaign.trigger:
        case OnEvent(unless=Match() as undo):
            return _nothing_came(case, undo)
        case OnInactive() as trigger:
            again = Match(event=trigger.inactive, where=trigger.where, product=trigger.product)
            return _nothing_came(case, again)
        case OnEntering(enters=segment):
            return where(case.shop.segments[segment], case.of_customer)
        case OnPriceDrop():
            change = product_changes
            held = price_now(change.c.product_id, case.shop.currency)
            return exists(
                select(change.c.id)
                .select_from(change.join(prices, prices.c.id == held))
                .where(
                    change.c.id == case.asked.c.change_id,
                    cast(prices.c.amount, Numeric) <= cast(change.c.after, Numeric),
                )
                .correlate_except(change, prices)
            )
        case OnBackInStock():
            change = product_changes
            return exists(
                select(change.c.id)
                .join(products, products.c.id == change.c.product_id)
                .where(
                    change.c.id == case.asked.c.change_id,
                    or_(products.c.stock.is_(None), products.c.stock > 0),
                )
                .correlate_except(change, products)
            )
        case _:
            return None


def _reached(case: Case, goal: Goal) -> ColumnElement[bool]:
    """While the message waited: who reaches the goal on the way leaves before it is planned."""
    return exists(
        select(events.c.id)
        .where(
            events.c.customer_id == customers.c.id,
            events.c.name == goal.event,
            events.c.at > case.asked.c.due_at,
            events.c.at <= NOW,
            *filtered(goal, events),
        )
        .correlate_except(events)
    )


def _nothing_came(case: Case, undo: Match) -> ColumnElement[bool]:
    first = events.alias("first")
    undone = select(first.c.id).where(
        first.c.id == case.asked.c.event_id, came_between(undo, first)
    )
    return ~exists(undone.correlate_except(first))


def _suppressed(case: Case, channel: str) -> ColumnElement[bool]:
    scopes = ("all", "marketing") if case.campaign.marketing else ("all",)
    scope = or_(*(suppressions.c.scope == scope for scope in scopes))
    if case.facts is not None:
        tests = (addresses.c.kind == ADDRESS_KINDS[channel], scope)
        some = Fact(repr((ADDRESS_KINDS[channel], scopes)), SUPPRESSIONS, tests=tests)
        return any_of(some, customers.c.id, case.facts)
    return exists(
        select(suppressions.c.address_key)
        .where(suppressions.c.address_key == case.address[channel].c.address_key, scope)
        .correlate_except(suppressions)
    )


def _opens_in_time(case: Case, channel: str) -> ColumnElement[bool]:
    """Planned: it opens before the message expires. About to be sent: it is open now."""
    opens_at = case.opens_at(channel)
    return opens_at <= NOW if case.sending else later(opens_at, HOLD) < case.expires_at
