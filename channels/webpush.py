"""Web push: a message to a browser that has subscribed, encrypted for that browser alone.

The address is the subscription as the browser gives it: JSON with `endpoint` and `keys`. RFC 8030
(the push service), 8291 (encryption) and 8292 (VAPID, who we are); encryption and signature are the
library `webpush`'s. The endpoint is a stranger's word, so the line to it is guarded.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from pydantic import Field, SecretStr, model_validator

from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    Finding,
    Item,
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
    origin_and_target,
    outcome_everywhere,
    post,
    url_problem,
)
from channels.http_line import Answer, one_line
from channels.lanes import Lanes

if TYPE_CHECKING:
    from webpush import WebPush

_MISSING = "the library webpush is not installed: pip install 'tactful[webpush]'"
_POINT_BYTES, _AUTH_BYTES = 65, 16  # RFC 8291 2.1 and 3.2
_PAYLOAD_BYTES_MAX = 3_993
"""With salt, key and tag they are the 4,096 that every push service takes (RFC 8030 7.2)."""
_TTL_MAX = timedelta(weeks=4)
_LINK = re.compile(r"https?://[^\s<>\"]+")


class WebPushSettings(GuardedSettings):
    """`private_key` (VAPID, PEM) comes from TACTFUL_WEBPUSH_PRIVATE_KEY, or …_KEY_FILE.

    `openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -nocrypt` makes one. Who
    has subscribed with its public half can be reached with no other.
    """

    private_key: SecretStr
    subscriber: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    """An e-mail address by which a push service reaches whoever runs this shop."""
    ttl_s: int = Field(default=86_400, ge=0, le=int(_TTL_MAX.total_seconds()))
    """So long a push service keeps a message that has no end of its own."""

    @model_validator(mode="after")
    def _key_is_pem(self) -> Self:
        if "-----BEGIN" not in self.private_key.get_secret_value():
            raise ValueError("private_key is no PEM: -----BEGIN PRIVATE KEY-----")
        return self


@dataclass(frozen=True, slots=True)
class _Subscription:
    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class _Origin:
    """As the library looks at an endpoint. A port belongs to an origin (RFC 8292 2)."""

    scheme: str
    host: str


class WebPushChannel(Channel[WebPushSettings]):
    """A request for each message; lines to the push services are kept."""

    name = "webpush"
    Settings = WebPushSettings
    capabilities = Capabilities(
        kinds=frozenset({"webpush"}),
        parts=MappingProxyType({"webpush": frozenset({"subject", "text"})}),
        batch_size_max=100,
        rate_per_s=None,
        idempotency=None,
        search=False,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=_PAYLOAD_BYTES_MAX,
    )

    def __init__(self, settings: WebPushSettings) -> None:
        super().__init__(settings)
        self._lanes = Lanes(settings.lines, settings.connections)

    def close(self) -> None:
        self._lanes.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        read = self._read(item)
        if isinstance(read, Unsupported):
            return read
        return Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s

        def write(lines: GuardedLines, item: Item) -> Outcome:
            return self._write(lines, item, end_s, now)

        return self._lanes.run(items, write)

    def check(self) -> list[Finding]:
        try:
            key = self._library.vapid.get_application_server_key(self._library.vapid.public_key)
        except ImportError:
            return [Finding(Level.error, _MISSING)]
        except ValueError as error:
            what = f"private_key is no key that can sign: {one_line(error)}"
            return [Finding(Level.error, what, "make one as the settings say")]
        found = [Finding(Level.good, f"pages subscribe with applicationServerKey {key}")]
        if self.settings.allow_private:
            what = "push services inside private networks may be called"
            found.append(Finding(Level.warning, what, "take allow_private away"))
        return found

    @cached_property
    def _library(self) -> "WebPush":
        """Raises ImportError without the extra, ValueError for a key that is none."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_private_key,
        )
        from webpush import WebPush

        pem = self.settings.private_key.get_secret_value().encode()
        key = load_pem_private_key(pem, None)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("it is none of the curve P-256")
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return WebPush(pem, public, self.settings.subscriber)

    def _read(self, item: Item) -> tuple[_Subscription, bytes] | Unsupported:
        """Where it goes, and the payload as the service worker will read it."""
        fault = self.cannot_carry(item)
        if fault is not None:
            return fault
        found = _subscription(item.address)
        if isinstance(found, Unsupported):
            return found
        private = self.settings.allow_private
        fault = url_problem(found.endpoint, allow_http=private, allow_private=private)
        if fault is not None:
            return fault
        payload = _payload(item)
        if len(payload) > _PAYLOAD_BYTES_MAX:
            return Unsupported(
                f"a payload of {len(payload)} bytes", f"{_PAYLOAD_BYTES_MAX} at most"
            )
        return found, payload

    def _write(self, lines: GuardedLines, item: Item, end_s: float, now: datetime) -> Outcome:
        read = self._read(item)
        if isinstance(read, Unsupported):
            return Rejected(Reason.unsupported, f"{read.what}: {read.fix}")
        to, payload = read
        try:
            library = self._library
        except ImportError:
            return Rejected(Reason.unsupported, _MISSING)
        except ValueError as error:
            return Rejected(Reason.auth_failed, f"private_key: {one_line(error)}", retryable=True)
        try:
            body, headers = _sealed(library, to, payload)
        except ValueError as error:
            return Rejected(Reason.bad_address, f"keys that cannot be used: {one_line(error)}")
        headers |= {
            "TTL": str(self._ttl_s(item, now)),
            "Content-Type": "application/octet-stream",
            # Of attempts that wait at the service the last takes the others' place.
            "Topic": _digest(item.stable_id.encode()),
        }
        answer = post(lines, to.endpoint, headers, body, end_s)
        return _outcome(answer, body) if isinstance(answer, Answer) else answer

    def _ttl_s(self, item: Item, now: datetime) -> int:
        if item.not_after is None:
            return self.settings.ttl_s
        left = min(item.not_after - now, _TTL_MAX)
        return max(0, int(left.total_seconds()))


