"""A message as a signed request to a web address: Standard Webhooks (standardwebhooks.com).

Headers `webhook-id` (the same over all attempts of a message, as is `Idempotency-Key`),
`webhook-timestamp` and `webhook-signature`, which signs `id.timestamp.body` by HMAC-SHA256. Who
receives checks the signature and the age, and drops an id that it has seen.
"""

import base64
import binascii
import hmac
import json
import re
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from types import MappingProxyType
from typing import Self

from pydantic import Field, SecretStr, model_validator

from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Finding,
    Item,
    Key,
    Level,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)
from channels.guarded_line import Forbidden, GuardedLines, origin_and_target, url_problem
from channels.http_line import Answer, NotWritten, Unanswered, is_certain, one_line, retry_after_s
from channels.lanes import Lanes

_PREFIX = "whsec_"
_KEY_BYTES_MIN, _KEY_BYTES_MAX = 24, 64  # as the scheme asks
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}", re.ASCII)
_RETRY_AFTER_S = 60.0


class WebhookSettings(ChannelSettings):
    """`secret` comes from TACTFUL_WEBHOOK_SECRET: `whsec_…`; two, with a space, while it changes.

    The first is what receivers will know, the second what they still know: both sign.
    """

    secret: SecretStr
    allow_private: bool = False
    """Addresses inside a private network may be called: for an intranet, never for strangers'."""
    allow_http: bool = False
    """Addresses without encryption may be called."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    connections: int = Field(default=4, ge=1, le=32)
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    """For each exchange as a whole. `send` may outlast its deadline by this much."""

    @model_validator(mode="after")
    def _secrets_are_keys(self) -> Self:
        self.keys()
        return self

    def keys(self) -> list[bytes]:
        """What signs. ValueError where a secret is none."""
        found = []
        for written in self.secret.get_secret_value().split():
            try:
                key = base64.b64decode(written.removeprefix(_PREFIX), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if not written.startswith(_PREFIX) or not _KEY_BYTES_MIN <= len(key) <= _KEY_BYTES_MAX:
                raise ValueError("secret is whsec_ and 24 to 64 bytes in base64")
            found.append(key)
        if not found:
            raise ValueError("secret is empty")
        return found


class WebhookChannel(Channel[WebhookSettings]):
    """Each address is called on a line of its own, which is kept for the next message."""

    name = "webhook"
    Settings = WebhookSettings
    capabilities = Capabilities(
        kinds=frozenset({"webhook"}),
        parts=MappingProxyType({"webhook": frozenset({"text"})}),
        batch_size_max=50,
        rate_per_s=None,
        idempotency=Key(timedelta(days=1)),
        search=False,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=256_000,
    )

    def __init__(self, settings: WebhookSettings) -> None:
        super().__init__(settings)
        self._keys = settings.keys()
        self._lanes = Lanes(self._lane, settings.connections)

    def close(self) -> None:
        self._lanes.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        return self._fault(item) or Prepared(item, size_of(item), 1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s

        def post(lines: GuardedLines, item: Item) -> Outcome:
            return self._post(lines, item, end_s, now)

        return self._lanes.run(items, post)

    def check(self) -> list[Finding]:
        found = [Finding(Level.good, "messages are signed by the Standard Webhooks scheme")]
        if self.settings.allow_private:
            what = "addresses inside private networks may be called"
            fix = "take allow_private away, unless every address is the shop's own"
            found.append(Finding(Level.warning, what, fix))
        if self.settings.allow_http:
            what = "addresses without encryption may be called"
            found.append(Finding(Level.warning, what, "take allow_http away"))
        return found

    def _fault(self, item: Item) -> Unsupported | None:
        fault = self.cannot_carry(item)
        if fault is None and not _ID.fullmatch(item.stable_id):
            fault = Unsupported("a stable id that no header can carry", "letters, digits, . _ -")
        return fault or url_problem(
            item.address,
            allow_http=self.settings.allow_http,
            allow_private=self.settings.allow_private,
        )

    def _post(self, lines: GuardedLines, item: Item, end_s: float, now: datetime) -> Outcome:
        fault = self._fault(item)
        if fault is not None:
            return Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        if monotonic() >= end_s:
            return Deferred(0.0, "not written before the deadline")
        body = _body(item)
        origin, target = origin_and_target(item.address)
        line = lines.line(origin)
        line.end_s = end_s
        try:
            answer = line.ask("POST", target, self._headers(item, body, now), body)
        except NotWritten as error:
            if isinstance(error.__cause__, Forbidden):
                return Rejected(Reason.other, str(error))
            return Deferred(0.0 if error.late else _RETRY_AFTER_S, str(error))
        except Unanswered as error:
            return Unknown(str(error))
        return _outcome(answer, item)

    def _headers(self, item: Item, body: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        signed = f"{item.stable_id}.{stamp}.".encode("ascii") + body
        return {
            "Content-Type": "application/json",
            "User-Agent": "Tactful",
            "Idempotency-Key": item.stable_id,
            "webhook-id": item.stable_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(_signature(key, signed) for key in self._keys),
        }

    def _lane(self) -> GuardedLines:
        wanted = self.settings
        trust = ssl.create_default_context(cafile=wanted.ca_file)
        return GuardedLines(wanted.timeout_s, allow_private=wanted.allow_private, trust=trust)


def _body(item: Item) -> bytes:
    """The same over all attempts of a message: who has seen its id has seen this."""
    data = {
        "id": item.stable_id,
        "text": item.text,
        "from": item.sender.name,
        "language": item.language,
    }
    return json.dumps({"type": "message", "data": data}, separators=(",", ":")).encode("ascii")


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def _outcome(answer: Answer, item: Item) -> Outcome:
    """What an answer says of one message. One receiver's refusal says nothing of the others."""
    status = answer.status
    detail = one_line(f"HTTP {status} {answer.body[:200].decode('utf-8', 'replace')}")
    if 200 <= status < 300:
        return Accepted(item.stable_id)
    if status in (307, 308):
        # Only these say that the request was not looked at; 301 to 303 often answer one that was.
        return Rejected(Reason.other, "it has moved, and redirects are not followed")
    if not is_certain(status):
        return Unknown(detail)
    if status == 410:
        return Rejected(Reason.bad_address, detail)
    if status == 413:
        return Rejected(Reason.too_large, detail)
    if status == 429:
        after_s = retry_after_s(answer.headers) or _RETRY_AFTER_S
        return Rejected(Reason.rate_limited, detail, retryable=True, retry_after_s=after_s)
    if status in (401, 403, 404):
        # Of this receiver's own set-up, which somebody may be mending.
        return Rejected(Reason.other, detail, retryable=True, retry_after_s=_RETRY_AFTER_S)
    return Rejected(Reason.content_refused, detail)
