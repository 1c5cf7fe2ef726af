"""Caps: the most messages in any window of a given length.

A message that would leave at t is measured against all others in (t - W - D, t + W + D): both
ways, for others may be planned for later; D is how long a write may last. A cap by the calendar
looks at the period of the customer's own wall that t lies in, and D before it. Counted are messages
that left or may have left, and planned ones that come first in the order of arbitration. Each is
counted for the customer, and for the address where several customers share it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy import case as either

from orchestrator.model.condition import Path
from orchestrator.model.message import ADMITTED, PENDING, State
from orchestrator.model.span import Rate, Unit
from orchestrator.rules.case import Case
from orchestrator.rules.clocks import HOLD, applies, begins, ends, legal_caps
from orchestrator.tables import customers, messages
from orchestrator.tables.greatest import greatest, least
from orchestrator.tables.instant import later
from orchestrator.tables.messages import is_of, is_one_of

WISH = timedelta(days=7)
_DAY = timedelta(days=1)
CAMPAIGN_CAP = "campaign_cap"


SENT, LEFT_OUT, GOES_FIRST = 1, 2, 3
"""What a message is to a cap: it has left or may have; it was left out, to measure; it is planned,
and comes before the one at hand."""


@dataclass(frozen=True)
class Cap:
    """One cap as it stands before one message on one channel.

    `same`: which messages it counts, by columns and their values; none for all marketing.
    """

    name: str
    said: str
    most: ColumnElement[Any] | int
    per: timedelta
    same: tuple[tuple[str, str], ...] = ()
    applies: ColumnElement[bool] | None = None
    path: Path = ()
    rule: str = ""
    calendar: Unit | None = None

    @property
    def reach(self) -> timedelta:
        """How far from the moment of sending it looks, at most."""
        # A write may end in the next period, and clocks are put back: then a day is longer.
        return self.per + HOLD if self.calendar is None else 2 * self.per + _DAY

    @property
    def here(self) -> ColumnElement[bool]:
        """Whether it concerns the customer at hand."""
        return true() if self.applies is None else self.applies

    def fills(self, *, planned: bool) -> list[ColumnElement[int]]:
        """What fills it; `planned`: with what has not left yet."""
        # Of its own messages a campaign counts those, too, that it did not send to measure its
        # effect: whoever is left out is to be asked as often as the others, and no oftener.
        some = [SENT] + [LEFT_OUT] * (self.name == CAMPAIGN_CAP) + [GOES_FIRST] * planned
        return [literal_column(str(one)) for one in some]


def caps(case: Case, channel: str) -> Iterator[Cap]:
    """The caps over one channel: the law's, the customer's, the campaign's, the shop's."""
    topic, shop = case.campaign.topic, case.shop.caps
    on_channel, on_topic = ("channel", channel), ("topic", topic)
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
        own = (("campaign", case.campaign.name),)
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
    name: str, what: str, rate: Rate, same: tuple[tuple[str, str], ...], path: Path
) -> Cap:
    said = f"{what}: {rate}"
    return Cap(name, said, rate.count, rate.per, same, path=path, calendar=rate.calendar)


def first_full(
    case: Case, channel: str, asked: Sequence[tuple[int, Cap, bool]], otherwise: int
) -> ColumnElement[int]:
    """The number of the first cap that is full, `otherwise` if none is.

    `asked`: number, cap, and whether it counts what is planned, too. One look at the customer's
    messages counts for all of them, and another one at the address's, where others share it.
    """
    reach = max(cap.reach for _, cap, _ in asked)
    address = case.address[channel]
    at_address = _first_of(case, channel, asked, otherwise, reach, address.c.address_key)
    shared: ColumnElement[int] = either(
        (address.c.shared.is_(True), at_address), else_=literal(otherwise)
    )
    if case.counts is None:
        own = _first_of(case, channel, asked, otherwise, reach, customers.c.id)
    else:
        counts = case.counts
        own = _first(
            asked,
            otherwise,
            lambda cap, planned: counts.value(
                cap.reach, _counted(case, channel, cap, planned=planned)
            ),
        )
    return least(own, shared)


def _first_of(
    case: Case,
    channel: str,
    asked: Sequence[tuple[int, Cap, bool]],
    otherwise: int,
    reach: timedelta,
    whose: ColumnElement[Any],
) -> ColumnElement[int]:
    theirs = messages.c.customer_id if whose is customers.c.id else messages.c.address_key
    names = ("counts_at", "channel", "topic", "campaign")
    near = (
        select(*(messages.c[name] for name in names), _fill(case).label("fill"))
        .where(theirs == whose, *_others(case), *_near(case, channel, reach, messages.c.counts_at))
        .correlate_except(messages)
        .subquery("near")
    )

    def number(cap: Cap, planned: bool) -> ColumnElement[int]:
        tests = [near.c[name] == value for name, value in cap.same]
        if cap.calendar is not None or cap.reach < reach:
            tests += _in_window(case, channel, cap, near.c.counts_at)
        return func.count().filter(*tests, near.c.fill.in_(cap.fills(planned=planned)))

    found = select(_first(asked, otherwise, number)).select_from(near)
    return found.correlate_except(near).scalar_subquery()


def _first(
    asked: Sequence[tuple[int, Cap, bool]],
    otherwise: int,
    number: Callable[[Cap, bool], ColumnElement[int]],
) -> ColumnElement[int]:
    """The first whose number of messages has come to its most."""
    full = [
        (and_(cap.here, number(cap, planned) >= cap.most), literal(n)) for n, cap, planned in asked
    ]
    return either(*full, else_=literal(otherwise))


def filled(case: Case, channel: str, cap: Cap, *, planned: bool) -> ColumnElement[Any]:
    """How many messages stand in the cap's window already; `planned`: with those not yet sent."""
    address, counted = case.address[channel], _counted(case, channel, cap, planned=planned)
    at_address = _number(messages.c.address_key == address.c.address_key, *counted)
    own = _number(messages.c.customer_id == customers.c.id, *counted)
    return greatest(own, either((address.c.shared.is_(True), at_address), else_=0))