def _sealed(library: "WebPush", to: _Subscription, payload: bytes) -> tuple[bytes, dict[str, str]]:
    """The encrypted body, and the headers that say how it is and whose.

    Raises ValueError for keys of a browser that are none.
    """
    from webpush.types import WebPushKeys, WebPushSubscription

    scheme, _, host = origin_and_target(to.endpoint)[0].partition("://")
    keys = WebPushKeys(auth=to.auth, p256dh=to.p256dh)
    subscription = WebPushSubscription.model_construct(endpoint=_Origin(scheme, host), keys=keys)
    made = library.get(payload, subscription)
    signed = made.headers["authorization"]
    return made.encrypted, {"Content-Encoding": "aes128gcm", "Authorization": signed}


def _subscription(address: str) -> _Subscription | Unsupported:
    """What `JSON.stringify(subscription)` gives in a browser."""
    fix = 'the browser gives {"endpoint": …, "keys": {"p256dh": …, "auth": …}}'
    try:
        read = json.loads(address)
        endpoint, keys = read["endpoint"], read["keys"]
        point, auth = keys["p256dh"], keys["auth"]
        sizes = len(_decoded(point)), len(_decoded(auth))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Unsupported("an address that is no subscription of a browser", fix)
    if not isinstance(endpoint, str) or sizes != (_POINT_BYTES, _AUTH_BYTES):
        return Unsupported("a subscription with keys of the wrong length", fix)
    return _Subscription(endpoint, point.rstrip("="), auth.rstrip("="))


def _decoded(written: str) -> bytes:
    """Of base64 as URLs have it. ValueError for anything else."""
    text = written.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("no base64")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _payload(item: Item) -> bytes:
    """`url` is where a click leads: the first link in the text."""
    link = _LINK.search(item.text)
    said = {
        "id": item.stable_id,
        "title": item.subject,
        "body": item.text,
        "lang": item.language,
        "url": link and link[0].rstrip(".,;:!?)"),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(raw: bytes) -> str:
    """32 characters that a header may hold."""
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode("ascii")[:32]


def _outcome(answer: Answer, body: bytes) -> Outcome:
    """What a push service's status says (RFC 8030 5, 7.3, 8.4)."""
    status, detail = answer.status, detail_of(answer)
    if status in (200, 201, 202):
        return Accepted(one_line(answer.headers.get("Location") or "") or f"push:{_digest(body)}")
    if status in (404, 410):
        return Rejected(Reason.bad_address, detail)
    if status == 401:
        # Not `auth_failed`, which would stop the whole account: the endpoint is a stranger's word.
        return Rejected(Reason.other, detail, retryable=True, retry_after_s=RETRY_AFTER_S)
    # 403: subscribed with another key than ours. It says nothing of the other subscriptions.
    return outcome_everywhere(answer) or Rejected(Reason.other, detail)
