"""Hears what providers tell later, and works it into the ledger: forward only, once each.

An event is kept before anything else is made of it. What cannot be worked in at once – a worker
holds the message – is worked in by `settle`, soon.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from channels.contract import Feedback, FeedbackKind, Reason
from orchestrator.flow.answering import Answering, can_be_answered
from orchestrator.flow.consenting import Evidence, state, taken_back, withdrawal
from orchestrator.flow.ingest import address_key, normal_email, normal_phone
from orchestrator.model.account import AccountName
from orchestrator.model.breaker import Sign
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.message import State
from orchestrator.model.shop import Shop
from orchestrator.store import feedback as inbox
from orchestrator.store.accounts import change_breaker
from orchestrator.store.consents import LogRow
from orchestrator.store.database import reading, writing
from orchestrator.store.erasing import strip_heard
from orchestrator.store.feedback import ENDED, SOFT, Heard, Holders, Proof, Sent
from orchestrator.store.forgotten import are_forgotten, digests, forgotten_among
from orchestrator.store.messages import lock_customers

OURS = "tactful"
"""The source of what was heard through our own links."""

KEY_LENGTH_MAX = 200
DETAIL_LENGTH_MAX = 2_000
OLDEST = timedelta(days=3650)
"""An event that is older by its own word did not happen then; it happened when it was told."""

NEWS = timedelta(minutes=10)
"""What is older says nothing about how an account stands now."""

TRIES = 2
"""So often working in is tried at once."""

AT_ONCE = 500
"""So many events are worked in together by `settle`."""

_LEADS_TO: Mapping[str, tuple[State, str | None]] = {
    FeedbackKind.accepted: (State.ACCEPTED, None),
    FeedbackKind.delivered: (State.DELIVERED, None),
    FeedbackKind.bounced_soft: (State.ACCEPTED, SOFT),
    FeedbackKind.bounced_hard: (State.BOUNCED, "bounced_hard"),
    FeedbackKind.complained: (State.COMPLAINED, "complained"),
    FeedbackKind.opened: (State.ACCEPTED, None),
    FeedbackKind.clicked: (State.ACCEPTED, None),
    FeedbackKind.unsubscribed: (State.ACCEPTED, None),
    FeedbackKind.resubscribed: (State.ACCEPTED, None),
    FeedbackKind.asked_help: (State.ACCEPTED, None),
    FeedbackKind.replied: (State.ACCEPTED, None),
}
"""What each event proves. Whoever has a message in hand, or answers it, has been given it."""

NOBODY = Holders("", set())
_SUPPRESSES = {FeedbackKind.bounced_hard: "all", FeedbackKind.complained: "marketing"}
_WISHES = (FeedbackKind.unsubscribed, FeedbackKind.resubscribed)
_TELLING = (*_WISHES, *_SUPPRESSES, FeedbackKind.asked_help)
"""What concerns the customers themselves, and not only a message of theirs."""

_SPOKEN = (*_WISHES, FeedbackKind.asked_help, FeedbackKind.replied)
"""What a customer says may belong to no message: then to the last one, so that it can be read."""

_ID = re.compile("[1-9][0-9]{0,18}")
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of some events: so many were new, and so many of those are about our messages.

    `known` is None while they wait to be worked in.
    """

    new: int
    known: int | None


def hear(
    engine: Engine,
    shop: Shop,
    source: str,
    events: Sequence[Feedback],
    now: datetime,
    answering: Answering | None = None,
) -> Told:
    """Keep the events that a provider told, and work them in. Once it returns, they are durable.

    Without `answering`, nobody who writes STOP is told that it was heard.
    """
    kinds = _address_kinds(shop, source)
    heard = [_heard(source, kinds, one, now) for one in events]
    if not heard:
        return Told(0, 0)
    for _ in range(TRIES):
        try:
            with writing(engine) as connection:
                ids = inbox.keep(connection, heard)
                return Told(len(ids), _work_in(connection, shop, ids, now, answering))
        except OperationalError:  # somebody holds a message of these
            continue
    with writing(engine) as connection:
        return Told(len(inbox.keep(connection, heard)), None)


def settle(engine: Engine, shop: Shop, now: datetime, answering: Answering | None = None) -> int:
    """Work in what could not be worked in when it was told; how many events were."""
    with reading(engine) as connection:
        if not inbox.any_unsettled(connection):
            return 0
    done, found = 0, 1
    while found:
        try:
            with writing(engine) as connection:
                some = inbox.unsettled(connection, most=AT_ONCE)
                _settle(connection, shop, some, now, answering)
        except OperationalError:  # held once more; somebody looks again in a few seconds
            return done
        found = len(some)
        done += found
    return done


def _work_in(
    connection: Connection,
    shop: Shop,
    ids: Sequence[int],
    now: datetime,
    answering: Answering | None,
) -> int:
    return _settle(connection, shop, inbox.unsettled(connection, ids), now, answering)


