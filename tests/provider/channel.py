"""The channel to the recording provider: a plugin like a stranger's, on the wire like a real one.

What is certain and what is not follows the rules for providers without an idempotency key: no
connection, a plain refusal and 429 are certain; a cut, silence, 5xx and an answer that cannot be
read are not, and are looked for by recipient, text and time.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from pydantic import Field, SecretStr

from channels.contract import (
    KINDS,
    Accepted,
    Attempt,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Feedback,
    FeedbackKind,
    Finding,
    Found,
    Item,
    Key,
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
from tests.provider.callbacks import SECRET, SIGNATURE, sign
from tests.provider.client import Answer, Connections, NotWritten, Told

SKEW = timedelta(seconds=5)
"""By so much the provider's clock may be behind ours."""

BOUND_MAX = 20_000
"""So many references are remembered, the latest, lest a long run grow."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_AUTH = (401, 403)
_CERTAIN = frozenset({400, 401, 403, 404, 413, 422})
_REASONS = {401: Reason.auth_failed, 403: Reason.auth_failed, 413: Reason.too_large}
_WORDS = {
    "accepted": FeedbackKind.accepted,
    "start": FeedbackKind.resubscribed,
    "help": FeedbackKind.asked_help,
    "delivered": FeedbackKind.delivered,
    "undelivered": FeedbackKind.bounced_hard,
    "mailbox_full": FeedbackKind.bounced_soft,
    "complaint": FeedbackKind.complained,
    "open": FeedbackKind.opened,
    "click": FeedbackKind.clicked,
    "stop": FeedbackKind.unsubscribed,
    "reply": FeedbackKind.replied,
}


class RecordingSettings(ChannelSettings):
    """Where the provider is, and how it is to be used."""

    url: str = Field(pattern=r"^http://[^/]+$")
    connections: int = Field(default=4, ge=1, le=64)
    per_request: int = Field(default=1, ge=1, le=500)
    """Messages in one request; with 1 each goes alone."""
    timeout_s: float = Field(default=10.0, gt=0)
    """For connecting, and for each answer."""
    retry_after_s: float = Field(default=1.0, ge=0)
    """When to try again a provider that does not listen."""
    settle_s: float = Field(default=10.0, ge=0)
    """A message that the provider does not have so long after the write, it will never have."""
    search_s: float = Field(default=3600.0, gt=0)
    """How long after the write a message may have been created that still is this one."""
    callback: str | None = None
    """Where the provider reports to."""
    secret: SecretStr = SecretStr(SECRET)
    """What it signs its reports with."""


class RecordingChannel(Channel[RecordingSettings]):
    """Every kind of message, as JSON over HTTP."""

    name = "recording"
    Settings = RecordingSettings
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        parts=MappingProxyType({kind.name: frozenset(kind.parts) for kind in KINDS.values()}),
        batch_size_max=1_000,
        rate_per_s=None,
        idempotency=None,
        search=True,
        callback=True,
        receipts=True,
        text_chars_max=None,
        body_bytes_max=5_000_000,
    )

    def __init__(self, settings: RecordingSettings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.url)
        self._host = url.netloc
        self._connections = Connections(
            url.hostname or "", url.port or 80, settings.connections, settings.timeout_s
        )
        self._bound: dict[str, str] = {}
        """Which attempt a provider's reference stands for, as far as this object knows."""

    def close(self) -> None:
        self._connections.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self.cannot_carry(item)
        return fault or Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end = monotonic() + deadline_s
        outcomes: dict[int, Outcome] = {}
        for place, item in enumerate(items):
            if monotonic() >= end:
                outcomes[place] = Deferred(0.0, "not written before the deadline")
                continue
            fault = self.cannot_carry(item)
            if fault is not None:
                outcomes[place] = Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        left = [place for place in range(len(items)) if place not in outcomes]
        size = self.settings.per_request
        parts = [left[start : start + size] for start in range(0, len(left), size)]
        requests = [self._request([items[place] for place in part], now) for part in parts]
        for part, told in zip(parts, self._connections.exchange(requests, end), strict=True):
            outcomes.update(zip(part, self._outcomes(told, len(part)), strict=True))
        for place, item in enumerate(items):
            outcome = outcomes[place]
            if isinstance(outcome, Accepted):
                self._bind(outcome.provider_ref, item.attempt_id)
        return [outcomes[place] for place in range(len(items))]

    def find(self, attempt: Attempt) -> Found:
        """By recipient, text and time of creation; what answers for another attempt is left out.

        Two of its attempts may have been taken: then the oldest that is free is this one's.
        """
        since = attempt.written_at - SKEW
        query = urlencode({"to": attempt.address, "after": since.isoformat()}, errors="replace")
        asked = f"GET /messages?{query} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()
        (told,) = self._connections.exchange([asked], monotonic() + self.settings.timeout_s)
        if not isinstance(told, Answer):
            return Unknown(told.why)
        try:
            if told.status != 200:
                return Unknown(f"the search was answered by {told.status}")
            return self._match(attempt, json.loads(told.body))
        except (ValueError, KeyError, TypeError) as error:
            return Unknown(f"the search cannot be read: {error}")

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        signed = headers.get(SIGNATURE, "").encode()
        wanted = sign(raw, self.settings.secret.get_secret_value()).encode()
        if not hmac.compare_digest(signed, wanted):
            return Refused("the signature is wrong, or missing")
        try:
            events = json.loads(raw)["events"]
            return [_feedback(event) for event in events if event["event"] in _WORDS]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return Refused(f"signed, but unreadable: {type(error).__name__}")

    def check(self) -> list[Finding]:
        asked = f"GET /stats HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()
        (told,) = self._connections.exchange([asked], monotonic() + self.settings.timeout_s)
        if isinstance(told, Answer) and told.status == 200:
            return [Finding(Level.good, f"{self.settings.url} answers")]
        why = str(told.status) if isinstance(told, Answer) else told.why
        return [Finding(Level.error, f"{self.settings.url}: {why}", "start the provider")]

    def _request(self, items: Sequence[Item], now: datetime) -> bytes:
        bodies = [self._body(item) for item in items]
        single = self.settings.per_request == 1
        body = _encode(bodies[0] if single else {"messages": bodies})
        key = f"Idempotency-Key: {items[0].stable_id}\r\n" if single else ""
        head = (
            f"POST /{'messages' if single else 'batches'} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nX-Now: {now.isoformat()}\r\n{key}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _body(self, item: Item) -> dict[str, Any]:
        body: dict[str, Any] = {
            "to": item.address,
            "text": item.text,
            "kind": item.kind,
            "stable_id": item.stable_id,
            "message_id": item.message_id,
            "attempt_id": item.attempt_id,
            "key": item.stable_id,
        }
        if item.subject is not None:
            body["subject"] = item.subject
        if item.html is not None:
            body["html"] = item.html
        if self.settings.callback is not None:
            body["callback"] = self.settings.callback
        return body

    def _outcomes(self, told: Told, count: int) -> list[Outcome]:
        """What became of each message of one request."""
        if isinstance(told, NotWritten):
            return [Deferred(0.0 if told.late else self.settings.retry_after_s, told.why)] * count
        if not isinstance(told, Answer):
            return [Unknown(told.why)] * count
        if self.settings.per_request == 1 or told.status != 200:
            return [_read(lambda: _outcome(told.status, told.body, told.retry_after_s))] * count
        return _read_all(told.body, count)

    def _bind(self, ref: str, attempt_id: str) -> None:
        self._bound[ref] = attempt_id
        if len(self._bound) > BOUND_MAX:
            del self._bound[next(iter(self._bound))]

    def _match(self, attempt: Attempt, answer: Any) -> Found:
        until = attempt.written_at + timedelta(seconds=self.settings.search_s)
        for one in answer["messages"]:
            same = one["text"] == attempt.text and one["to"] == attempt.address
            free = self._bound.get(one["id"], attempt.attempt_id) == attempt.attempt_id
            if same and free and datetime.fromisoformat(one["created"]) <= until:
                self._bind(one["id"], attempt.attempt_id)
                return Accepted(one["id"])
        age = datetime.fromisoformat(answer["now"]) - attempt.written_at
        if age < timedelta(seconds=self.settings.settle_s):
            return Unknown("not there, but it may still come")
        return NotFound()


class RecordingKeyChannel(RecordingChannel):
    """The same provider, started with `--idempotent`."""

    name = "recording_key"
    capabilities = replace(RecordingChannel.capabilities, idempotency=Key(timedelta(days=1)))


def _read(say: Callable[[], Outcome]) -> Outcome:
    """What an answer says, or that it cannot be read: then nothing is certain."""
    try:
        return say()
    except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        return Unknown(f"the answer cannot be read: {error}")


def _read_all(raw: bytes, count: int) -> list[Outcome]:
    try:
        results = _decode(raw)["results"]
        if len(results) != count:
            raise ValueError(f"{len(results)} results for {count} messages")
    except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        return [Unknown(f"the answer cannot be read: {error}")] * count
    return [_read(lambda one=one: _said(one["status"], one)) for one in results]  # type: ignore[misc]


def _outcome(status: int, raw: bytes, retry_after_s: float | None) -> Outcome:
    # What refuses need not say so in JSON; what accepts must, for it gives the reference.
    if 200 <= status < 300 or status in _CERTAIN:
        return _said(status, _decode(raw) if 200 <= status < 300 else _loosely(raw))
    return _said(status, {"retry_after_s": retry_after_s})


def _loosely(raw: bytes) -> Any:
    try:
        said = _decode(raw)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _said(status: int, said: Any) -> Outcome:
    if 200 <= status < 300:
        ref = said["id"]
        if not (isinstance(ref, str) and ref):
            raise ValueError("accepted, but without a reference")
        return Accepted(ref)
    if status == 429:
        wait_s = said.get("retry_after_s")
        return Rejected(Reason.rate_limited, "429", retryable=True, retry_after_s=wait_s)
    if status in _CERTAIN:
        word = said.get("error", "")
        known = word if word in Reason.__members__ else Reason.other
        reason = _REASONS.get(status, Reason(known))
        return Rejected(reason, f"{status} {word}", retryable=status in _AUTH)
    return Unknown(f"answered by {status}")


def _feedback(event: Mapping[str, Any]) -> Feedback:
    return Feedback(
        kind=_WORDS[event["event"]],
        event_id=str(event["event_id"]),
        at=datetime.fromisoformat(event["at"]),
        message_id=str(event["message_id"]) or None,
        attempt_id=str(event["attempt_id"]) or None,
        provider_ref=str(event["id"]) or None,
        address=str(event["to"]) or None,
        detail=str(event["detail"]),
    )
