"""E-mail through SendGrid's Web API, by SendGrid's own SDK.

Many messages share a request (`sendgrid_body`). A refusal is certain for all of them, and then only
those that it names are given up: the others are asked for again. SendGrid knows no idempotency key
and no search; `processed`, in the Event Webhook, proves that it has a message.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from math import inf
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlsplit

import msgspec
from pydantic import BeforeValidator, Field, SecretStr, model_validator
from python_http_client.exceptions import HTTPError

from channels import sendgrid_body
from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Feedback,
    Finding,
    Item,
    Level,
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
from channels.sendgrid_body import Group, Placed, groups

if TYPE_CHECKING:
    from sendgrid.helpers.eventwebhook import EventWebhook

    from channels.sendgrid_http import SendGridLane

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RETRY_AFTER_S = 60.0
_SANDBOX = "sandbox"

_STATUS_REASONS = {
    401: Reason.auth_failed,
    403: Reason.auth_failed,
    413: Reason.too_large,
    429: Reason.rate_limited,
}
# By the field that a 400 or 403 names (twilio.com/docs/sendgrid/api-reference/mail-send/errors).
_FIELD_REASONS = (
    (re.compile(r"(personalizations\.\d+\.)?(to|cc|bcc)\b"), Reason.bad_address),
    (re.compile(r"from\b|ip_pool_name\b"), Reason.blocked_sender),
    (re.compile(r"(personalizations\.\d+\.)?(subject|content|headers|substitutions)\b"),
     Reason.content_refused),
)  # fmt: skip
_OF_ALL = frozenset({Reason.auth_failed, Reason.blocked_sender, Reason.rate_limited})
"""What is said to one request would be said to the next."""


def _listed(value: object) -> object:
    """An environment variable is one text; its parts are separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class SendGridSettings(ChannelSettings):
    """The secret comes from TACTFUL_EMAIL_SENDGRID_API_KEY; the webhook's key is a public one."""

    api_key: SecretStr = Field(min_length=1)
    api_url: str = "https://api.sendgrid.com"
    """`https://api.eu.sendgrid.com` for accounts in the EU."""
    webhook_public_key: str | None = None
    """As SendGrid shows it beside the signed Event Webhook."""
    webhook_fresh_s: float = Field(default=90_000.0, gt=0, le=604_800)
    """What was signed longer before it came is refused. SendGrid goes on trying for 24 hours; what
    is heard twice meanwhile is known by its name."""
    categories: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), max_length=10
    )
    ip_pool: str | None = Field(default=None, min_length=2, max_length=64)
    sandbox: bool = False
    """SendGrid looks at each request, and delivers nothing."""
    tracking: bool = False
    """SendGrid may rewrite links and add pictures, to count clicks and opens by itself."""
    recipients_max: int = Field(default=1_000, ge=1, le=1_000)
    """In one request. If its answer is lost, so many are in doubt at once."""
    connections: int = Field(default=4, ge=1, le=32)
    """Requests at once from each process."""
    timeout_s: float = Field(default=15.0, gt=0, le=600)
    """For connecting, and for each answer. `send` may outlast its deadline by this much."""

    @model_validator(mode="after")
    def _whole_and_private(self) -> Self:
        key = self.api_key.get_secret_value()
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ValueError("api_key is empty, or has characters that no key has")
        url = urlsplit(self.api_url)
        if (url.scheme != "https" and url.hostname not in _LOOPBACK) or not url.hostname:
            raise ValueError("api_url must begin with https://")
        if len(set(self.categories)) < len(self.categories) or any(
            len(one) > 255 for one in self.categories
        ):
            raise ValueError("categories must differ, and have at most 255 characters")
        if self.webhook_public_key is not None:
            self.verifier()
        return self

    def verifier(self) -> "EventWebhook | None":
        """Of the Event Webhook's signatures. ValueError where the key is none."""
        if self.webhook_public_key is None:
            return None
        from channels.sendgrid_events import verifier

        return verifier(self.webhook_public_key)