# --- what is kept -------------------------------------------------------------------------------


def _heard(source: str, kinds: Iterable[str], one: Feedback, now: datetime) -> Heard:
    return Heard(
        source=source,
        event_key=_event_key(one),
        kind=str(one.kind),
        at=_when(one.at, now),
        received_at=now,
        message_id=_id(one.message_id),
        attempt_id=_id(one.attempt_id),
        provider_ref=_text(one.provider_ref, KEY_LENGTH_MAX),
        address_key=_address_key(one.address, kinds),
        detail=_text(one.detail, DETAIL_LENGTH_MAX),
        reason=None if one.reason is None else str(one.reason),
        answer_by=one.answer_by if one.answer_by in ADDRESS_KINDS else None,
    )


def _event_key(one: Feedback) -> str:
    """The provider's name for it, or a digest of one that is too long or cannot be kept."""
    key = one.event_id
    if 0 < len(key) <= KEY_LENGTH_MAX and not _UNKEEPABLE.search(key):
        return key
    said = key or repr(one)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _when(at: datetime | None, now: datetime) -> datetime:
    """A provider's clock may be ahead; what it tells of has happened."""
    if at is None:
        return now
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return aware if now - OLDEST <= aware <= now else now


def _id(told: str | None) -> int | None:
    if told is None or not _ID.fullmatch(told):
        return None
    number = int(told)
    return number if number < 2**63 else None


def _text(told: str | None, length_max: int) -> str | None:
    return _UNKEEPABLE.sub("\ufffd", told)[:length_max] if told else None


def _address_kinds(shop: Shop, source: str) -> list[str]:
    """Kinds of which one can see what belongs to them come first: anything may be a page's id."""
    kinds = {ADDRESS_KINDS[name] for name in _channels(shop, source)}
    return sorted(kinds, key=lambda kind: (kind not in ("email", "phone"), kind))


def _channels(shop: Shop, source: str) -> list[str]:
    """The shop's channels that a plugin is behind."""
    uses = shop.channels.items()
    return [name for name, use in uses if source in (use.through, use.failover)]


def _address_key(address: str | None, kinds: Iterable[str]) -> str | None:
    if not address or len(address) > KEY_LENGTH_MAX * 2 or _UNKEEPABLE.search(address):
        return None
    for kind in kinds:
        try:
            match kind:
                case "email":
                    return address_key(kind, normal_email(address))
                case "phone":
                    return address_key(kind, normal_phone(address, None))
                case _:
                    return address_key(kind, address.strip())
        except ValueError:
            continue
    return None


# --- what is made of it -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _About:
    """An event, the attempt that it is about, and whether it proves that one was taken.

    `forgotten`: the customer is, so that nothing is kept but that it happened.
    """

    heard: Heard
    sent: Sent | None
    proves: bool = False
    forgotten: bool = False

    @property
    def address_key(self) -> str | None:
        """Whose address it is: the message's own, else the one that was told."""
        return (self.sent.address_key if self.sent else None) or self.heard.address_key


@dataclass(slots=True)
class _Doing:
    """What some events come to, all together."""

    said: list[LogRow] = field(default_factory=list)
    begun: dict[Heard, tuple[set[int], list[str], Evidence]] = field(default_factory=dict)
    suppressed: list[tuple[str, str, str]] = field(default_factory=list)
    lifted: list[tuple[str, datetime]] = field(default_factory=list)


def _settle(
    connection: Connection,
    shop: Shop,
    found: Mapping[int, Heard],
    now: datetime,
    answering: Answering | None,
) -> int:
    """Work in events that nobody else works in; how many are about something that we know."""
    if not found:
        return 0
    about = _find(connection, shop, list(found.values()))
    about = _without_words(connection, found, about)
    telling = [one for one in about if one.heard.kind in _TELLING and not one.forgotten]
    people = inbox.holders(connection, {one.address_key for one in telling if one.address_key})
    concerned = {one.sent.customer_id for one in telling if one.sent}
    concerned = concerned.union(*(one.customers for one in people.values()))
    if concerned:
        lock_customers(connection, concerned)
    doing = _Doing()
    for one in telling:
        _decide(shop, one, people, doing)
    state(connection, doing.said, now)
    begun = set[Heard]()
    for heard, begins in doing.begun.items():
        if again := taken_back(connection, *begins):
            state(connection, again, now)
            begun.add(heard)
    inbox.suppress_all(connection, doing.suppressed, now)
    inbox.lift(connection, doing.lifted)
    if answering is not None:
        asked = [(o.heard, o.address_key) for o in telling if can_be_answered(o.heard)]
        answering.answer(connection, [(h, key) for h, key in asked if key], begun, now)
    known = [one for one in about if one.sent]
    inbox.note(
        connection,
        [(o.sent.message_id, o.heard.at, o.heard.kind, o.heard.detail) for o in known if o.sent],
    )
    inbox.move_on(connection, [_proof(one) for one in known if one.proves], now)
    for account in sorted({_account(o.heard, o.sent) for o in known if o.sent and _stops(o.heard)}):
        change_breaker(connection, account, lambda breaker: breaker.saw(Sign.LOCKED, now), now)
    inbox.settled(connection, found)
    return sum(1 for one in about if one.sent or (one.address_key in people))