def _number(*tests: ColumnElement[bool]) -> ColumnElement[Any]:
    found = select(func.count()).select_from(messages).where(*tests)
    return found.correlate_except(messages).scalar_subquery()


def fillers(case: Case, channel: str, cap: Cap, *, planned: bool) -> Select[Any]:
    """The messages that `filled` counts, the newest first: for whoever wants to see them.

    `over_at`: when the period of a cap by the calendar is over.
    """
    address = case.address[channel]
    whose = or_(
        messages.c.customer_id == customers.c.id,
        and_(address.c.shared.is_(True), messages.c.address_key == address.c.address_key),
    )
    names = ("id", "campaign", "channel", "state", "counts_at")
    most = literal(cap.most) if isinstance(cap.most, int) else cap.most
    over = null() if cap.calendar is None else case.clock.c[ends(channel, cap.calendar)]
    return (
        select(*(messages.c[name] for name in names), most.label("most"), over.label("over_at"))
        .select_from(case.joined().join(messages, whose))
        .where(*_counted(case, channel, cap, planned=planned))
        .order_by(messages.c.counts_at.desc(), messages.c.id.desc())
    )


def _counted(
    case: Case, channel: str, cap: Cap, *, planned: bool
) -> tuple[ColumnElement[bool], ...]:
    """Whether the message at hand counts for the cap."""
    same = (is_of(messages.c[name], value) for name, value in cap.same)
    fills = _fill(case).in_(cap.fills(planned=planned))
    window = _in_window(case, channel, cap, messages.c.counts_at)
    return (*_others(case), *window, *same, fills)


def _others(case: Case) -> tuple[ColumnElement[bool], ...]:
    """The other marketing messages."""
    marketing = messages.c.marketing.is_(True)
    return (marketing, messages.c.id != case.asked.c.message_id) if case.sending else (marketing,)


def _in_window(
    case: Case, channel: str, cap: Cap, at: ColumnElement[Any]
) -> tuple[ColumnElement[bool], ...]:
    """In the cap's window around the moment of sending."""
    if cap.calendar is None:
        return _near(case, channel, cap.reach, at)
    clock = case.clock.c
    return at > clock[begins(channel, cap.calendar)], at < clock[ends(channel, cap.calendar)]


def _near(
    case: Case, channel: str, reach: timedelta, at: ColumnElement[Any]
) -> tuple[ColumnElement[bool], ...]:
    opens_at = case.opens_at(channel)
    return at > later(opens_at, -reach), at < later(opens_at, reach)


def _fill(case: Case) -> ColumnElement[int]:
    """What the message at hand is to the caps; 0 for nothing."""
    state = messages.c.state
    return either(
        (is_one_of(state, ADMITTED), literal_column(str(SENT))),
        (state == State.HELD_OUT, literal_column(str(LEFT_OUT))),
        (and_(is_one_of(state, PENDING), _comes_first(case)), literal_column(str(GOES_FIRST))),
        else_=literal_column("0"),
    )


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