class SendGridChannel(Channel[SendGridSettings]):
    """As many messages in a request as fit, some requests at once on kept connections."""

    name = "email_sendgrid"
    Settings = SendGridSettings
    capabilities = Capabilities(
        kinds=frozenset({"email"}),
        parts=MappingProxyType({"email": frozenset({"subject", "html", "text"})}),
        batch_size_max=1_000,
        rate_per_s=None,
        idempotency=None,
        search=False,
        callback=True,
        receipts=True,
        text_chars_max=None,
        body_bytes_max=5_000_000,
        callback_bytes_max=1_048_576,  # SendGrid collects 768 kB of events
    )

    def __init__(self, settings: SendGridSettings) -> None:
        super().__init__(settings)
        self._lanes = Lanes(self._lane, settings.connections)

    def close(self) -> None:
        self._lanes.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self.cannot_carry(item) or sendgrid_body.problem(item)
        return fault or Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s
        if deadline_s <= 0:
            return [Deferred(0.0, "not written before the deadline")] * len(items)
        outcomes: dict[int, Outcome] = {}
        fit: list[Placed] = []
        for place, item in enumerate(items):
            fault = self.cannot_carry(item) or sendgrid_body.problem(item)
            if fault is None:
                fit.append((place, item))
            else:
                outcomes[place] = Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        batch = _Batch(self.settings, end_s, now)
        work = groups(fit, self.settings.recipients_max)
        for told in self._lanes.run(work, batch.send):
            outcomes.update(told)
        return [outcomes[place] for place in range(len(items))]

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        if self._verifier is None:
            return Refused("webhook_public_key is not set: nothing can be verified")
        from channels.sendgrid_events import parse

        fresh = timedelta(seconds=self.settings.webhook_fresh_s)
        return parse(raw, headers, self._verifier, fresh)

    def check(self) -> list[Finding]:
        wanted = self.settings
        found = []
        if wanted.sandbox:
            what = "SendGrid's sandbox is on: nothing is delivered"
            found.append(Finding(Level.warning, what, "take sandbox away to send"))
        if wanted.webhook_public_key is None:
            what = "SendGrid's events cannot be verified, so they are refused"
            fix = "switch on the signed Event Webhook, and set webhook_public_key to its key"
            found.append(Finding(Level.warning, what, fix))
        lane = self._lanes.first()
        lane.line.end_s = inf
        try:
            scopes = lane.scopes().to_dict["scopes"]
        except (HTTPError, NotWritten, Unanswered) as error:
            fix = "compare api_key and api_url with SendGrid's settings"
            return [*found, Finding(Level.error, f"SendGrid: {_words(error)}", fix)]
        except (ValueError, LookupError, TypeError) as error:
            what = f"SendGrid's answer cannot be read: {said(error)}"
            return [*found, Finding(Level.error, what)]
        if "mail.send" not in scopes:
            fix = "make a key with the permission Mail Send"
            return [*found, Finding(Level.error, "the key may not send mail", fix)]
        return [*found, Finding(Level.good, "SendGrid takes our key, and it may send mail")]

    @cached_property
    def _verifier(self) -> "EventWebhook | None":
        return self.settings.verifier()

    def _lane(self) -> "SendGridLane":
        # Loading the SDK takes a good part of a second, and every command lists the channels.
        from channels.sendgrid_http import SendGridLane

        wanted = self.settings
        return SendGridLane(wanted.api_key.get_secret_value(), wanted.api_url, wanted.timeout_s)