def _stops(one: Heard) -> bool:
    """Whether the sender is blocked, as far as was just told; what is older is mended, perhaps."""
    return one.reason == Reason.blocked_sender and one.received_at - one.at <= NEWS


def _account(one: Heard, sent: Sent) -> AccountName:
    return AccountName(sent.channel, one.source)


def _find(connection: Connection, shop: Shop, events: Sequence[Heard]) -> list[_About]:
    by_id = inbox.sent_messages(connection, {e.message_id for e in events if e.message_id})
    others = [e for e in events if e.message_id not in by_id and e.address_key]
    latest = inbox.latest_to(connection, {e.address_key for e in others if e.address_key})
    return [_match(shop, one, by_id, latest) for one in events]


def _match(
    shop: Shop, one: Heard, by_id: Mapping[int, list[Sent]], latest: Mapping[str, list[Sent]]
) -> _About:
    """By our own ids; else by the provider's reference; else what came last to that address.

    The last is no proof of anything: it only says which message a reply belongs to.
    """
    tried = by_id.get(one.message_id or 0, [])
    mine = [sent for sent in tried if one.source in (sent.provider, OURS)]
    if one.attempt_id is not None:
        mine = [sent for sent in mine if sent.attempt_id == one.attempt_id]
    if mine:
        return _About(one, mine[-1], proves=True)
    if one.message_id is not None:
        return _About(one, None)
    last = [sent for sent in latest.get(one.address_key or "", ()) if sent.provider == one.source]
    if one.provider_ref is not None:
        for sent in last:
            if sent.provider_ref == one.provider_ref:
                return _About(one, sent, proves=True)
    if one.kind in _SPOKEN:
        channels = _channels(shop, one.source)
        return _About(one, next((sent for sent in last if sent.channel in channels), None))
    return _About(one, None)


def _without_words(connection: Connection, ids: Iterable[int], about: list[_About]) -> list[_About]:
    """The same, without what was said by customers who were forgotten: it is not kept."""
    by = digests(connection)
    if by is None:
        return about
    who = are_forgotten(connection, {one.sent.customer_id for one in about if one.sent})
    keys = {one.heard.address_key for one in about if one.heard.address_key}
    nobody_s = forgotten_among(connection, by, keys) - inbox.holders(connection, keys).keys()
    told = [
        one.sent.customer_id in who if one.sent else one.heard.address_key in nobody_s
        for one in about
    ]
    strip_heard(connection, [id for id, forgotten in zip(ids, told, strict=True) if forgotten])
    return [
        replace(
            one,
            heard=replace(one.heard, detail=None, address_key=None, provider_ref=None),
            forgotten=True,
        )
        if forgotten
        else one
        for one, forgotten in zip(about, told, strict=True)
    ]


def _proof(one: _About) -> Proof:
    assert one.sent is not None  # what proves something is about a message
    state, reason = _LEADS_TO[one.heard.kind]
    sent = one.sent
    return Proof(sent.message_id, sent.attempt_id, state, reason, one.heard.provider_ref)


def _decide(shop: Shop, one: _About, people: Mapping[str, Holders], doing: _Doing) -> None:
    heard, key = one.heard, one.address_key
    scope = _SUPPRESSES.get(FeedbackKind(heard.kind))
    if scope is not None:
        if key is not None and heard.reason in (None, Reason.bad_address):
            doing.suppressed.append((key, scope, heard.kind))
        return
    theirs = people.get(key or "", NOBODY)
    customers = set(theirs.customers)
    channels = [n for n in _channels(shop, heard.source) if ADDRESS_KINDS[n] == theirs.kind]
    if one.sent is not None:
        customers.add(one.sent.customer_id)
        if one.proves or not channels:
            channels = [one.sent.channel]
    evidence = Evidence(heard.at, f"told through {heard.source}", heard.detail or heard.kind)
    if heard.kind == FeedbackKind.asked_help:
        return
    if heard.kind == FeedbackKind.resubscribed:
        doing.begun[heard] = (customers, channels, evidence)
        doing.lifted += [] if key is None else [(key, heard.at)]
        return
    if key is not None and not customers:  # it may be somebody's later on
        doing.suppressed.append((key, "marketing", ENDED))
    doing.said += [
        withdrawal(customer, channel, evidence)
        for customer in sorted(customers)
        for channel in channels
    ]


def own(kind: FeedbackKind, message_id: int, key: str, at: datetime, detail: str = "") -> Feedback:
    """An event that came through one of our own links."""
    return replace(Feedback(kind, key, at, message_id=str(message_id)), detail=detail)
