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
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from types import MappingProxyType
from typing import Self

from pydantic import SecretStr, model_validator

from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    Finding,
    Item,
    Key,
    Level,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unsupported,
    size_of,
)
from channels.guarded_line import (
    RETRY_AFTER_S,
    GuardedLines,
    GuardedSettings,
    detail_of,
    outcome_everywhere,
    post,
    url_problem,
)
from channels.http_line import Answer
from channels.lanes import Lanes

_PREFIX = "whsec_"
_KEY_BYTES_MIN, _KEY_BYTES_MAX = 24, 64  # as the scheme asks
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}", re.ASCII)


class WebhookSettings(GuardedSettings):
    """`secret` comes from TACTFUL_WEBHOOK_SECRET: `whsec_…`; two, with a space, while it changes.

    The first is what receivers will know, the second what they still know: both sign.
    """

    secret: SecretStr
    allow_http: bool = False
    """Addresses without encryption may be called."""

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
        own_servers=True,
    )

    def __init__(self, settings: WebhookSettings) -> None:
        super().__init__(settings)
        self._keys = settings.keys()
        self._lanes = Lanes(settings.lines, settings.connections)

    def close(self) -> None:
        self._lanes.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        return self._fault(item) or Prepared(item, size_of(item), 1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s

        def write(lines: GuardedLines, item: Item) -> Outcome:
            return self._write(lines, item, end_s, now)

        return self._lanes.run(items, write)

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

    def _write(self, lines: GuardedLines, item: Item, end_s: float, now: datetime) -> Outcome:
        fault = self._fault(item)
        if fault is not None:
            return Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        body = _body(item)
        answer = post(lines, item.address, self._headers(item, body, now), body, end_s)
        return _outcome(answer, item) if isinstance(answer, Answer) else answer

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
    status, detail = answer.status, detail_of(answer)
    if 200 <= status < 300:
        return Accepted(item.stable_id)
    if status == 410:
        return Rejected(Reason.bad_address, detail)
    if status in (401, 403, 404):
        # Of this receiver's own set-up, which somebody may be mending.
        return Rejected(Reason.other, detail, retryable=True, retry_after_s=RETRY_AFTER_S)
    return outcome_everywhere(answer) or Rejected(Reason.content_refused, detail)