class _Batch:
    """`halt`: what SendGrid, or the way there, said to one and would say to all."""

    def __init__(self, settings: SendGridSettings, end_s: float, now: datetime) -> None:
        self._settings = settings
        self._end_s = end_s
        self._now = now
        self._halt: Outcome | None = None

    def send(self, lane: "SendGridLane", group: Group) -> list[tuple[int, Outcome]]:
        """What became of each message of a group, by its place."""
        told: list[tuple[int, Outcome]] = []
        waiting = [group]
        while waiting:
            one = waiting.pop()
            outcome = self._ask(lane, one)
            if not isinstance(outcome, list):
                told += [(place, outcome) for place, _ in one.placed]
                continue
            given_up, parts = _sorted_out(one, outcome)
            told += given_up
            waiting += parts
        return told

    def _ask(self, lane: "SendGridLane", group: Group) -> Outcome | list[dict[str, Any]]:
        """One outcome for all, or why the request was refused."""
        if self._halt is not None:
            return self._halt
        if monotonic() >= self._end_s:
            return Deferred(0.0, "not written before the deadline")
        wanted = self._settings
        body = sendgrid_body.body(
            group,
            wanted.categories,
            sandbox=wanted.sandbox,
            tracking=wanted.tracking,
            ip_pool=wanted.ip_pool,
        )
        lane.line.end_s = self._end_s
        try:
            return self._taken(lane.send(body))
        except NotWritten as error:
            outcome: Outcome = Deferred(0.0 if error.late else _RETRY_AFTER_S, said(error))
            self._halt = outcome
            return outcome
        except Unanswered as error:
            return Unknown(f"no clear answer: {said(error)}")
        except HTTPError as error:
            return self._refused(error)

    def _taken(self, response: Any) -> Outcome:
        ref = response.headers.get("X-Message-Id")
        if response.status_code == 202 and ref:
            return Accepted(one_line(ref))
        if response.status_code == 200 and self._settings.sandbox:
            return Accepted(_SANDBOX)
        return Unknown(f"answered by {response.status_code} without a name for the message")

    def _refused(self, error: HTTPError) -> Outcome | list[dict[str, Any]]:
        status = int(error.status_code)
        if not is_certain(status):
            return Unknown(f"answered by {_words(error)}")
        errors = _errors(error)
        reason = _STATUS_REASONS.get(status) or _reason(errors)
        if status == 403 and _reason(errors) is Reason.blocked_sender:
            reason = Reason.blocked_sender
        if reason in _OF_ALL:
            after_s = self._wait_s(error)
            self._halt = Rejected(reason, _words(error), retryable=True, retry_after_s=after_s)
            return self._halt
        return [{**one, "status": status} for one in errors or [{"message": _words(error)}]]

    def _wait_s(self, error: HTTPError) -> float:
        told = retry_after_s(error.headers)
        if told is not None:
            return told
        reset = error.headers.get("X-RateLimit-Reset") or ""
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            return min(max(float(reset) - self._now.timestamp(), 1.0), 3_600.0)
        return _RETRY_AFTER_S


def _sorted_out(
    group: Group, errors: list[dict[str, Any]]
) -> tuple[list[tuple[int, Outcome]], list[Group]]:
    """Who is given up after a refusal, and what to ask for once more. Nothing was taken."""
    named = {
        number: error
        for number, error in sendgrid_body.culprits(errors)
        if number < len(group.placed)
    }
    if len(group.placed) == 1:
        named = {0: errors[0]}
    given_up: list[tuple[int, Outcome]] = [
        (group.placed[number][0], _rejected(error)) for number, error in named.items()
    ]
    left = [one for number, one in enumerate(group.placed) if number not in named]
    # Where nobody is named, halves find out.
    half = len(left) if named else (len(left) + 1) // 2
    parts = [Group(group.fills, part) for part in (left[:half], left[half:]) if part]
    return given_up, parts


def _rejected(error: Mapping[str, Any]) -> Rejected:
    status = error.get("status")
    known = _STATUS_REASONS.get(status) if isinstance(status, int) else None
    words = one_line(f"{error.get('field') or ''} {error.get('message') or ''}")
    return Rejected(known or _reason([error]), words)


def _reason(errors: Sequence[Mapping[str, Any]]) -> Reason:
    for error in errors:
        for pattern, reason in _FIELD_REASONS:
            if pattern.match(str(error.get("field") or "")):
                return reason
    return Reason.other


def _errors(error: HTTPError) -> list[dict[str, Any]]:
    try:
        told = msgspec.json.decode(error.body)["errors"]
    except (ValueError, LookupError, TypeError):
        return []
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _words(error: Exception) -> str:
    if not isinstance(error, HTTPError):
        return said(error)
    told = "; ".join(str(one.get("message") or "") for one in _errors(error))
    return one_line(f"{error.status_code} {told}")
