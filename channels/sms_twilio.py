"""Text messages, WhatsApp and Messenger through Twilio, by Twilio's own SDK.

Twilio knows no idempotency key. Whatever is not certain after a write is `Unknown`; a status
callback, whose address names the attempt, proves that Twilio has it, and so does the list of what
was sent to a number. That list is trusted to be whole only after `settle_s`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from math import inf
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import BeforeValidator, Field, SecretStr, model_validator
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from channels.contract import (
    Accepted,
    Attempt,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Feedback,
    Finding,
    Found,
    Item,
    Level,
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)
from channels.http_line import NotWritten, Unanswered, is_certain, one_line, retry_after_s, said
from channels.lanes import Lanes
from channels.sms_segments import segments
from channels.twilio_callbacks import callback_url, parse
from channels.twilio_errors import OF_ACCOUNT, PASSING, reason_of

if TYPE_CHECKING:
    from channels.twilio_http import TwilioLane

TEXT_CHARS_MAX = 1_600
VALIDITY_S_MIN = 10
"""Twilio takes 1 and recommends more than 5; a network needs some seconds, too."""
VALIDITY_S_MAX = 36_000
"""As long as Twilio keeps a message, and what it does when told nothing."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}", re.ASCII)
_PAGE = re.compile(r"\d{5,32}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TEMPLATE = re.compile(r"HX[0-9a-fA-F]{32}(?:\r?\n|$)", re.ASCII)
_VARIABLE = re.compile(r"([A-Za-z0-9_]{1,40}):[ \t]?(.*)", re.ASCII)
_PREFIXES = {"sms": "", "whatsapp": "whatsapp:", "messenger": "messenger:"}
_RETRY_AFTER_S = 60.0
_LISTED_MAX = 1_000
_SKEW = timedelta(seconds=5)
_CREATED_WITHIN = timedelta(minutes=10)
"""A message created longer after the write is another one."""
_BOUND_MAX = 20_000
# What SmartEncoded puts in the place of typographic characters, roughly: enough to know a text by.
_PLAIN = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—―−", '\'\'\'\'\'"""""""-------')


def _listed(value: object) -> object:
    """An environment variable is one text; its parts are separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class TwilioSettings(ChannelSettings):
    """The secrets come from TACTFUL_SMS_TWILIO_AUTH_TOKEN and TACTFUL_SMS_TWILIO_API_KEY_SECRET.

    Callbacks are signed with the token, so it is needed even where an API key logs in.
    """

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr = Field(min_length=1)
    api_key_sid: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")
    api_key_secret: SecretStr | None = Field(default=None, min_length=1)
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")
    """Text messages leave by this service, which chooses the number."""
    senders: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Numbers of which each customer always gets the same one. Neither of the two: the sender of
    the shop's channel. WhatsApp and Messenger always use that."""
    opt_outs: Literal["twilio", "tactful"] = "twilio"
    """Who answers STOP, START and HELP. Twilio does by itself, for text messages, unless it was
    asked to let that be; what it does not understand, and WhatsApp, is answered by us anyway."""
    callback_url: str | None = None
    """The public address of our web server that Twilio reports to."""
    api_url: str | None = None
    """None: Twilio's own hosts. Another one for a gateway or an emulator."""
    region: str | None = Field(default=None, pattern=r"^[a-z0-9]{2,10}$")
    edge: str | None = Field(default=None, pattern=r"^[a-z-]{2,30}$")
    connections: int = Field(default=8, ge=1, le=64)
    """Requests at once from each process."""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    """For connecting, and for each answer. `send` may outlast its deadline by this much."""
    settle_s: float = Field(default=900.0, ge=0, le=86_400)
    """What Twilio does not list so long after the write, it never took."""

    @model_validator(mode="after")
    def _whole_and_private(self) -> Self:
        if not self.auth_token.get_secret_value().strip():
            raise ValueError("auth_token is empty")
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise ValueError("api_key_sid and api_key_secret go together")
        for number in self.senders:
            if not _SENDER.fullmatch(number):
                raise ValueError("senders has something that is no sender of text messages")
        for name in ("callback_url", "api_url"):
            address = getattr(self, name)
            if address is not None:
                url = urlsplit(address)
                if (url.scheme != "https" and url.hostname not in _LOOPBACK) or not url.hostname:
                    raise ValueError(f"{name} must begin with https://")
        return self


@dataclass(slots=True)
class _Batch:
    """`halt`: what Twilio, or the way there, said to one and would say to all."""

    now: datetime
    begun_s: float
    end_s: float
    halt: Outcome | None = None


class TwilioChannel(Channel[TwilioSettings]):
    """One request for each message, some at once on kept connections."""

    name = "sms_twilio"
    Settings = TwilioSettings
    capabilities = Capabilities(
        kinds=frozenset(_PREFIXES),
        parts=MappingProxyType({kind: frozenset({"text"}) for kind in _PREFIXES}),
        batch_size_max=200,
        rate_per_s=None,
        idempotency=None,
        search=True,
        callback=True,
        receipts=True,
        text_chars_max=TEXT_CHARS_MAX,
        body_bytes_max=None,
    )

    def __init__(self, settings: TwilioSettings) -> None:
        super().__init__(settings)
        self._lanes = Lanes(self._lane, settings.connections)
        self._bound: dict[str, str] = {}
        """Which attempt a SID stands for, as far as this object knows."""

    def close(self) -> None:
        self._lanes.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self._fault(item)
        if fault is not None:
            return fault
        count = segments(item.text) if item.kind == "sms" else 1
        return Prepared(item, size_of(item), count, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        begun_s = monotonic()
        batch = _Batch(now, begun_s, begun_s + deadline_s)
        outcomes = self._lanes.run(items, lambda lane, item: self._send(lane, item, batch))
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                self._bind(outcome.provider_ref, item.attempt_id)
        return outcomes

    def find(self, attempt: Attempt) -> Found:
        if _TEMPLATE.match(attempt.text):
            return Unknown("what a template became cannot be compared; only a callback can tell")
        lane = self._lanes.first()
        lane.http.end_s = inf
        to = _PREFIXES.get(attempt.kind, "") + attempt.address
        try:
            # Not by DateSent: it has no time of day, and is missing while a message is queued.
            listed = lane.client.messages.list(to=to, limit=_LISTED_MAX, page_size=_LISTED_MAX)
            free = sorted(
                (one.date_created, one.sid) for one in listed if self._is_this(attempt, one)
            )
        except (TwilioException, NotWritten, Unanswered) as error:
            return Unknown(f"the search failed: {_words(error)}")
        except _UNREADABLE as error:
            return Unknown(f"the search cannot be read: {said(error)}")
        if free:
            sid = free[0][1]
            self._bind(sid, attempt.attempt_id)
            return Accepted(sid)
        if len(listed) >= _LISTED_MAX:
            return Unknown(f"more than {_LISTED_MAX} messages went to this address")
        at = _date(lane.http.last.headers.get("Date") if lane.http.last else None)
        if at is None or at - attempt.written_at < timedelta(seconds=self.settings.settle_s):
            return Unknown("not listed, but it may still come")
        return NotFound()

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        token = self.settings.auth_token.get_secret_value()
        answers_itself = self.settings.opt_outs == "twilio"
        return parse(raw, headers, self.settings.account_sid, token, answers_itself=answers_itself)

    def check(self) -> list[Finding]:
        wanted = self.settings
        found = []
        if wanted.callback_url is None:
            fix = "set callback_url to the public address of the web server's page for sms_twilio"
            what = "Twilio reports neither deliveries nor STOP to us"
            found.append(Finding(Level.warning, what, fix))
        lane = self._lanes.first()
        lane.http.end_s = inf
        try:
            account = lane.client.api.v2010.accounts(wanted.account_sid).fetch()
            if account.status != "active":
                what = f"the Twilio account is {one_line(account.status)}"
                return [*found, Finding(Level.error, what, "look at it in Twilio's console")]
            found.append(Finding(Level.good, "Twilio takes our login"))
            found += self._check_senders(lane)
        except (TwilioException, NotWritten, Unanswered) as error:
            fix = "compare account_sid, auth_token and the API key with Twilio's console"
            found.append(Finding(Level.error, f"Twilio: {_words(error)}", fix))
        except _UNREADABLE as error:
            found.append(Finding(Level.error, f"Twilio's answer cannot be read: {said(error)}"))
        return found

    def _check_senders(self, lane: "TwilioLane") -> list[Finding]:
        service = self.settings.messaging_service_sid
        if service is not None:
            lane.client.messaging.v1.services(service).fetch()
            return [Finding(Level.good, f"the messaging service {service} exists")]
        found = []
        for number in self.settings.senders:
            if not _E164.fullmatch(number):
                continue  # short codes and names are listed elsewhere, if at all
            if lane.client.incoming_phone_numbers.list(phone_number=number, limit=1):
                found.append(Finding(Level.good, f"the sender {number} is ours"))
            else:
                what = f"the account has no number {number}"
                found.append(Finding(Level.error, what, "buy it, or change senders"))
        return found

    def _lane(self) -> "TwilioLane":
        # Loading the SDK takes a second, and every command lists the channels.
        from channels.twilio_http import TwilioLane

        wanted = self.settings
        login = (wanted.account_sid, wanted.auth_token.get_secret_value())
        if wanted.api_key_sid is not None and wanted.api_key_secret is not None:
            login = (wanted.api_key_sid, wanted.api_key_secret.get_secret_value())
        return TwilioLane(
            login,
            wanted.account_sid,
            wanted.api_url,
            wanted.region,
            wanted.edge,
            wanted.timeout_s,
        )

    def _fault(self, item: Item) -> Unsupported | None:
        fault = self.cannot_carry(item)
        if fault is not None:
            return fault
        if not item.text.strip():
            return Unsupported("a text of blanks", "write something")
        if _CONTROL.search(item.text):
            return Unsupported("a control character in the text", "mend the data")
        pattern = _PAGE if item.kind == "messenger" else _E164
        if not pattern.fullmatch(item.address):
            what = f"{item.address[:40]!r} is no address for {item.kind}"
            return Unsupported(
                what, "a number like +13125550123; for messenger, the id of a person"
            )
        if item.kind == "whatsapp" and _TEMPLATE.match(item.text):
            template = _template(item.text)
            if isinstance(template, Unsupported):
                return template
        sender = self._sender(item)
        return sender if isinstance(sender, Unsupported) else None

    def _sender(self, item: Item) -> dict[str, str] | Unsupported:
        if item.kind == "sms":
            if self.settings.messaging_service_sid is not None:
                return {"messaging_service_sid": self.settings.messaging_service_sid}
            if self.settings.senders:
                return {"from_": _faithful(self.settings.senders, item.address)}
        address = item.sender.address.removeprefix(_PREFIXES[item.kind])
        pattern = {"sms": _SENDER, "whatsapp": _E164, "messenger": _PAGE}[item.kind]
        if not pattern.fullmatch(address):
            fix = f"set sender of the shop's channel {item.kind}"
            return Unsupported(f"no sender for {item.kind}: {address[:40]!r}", fix)
        return {"from_": _PREFIXES[item.kind] + address}

    def _send(self, lane: "TwilioLane", item: Item, batch: _Batch) -> Outcome:
        if monotonic() >= batch.end_s:
            return Deferred(0.0, "not written before the deadline")
        fault = self._fault(item)
        if fault is not None:
            return Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        if batch.halt is not None:
            return batch.halt
        asked = self._asked(item, batch)
        if isinstance(asked, Deferred):
            return asked
        lane.http.end_s = batch.end_s
        outcome = _created(lane, asked)
        if isinstance(outcome, Deferred) or (
            isinstance(outcome, Rejected) and outcome.reason in OF_ACCOUNT
        ):
            batch.halt = outcome
        return outcome

    def _asked(self, item: Item, batch: _Batch) -> dict[str, Any] | Deferred:
        """What to ask of the SDK."""
        asked: dict[str, Any] = {"to": _PREFIXES[item.kind] + item.address}
        sender = self._sender(item)
        asked |= sender if isinstance(sender, dict) else {}
        template = _template(item.text) if item.kind == "whatsapp" else None
        if isinstance(template, tuple):
            asked["content_sid"], asked["content_variables"] = template
        else:
            asked["body"] = item.text
        if item.kind == "sms":
            asked["smart_encoded"] = True
        if item.not_after is not None:
            left_s = (item.not_after - batch.now).total_seconds() - (monotonic() - batch.begun_s)
            if left_s < VALIDITY_S_MIN:
                # Nothing is wrong with it: quiet hours begin, or it expires; the engine knows.
                return Deferred(max(left_s, 0.0), "too little time is left to deliver it")
            asked["validity_period"] = min(int(left_s), VALIDITY_S_MAX)
        if self.settings.callback_url is not None:
            asked["status_callback"] = callback_url(
                self.settings.callback_url,
                item.message_id,
                item.attempt_id,
                self.settings.auth_token.get_secret_value(),
            )
        return asked

    def _is_this(self, attempt: Attempt, one: Any) -> bool:
        made = one.date_created
        if not str(one.direction or "").startswith("outbound") or made is None:
            return False
        since, until = attempt.written_at - _SKEW, attempt.written_at + _CREATED_WITHIN
        free = self._bound.get(one.sid, attempt.attempt_id) == attempt.attempt_id
        return free and since <= made <= until and _reads_alike(attempt.text, one.body or "")

    def _bind(self, sid: str, attempt_id: str) -> None:
        self._bound[sid] = attempt_id
        if len(self._bound) > _BOUND_MAX:
            del self._bound[next(iter(self._bound))]


_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the SDK raises over an answer that is not what it expects."""


def _created(lane: "TwilioLane", asked: Mapping[str, Any]) -> Outcome:
    try:
        made = lane.client.messages.create(**asked)
        sid, status, code = made.sid, made.status, made.error_code
    except NotWritten as error:
        return Deferred(0.0 if error.late else _RETRY_AFTER_S, said(error))
    except Unanswered as error:
        return Unknown(f"no clear answer: {said(error)}")
    except (TwilioRestException, TwilioServiceException) as error:
        return _refused(lane, error, asked["to"])
    except _UNREADABLE as error:
        return Unknown(f"taken, it seems, but the answer cannot be read: {said(error)}")
    if not (isinstance(sid, str) and sid):
        return Unknown("taken, it seems, but without a SID")
    if status == "failed":
        return _rejected(code, 400, f"failed at once: {code}", None, asked["to"])
    return Accepted(sid)


def _refused(
    lane: "TwilioLane", error: TwilioRestException | TwilioServiceException, to: str
) -> Outcome:
    status, words = int(error.status), _words(error)
    if not is_certain(status):
        return Unknown(f"answered by {status}: {words}")
    after_s = retry_after_s(lane.http.last.headers) if lane.http.last is not None else None
    code = error.code if isinstance(error.code, int) and error.code != status else None
    return _rejected(code, status, f"{status} {code or ''} {words}", after_s, to)


def _words(error: Exception) -> str:
    """Not by `str`, which the SDK colours and spreads over lines where it sees a terminal."""
    told = getattr(error, "msg", None) or getattr(error, "detail", None)
    return one_line(told or getattr(error, "title", None) or said(error))


def _rejected(
    code: int | None, status: int, detail: str, after_s: float | None, to: str
) -> Rejected:
    reason = reason_of(code, status, to)
    if after_s is None and reason in PASSING:
        after_s = _RETRY_AFTER_S
    return Rejected(reason, one_line(detail), reason in PASSING, after_s)


def _template(text: str) -> tuple[str, str] | Unsupported | None:
    """The ContentSid and ContentVariables that a text stands for; None for free text.

    Its first line is the ContentSid of an approved template, each further line a variable:
    `1: Anna`.
    """
    if not _TEMPLATE.match(text):
        return None
    first, *lines = text.strip().splitlines()
    variables: dict[str, str] = {}
    for line in lines:
        match = _VARIABLE.fullmatch(line.strip())
        if match is None or match[1] in variables:
            what = f"the line {line[:40]!r} under a ContentSid is no further variable"
            return Unsupported(what, "write each variable once, on a line like `1: Anna`")
        variables[match[1]] = match[2]
    return first.strip(), msgspec.json.encode(variables).decode()


def _faithful(senders: Sequence[str], address: str) -> str:
    """The same number for the same customer, also for most when the pool changes."""

    def weight(sender: str) -> bytes:
        return blake2b(f"{sender}/{address}".encode(), digest_size=8).digest()

    return max(senders, key=weight)


def _reads_alike(ours: str, theirs: str) -> bool:
    """SmartEncoded may have changed the typography; a trial account puts words before it."""
    mine, other = _plain(ours), _plain(theirs)
    return mine == other or other.endswith(f"trial account - {mine}")


def _plain(text: str) -> str:
    return " ".join(text.translate(_PLAIN).replace("…", "...").split())


def _date(told: str | None) -> datetime | None:
    """The provider's clock."""
    try:
        at = parsedate_to_datetime(told or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
