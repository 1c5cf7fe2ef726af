"""Caps: the most messages in any window of a given length.

A message that would leave at t is measured against all others in (t - W - D, t + W + D): both
ways, for others may be planned for later; D is how long a write may last. Counted are messages
that left or may have left, and planned ones that come first in the order of arbitration. Each is
counted for the customer, and for the address where several customers share it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true
from sqlalchemy import case as either

from orchestrator.model.condition import Path
from orchestrator.model.message import ADMITTED, PENDING, State
from orchestrator.model.span import Rate, show_span
from orchestrator.rules.case import Case
from orchestrator.rules.clocks import HOLD, applies, legal_caps
from orchestrator.tables import customers, messages
from orchestrator.tables.greatest import greatest
from orchestrator.tables.instant import later
from orchestrator.tables.messages import is_of, is_one_of

WISH = timedelta(days=7)
CAMPAIGN_CAP = "campaign_cap"


@dataclass(frozen=True)
class Cap:
    """One cap as it stands before one message on one channel."""

    name: str
    said: str
    most: ColumnElement[Any] | int
    per: timedelta
    counts: tuple[ColumnElement[bool], ...] = ()
    applies: ColumnElement[bool] | None = None
    path: Path = ()
    rule: str = ""


def caps(case: Case, channel: str) -> Iterator[Cap]:
    """The caps over one channel: the law's, the customer's, the campaign's, the shop's."""
    topic, shop = case.campaign.topic, case.shop.caps
    on_channel, on_topic = messages.c.channel == channel, messages.c.topic == topic
    for legal in legal_caps(case.law, channel):
        counted = (on_channel, on_topic) if legal.per_subject else (on_channel,)
        here = func.coalesce(case.clock.c[applies(channel, legal)] == 1, False)
        said = f"the law of the place: {Rate(legal.count, legal.per)}"
        yield Cap("legal_cap", said, legal.count, legal.per, counted, here, rule=legal.id)
    wish = customers.c.max_per_week
    yield Cap(
        "customers_wish",
        "the customer's own wish for a week",
        wish,
        WISH,
        applies=wish.is_not(None),
    )
    for index, rate in enumerate(case.campaign.caps):
        own = (is_of(messages.c.campaign, case.campaign.name),)
        yield _written(CAMPAIGN_CAP, "this campaign", rate, own, ("caps", index))
    for index, rate in enumerate(shop.channel.get(channel, ())):
        path = ("shop", "caps", "channel", channel, index)
        yield _written("channel_cap", f"all {channel}", rate, (on_channel,), path)
    for index, rate in enumerate(shop.topic.get(topic, ())):
        path = ("shop", "caps", "topic", topic, index)
        yield _written("topic_cap", f"the topic {topic}", rate, (on_topic,), path)
    for index, rate in enumerate(shop.overall):
        yield _written("overall_cap", "everything", rate, (), ("shop", "caps", "overall", index))


def _written(
    name: str, what: str, rate: Rate, counts: tuple[ColumnElement[bool], ...], path: Path
) -> Cap:
    said = f"{what}: {rate.count} per {show_span(rate.per)}"
    return Cap(name, said, rate.count, rate.per, counts, path=path)


def filled(case: Case, channel: str, cap: Cap, *, planned: bool) -> ColumnElement[Any]:
    """How many messages stand in the cap's window already; `planned`: with those not yet sent."""

    address, counted = case.address[channel], _counted(case, channel, cap, planned)
    at_address = _number(messages.c.address_key == address.c.address_key, *counted)
    own = _own(case, cap.per, counted)
    return greatest(own, either((address.c.shared.is_(True), at_address), else_=0))


def _own(
    case: Case, per: timedelta, counted: tuple[ColumnElement[bool], ...]
) -> ColumnElement[Any]:
    """How many of the customer's own messages are counted, in a window of `per` around."""
    if case.counts is not None:
        return case.counts.value(per + HOLD, counted)
    return _number(messages.c.customer_id == customers.c.id, *counted)


def _number(*tests: ColumnElement[bool]) -> ColumnElement[Any]:
    found = select(func.count()).select_from(messages).where(*tests)
    return found.correlate_except(messages).scalar_subquery()


