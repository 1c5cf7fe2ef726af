"""What the engine and a channel promise each other.

Imports nothing of ours, so that a plugin in another package needs only this file.

The promises, in one place:

* The engine asks once. Every automatic retry of an SDK, an HTTP client or a mail library is off in
  a channel: whether to try again is the engine's decision, for only it knows the customer's caps.
* An outcome says what is *certain*. `Rejected` and `Deferred` mean that the provider surely does
  not have the message; `Accepted` means that it surely does; everything else is `Unknown`. A wrong
  `Rejected` sends a message twice, a wrong `Accepted` loses one: in doubt, `Unknown`.
* Nothing is written after the deadline. An item that was not written by then is `Deferred`
  (certain); one that was half written is `Unknown`.
* A message alone can fail alone: one bad item never costs its neighbours in the batch their
  outcomes, and exceptions are for bugs.
* Nobody below the command line reads the calendar. `now` is an argument; deadlines run on
  `time.monotonic()`.
* One thread at a time uses a channel object. Workers open one each.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

# --- What is sent -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A form of message. Channels carry kinds; campaigns write the parts of a kind."""

    name: str
    address_kind: str
    """Which address of a customer it goes to: `email`, `phone`, `social`, `webpush`, …"""
    parts: tuple[str, ...]
    """What a template may write for it, by name of the field in `Item`."""
    required: frozenset[str]
    """The parts without which there is no message."""


def _kind(name: str, address_kind: str, parts: str, required: str) -> Kind:
    return Kind(name, address_kind, tuple(parts.split()), frozenset(required.split()))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            _kind("email", "email", "subject html text", "subject text"),
            _kind("sms", "phone", "text", "text"),
            _kind("whatsapp", "phone", "text", "text"),
            _kind("messenger", "messenger", "text", "text"),
            _kind("social", "social", "text", "text"),
            _kind("webpush", "webpush", "subject text", "subject text"),
            _kind("webhook", "url", "text", "text"),
            _kind("inbox", "customer", "subject html text", "text"),
        )
    }
)
"""Every kind that a campaign may name, with an installed channel for it or not."""


UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no single line may hold: whatever any reader may take for its end, and half characters."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who it is from; `address` is an e-mail address, a number in E.164 or a page."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Item:
    """One attempt to reach one customer, rendered and admitted."""

    message_id: str
    attempt_id: str
    kind: str
    """A name in `KINDS`."""
    address: str
    text: str
    subject: str | None
    html: str | None
    sender: Sender
    headers: tuple[tuple[str, str], ...]
    """Further headers of an e-mail, such as List-Unsubscribe, in order. Other kinds have none."""
    stable_id: str
    """The same over all attempts of a message: the left part of a Message-ID, an Idempotency-Key.
    Letters, digits, `.`, `_` and `-` only."""
    not_after: datetime | None
    """The provider must not hold the message beyond this instant (expiry, or quiet hours begin)."""
    language: str | None
    """BCP 47, for Content-Language and for voices."""

    def of_attempt(self, attempt_id: str, not_after: datetime | None) -> "Item":
        """The same, as one attempt writes it: `dataclasses.replace` takes twice as long."""
        return Item(
            self.message_id,
            attempt_id,
            self.kind,
            self.address,
            self.text,
            self.subject,
            self.html,
            self.sender,
            self.headers,
            self.stable_id,
            not_after,
            self.language,
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of an item whose outcome was `Unknown`, to look for it at the provider."""

    message_id: str
    attempt_id: str
    kind: str
    address: str
    text: str
    stable_id: str
    written_at: datetime
    provider_ref: str | None = None


# --- What the provider said at once -------------------------------------------------------------


class Reason(StrEnum):
    """Why a provider refused, in words that are the same for every provider."""

    bad_address = "bad_address"  # this address will never work: suppress it
    unsubscribed = "unsubscribed"  # the provider knows of an opt-out: suppress it
    blocked_sender = "blocked_sender"  # stop sending from this sender until someone has looked
    too_large = "too_large"
    content_refused = "content_refused"
    rate_limited = "rate_limited"
    provider_down = "provider_down"
    auth_failed = "auth_failed"  # our login is wrong: everything will fail until it is mended
    window_closed = "window_closed"  # free text outside the provider's conversation window
    unsupported = "unsupported"  # the channel cannot express this; `prepare` should have said so
    other = "other"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. `provider_ref` is the provider's own name for it, never empty."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Certain: not sent. `retryable` says that the same attempt may succeed later."""

    reason: Reason
    detail: str
    retryable: bool = False
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certain: never taken, and nothing is wrong with the message. Try again after a while."""

    retry_after_s: float
    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may have it, or not. `find`, or a callback, may tell later."""

    detail: str


Outcome = Accepted | Rejected | Deferred | Unknown


@dataclass(frozen=True, slots=True)
class NotFound:
    """Certain: the provider does not have it and never will."""


Found = Accepted | NotFound | Unknown


# --- What is said before ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item as the channel would write it."""

    item: Item
    size: int
    """In bytes of UTF-8, all parts together."""
    segments: int
    """What the provider would bill: segments of a text message, 1 where it bills by message."""
    cost: Decimal | None
    """For all segments, in `currency`. None: not known, or nothing. For whoever uses the channel by
    itself: plans and reports count with what `shop.yaml` says."""
    currency: str | None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What this channel cannot express, and what to do about it. Nothing vanishes silently."""

    what: str
    fix: str


class Level(StrEnum):
    """How much a finding of `check` matters."""

    good = "good"
    warning = "warning"
    error = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`. `fix` is empty when there is nothing to do."""

    level: Level
    what: str
    fix: str = ""


# --- What the provider says later ---------------------------------------------------------------


class FeedbackKind(StrEnum):
    """What became of a message, in words that are the same for every provider."""

    accepted = "accepted"  # nothing but that the provider has it: settles an `Unknown`
    delivered = "delivered"
    bounced_hard = "bounced_hard"
    bounced_soft = "bounced_soft"
    complained = "complained"
    opened = "opened"
    clicked = "clicked"
    unsubscribed = "unsubscribed"  # by a link, a list, or a word such as STOP
    resubscribed = "resubscribed"  # by START
    asked_help = "asked_help"  # by HELP
    replied = "replied"  # whatever else a customer says


@dataclass(frozen=True, slots=True)
class Feedback:
    """One event about one message. It may come twice, late, and in any order.

    Its message is found by `message_id`, best with `attempt_id`; or by `provider_ref` and `address`
    together, and by neither of these alone.
    """

    kind: FeedbackKind
    event_id: str
    """The provider's name for this event, to know a repetition by; else a digest of its content."""
    at: datetime | None
    message_id: str | None = None
    attempt_id: str | None = None
    provider_ref: str | None = None
    address: str | None = None
    detail: str = ""
    """The provider's code and words; the text of a reply; the address behind a click."""
    reason: Reason | None = None
    """What a bounce says beyond this one message, as a refusal at once would have: `bad_address`
    suppresses the address, `blocked_sender` stops the sender. None: nothing."""
    answer_by: str | None = None
    """The kind of message (a name in `KINDS`) by which who said STOP, START or HELP awaits our
    answer. None: the provider has answered by itself, or an answer cannot be given."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A callback that is not genuine, too old, or unreadable. Nothing of it may be believed."""

    detail: str


_KINDS = frozenset(FeedbackKind)
_TEXTS = (
    *("event_id", "message_id", "attempt_id", "provider_ref", "address", "detail"),
    *("reason", "answer_by"),
)
"""Of an event; `Reason` is text as well."""


def fault_of(told: object) -> str | None:
    """What of `parse_feedback`'s answer nobody can work in, if anything: a plugin may have bugs."""
    if isinstance(told, Refused):
        return None
    if not isinstance(told, list):
        return f"parse_feedback gave {type(told).__name__}, neither a list nor Refused"
    for one in told:
        if not isinstance(one, Feedback):
            return f"parse_feedback gave {type(one).__name__} for an event"
        if one.kind not in _KINDS or not isinstance(one.at, datetime | None):
            return f"an event of the kind {str(one.kind)[:40]!r}, at {type(one.at).__name__}"
        for name in _TEXTS:
            value = getattr(one, name)
            if not isinstance(value, str if name == "event_id" else str | None):
                return f"an event whose {name} is {type(value).__name__}, no text"
    return None


def size_of(item: Item) -> int:
    """Bytes of UTF-8 of subject, HTML and text. UnicodeEncodeError for half a character."""
    return sum(
        len(part) if part.isascii() else len(part.encode())
        for part in (item.subject, item.html, item.text)
        if part
    )


# --- The channel --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """The provider drops a second attempt with the same `stable_id` for this long."""

    ttl: timedelta


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do: facts about the class, known without settings or a connection."""

    kinds: frozenset[str]
    parts: Mapping[str, frozenset[str]]
    """For each of `kinds`, which of its parts the channel carries."""
    batch_size_max: int
    rate_per_s: float | None
    """Messages per second that a provider takes by default; None: no limit known."""
    idempotency: Key | None
    """A service message that stays `Unknown` is sent once more: with a key, nobody gets it twice.
    Marketing is never sent again."""
    search: bool
    """`find` can answer with certainty at least sometimes."""
    callback: bool
    """The provider calls back, and `parse_feedback` understands it."""
    receipts: bool
    """`delivered` will be reported."""
    text_chars_max: int | None
    body_bytes_max: int | None
    callback_bytes_max: int = 262_144
    """What is larger is no callback of this provider's, and not read."""
    own_servers: bool = False
    """Each address is a server of its own, such as a customer's: that one of them fails says
    nothing of the others, and holds up none of them."""


class ChannelSettings(BaseModel):
    """Base of every channel's settings.

    A field typed `SecretStr` is read from the environment or from a file, never from YAML; see
    `channels.settings.load_settings`. Everything else may stand in `shop.yaml`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


S = TypeVar("S", bound=ChannelSettings)


class Channel(ABC, Generic[S]):
    """A way to reach people.

    Making one only keeps the settings; `open` may connect, or leave that to the first `send`.
    Use it as a context manager.
    """

    name: ClassVar[str]
    """As in the entry point, in `shop.yaml` and in reports. Lower case, digits and `_`."""
    Settings: ClassVar[type[ChannelSettings]]
    capabilities: ClassVar[Capabilities]

    def __init__(self, settings: S) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Get ready. An unreachable provider is no error here: `send` will say so by item."""

    def close(self) -> None:
        """Let go of files and connections. Idempotent; `open` may follow."""

    @abstractmethod
    def prepare(self, item: Item) -> Prepared | Unsupported:
        """Normalise, check, count and price. Pure: no IO, no clock, the same answer every time.

        The item in the answer is the one to pass to `send`.
        """

    @abstractmethod
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        """Write each item once; one outcome per item, in the same order.

        `deadline_s` counts from the call, on the monotonic clock; past it nothing new is written.
        It may be zero or negative: then nothing is written at all, and every item is `Deferred`.
        The call may last longer by the channel's own timeout, waiting for an answer to what was
        written in time.
        `now` stamps Date headers and records; it decides nothing. An empty batch is an empty list.

        More than `batch_size_max` items are a bug of the caller: ValueError, nothing written.
        """

    def find(self, attempt: Attempt) -> Found:
        """Did the provider take it? Channels with `search` override this."""
        return Unknown(f"{self.name} cannot look for attempt {attempt.attempt_id}")

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        """Verify a callback, then put it into our words. Pure but for the settings.

        `raw` is the body exactly as received; the names in `headers` are lower case. Whoever
        listens to the network adds two, and drops them where a stranger has sent them:
        `x-tactful-url`, the address that was called as the provider knows it – the public scheme
        and host, the path, and the query as it came –, for some sign it; and
        `x-tactful-received-at`, the instant of arrival in ISO 8601 with its offset, for some tell
        when they signed, and what is too old is refused. A provider that needs one of them refuses
        a callback without it.

        A genuine callback about things that we do not count is an empty list. Hostile bytes never
        raise.
        """
        return Refused(f"{self.name} takes no callbacks")

    def check(self) -> list[Finding]:
        """What `doctor` shows: can this channel send, as far as can be told without sending?

        May connect, with the channel's own timeouts; a provider that is down is a finding.
        """
        return []

    def cannot_carry(self, item: Item) -> Unsupported | None:
        """The checks that follow from `capabilities` alone: the first line of every `prepare`."""
        able = self.capabilities
        if item.kind not in able.kinds:
            return Unsupported(f"{self.name} carries no {item.kind}", "choose another channel")
        required, carried = KINDS[item.kind].required, able.parts[item.kind]
        for part, text in (("html", item.html), ("subject", item.subject), ("text", item.text)):
            if not text and part in required:
                return Unsupported(f"{item.kind} without {part}", f"write {item.kind}.{part}.j2")
            if text and part not in carried:
                fault = f"{self.name} carries no {part} for {item.kind}"
                return Unsupported(fault, f"drop the {part}")
        for what, line in (("address", item.address), ("sender's name", item.sender.name)):
            if UNPRINTABLE.search(line):
                return Unsupported(f"the {what} has a control character", "mend the data")
        if not item.address.strip():
            return Unsupported("no address", "a message needs one")
        if able.text_chars_max is not None and len(item.text) > able.text_chars_max:
            return Unsupported(
                f"a text of {len(item.text)} characters",
                f"{self.name} takes {able.text_chars_max}",
            )
        try:
            size = size_of(item)
        except UnicodeEncodeError:
            return Unsupported("half a character, which no encoding can carry", "mend the data")
        if able.body_bytes_max is not None and size > able.body_bytes_max:
            return Unsupported(
                f"a body of {size} bytes", f"{self.name} takes {able.body_bytes_max}"
            )
        return None

    def refuse_oversize(self, items: Sequence[Item]) -> None:
        """Raise ValueError for a batch that is too large: the first line of every `send`."""
        most = self.capabilities.batch_size_max
        if len(items) > most:
            raise ValueError(f"{self.name} takes {most} items a batch, not {len(items)}")