def fillers(case: Case, channel: str, cap: Cap, *, planned: bool) -> Select[Any]:
    """The messages that `filled` counts, the newest first: for whoever wants to see them."""
    address = case.address[channel]
    whose = or_(
        messages.c.customer_id == customers.c.id,
        and_(address.c.shared.is_(True), messages.c.address_key == address.c.address_key),
    )
    names = ("id", "campaign", "channel", "state", "counts_at")
    most = literal(cap.most) if isinstance(cap.most, int) else cap.most
    return (
        select(*(messages.c[name] for name in names), most.label("most"))
        .select_from(case.joined().join(messages, whose))
        .where(*_counted(case, channel, cap, planned))
        .order_by(messages.c.counts_at.desc(), messages.c.id.desc())
    )


def _counted(case: Case, channel: str, cap: Cap, planned: bool) -> tuple[ColumnElement[bool], ...]:
    # Of its own messages a campaign counts those, too, that it did not send to measure its effect:
    # whoever is left out is to be asked as often as the others, and no oftener.
    fills = (*ADMITTED, State.HELD_OUT) if cap.name == CAMPAIGN_CAP else ADMITTED
    state: ColumnElement[bool] = is_one_of(messages.c.state, fills)
    if planned:
        state = or_(state, and_(is_one_of(messages.c.state, PENDING), _comes_first(case)))
    return (*_around(case, channel, cap.per), *cap.counts, state)


def roomy(case: Case, channel: str) -> ColumnElement[bool]:
    """No cap can be full, whatever each of them counts.

    Most customers are through with one look-up, and nearly all others with one for each length of
    window, before every cap is asked on its own.
    """
    all_caps = list(caps(case, channel))
    if not all_caps:
        return true()
    mosts: dict[timedelta, int] = {}
    for cap in all_caps:
        if isinstance(cap.most, int):
            mosts[cap.per] = min(cap.most, mosts.get(cap.per, cap.most))
    wish = customers.c.max_per_week
    some = [literal(most > 0) for most in mosts.values()]
    fits = [_all_in(case, channel, per) < most for per, most in mosts.items()]
    quiet = _nothing_in(case, channel, max(cap.per for cap in all_caps))
    return and_(
        case.address[channel].c.shared.is_(False),
        or_(
            and_(quiet, func.coalesce(wish, 1) > 0, *some),
            and_(*fits, or_(wish.is_(None), _all_in(case, channel, WISH) < wish)),
        ),
    )


def _nothing_in(case: Case, channel: str, per: timedelta) -> ColumnElement[bool]:
    if case.counts is not None:
        return case.counts.value(per + HOLD, _around(case, channel, per)) == 0
    mine = messages.c.customer_id == customers.c.id
    some = select(messages.c.id).where(mine, *_around(case, channel, per))
    return ~exists(some.correlate_except(messages))


def _all_in(case: Case, channel: str, per: timedelta) -> ColumnElement[Any]:
    """The customer's marketing messages in the window, of every state that fills a cap."""
    states = (*ADMITTED, *PENDING, State.HELD_OUT)
    return _own(case, per, (*_around(case, channel, per), is_one_of(messages.c.state, states)))


def _around(case: Case, channel: str, per: timedelta) -> tuple[ColumnElement[bool], ...]:
    """The other marketing messages in the window around the moment of sending."""
    at, reach = case.opens_at(channel), per + HOLD
    window = (
        messages.c.marketing.is_(True),
        messages.c.counts_at > later(at, -reach),
        messages.c.counts_at < later(at, reach),
    )
    return (*window, messages.c.id != case.asked.c.message_id) if case.sending else window


def _comes_first(case: Case) -> ColumnElement[bool]:
    """Arbitration: a planned message goes before the one at hand. Total and deterministic.

    By priority, then the nearer deadline, then the campaign's name, then the older plan.
    """
    other, campaign, deadline = messages.c, case.campaign, case.expires_at
    older = other.id < case.asked.c.message_id if case.sending else true()
    by_name = or_(other.campaign < campaign.name, and_(other.campaign == campaign.name, older))
    by_deadline = or_(other.expires_at < deadline, and_(other.expires_at == deadline, by_name))
    return or_(
        other.priority > campaign.priority,
        and_(other.priority == campaign.priority, by_deadline),
    )
