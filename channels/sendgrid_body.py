"""The request bodies of SendGrid's `mail/send`, made by us: many messages in one where that fits.

The SDK's own helper reverses personalizations and copies what it is given. Messages of one sender
share a request. Each has a personalization with its own subject, headers and ids; its bodies are
substitutions there while they stay under SendGrid's limit for those, and else part of the request,
which then holds only messages that read exactly alike.

Limits: twilio.com/docs/sendgrid/api-reference/mail-send/limitations.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels import mime
from channels.contract import Item, Unsupported

SUBSTITUTIONS_BYTES_MAX = 10_000
REQUEST_BYTES_MAX = 10_000_000
"""SendGrid takes 30 MB; a smaller request is written, and lost, more quickly."""
MESSAGE, ATTEMPT = "tactful_message", "tactful_attempt"
"""Names in `custom_args`, which come back with every event. The values are ids, never data."""

_TEXT, _HTML = "-tactful-text-", "-tactful-html-"
_TAGS_BYTES = len(_TEXT) + len(_HTML)
_TAG = re.compile("-tactful-(?:text|html)-")
_RESERVED = frozenset(
    """
    x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding to from subject
    reply-to cc bcc
    """.split()  # noqa: SIM905
)

Placed = tuple[int, Item]
"""An item with its place in the batch."""


@dataclass(slots=True)
class Group:
    """Messages of one request. `fills`: their bodies are substitutions."""

    fills: bool
    placed: list[Placed] = field(default_factory=list)
    size: int = 0
    addresses: set[str] = field(default_factory=set)

    def takes(self, item: Item, size: int, most: int) -> bool:
        """Whether another fits: SendGrid refuses an address that stands there twice."""
        return (
            len(self.placed) < most
            and self.size + size <= REQUEST_BYTES_MAX
            and item.address.lower() not in self.addresses
        )

    def add(self, place: int, item: Item, size: int) -> None:
        """One more."""
        self.placed.append((place, item))
        self.size += size
        self.addresses.add(item.address.lower())


def problem(item: Item) -> Unsupported | None:
    """What of an e-mail SendGrid cannot carry."""
    fault = mime.problem(item)
    if fault is not None:
        return fault
    for name, _ in item.headers:
        if name.lower() in _RESERVED:
            return Unsupported(f"the header {name}", "SendGrid writes it itself: leave it out")
    return None


def groups(placed: Iterable[Placed], most: int) -> list[Group]:
    """Requests of at most so many messages, each message in one."""
    open_groups: dict[tuple[object, ...], Group] = {}
    closed: list[Group] = []
    for place, item in placed:
        text_bytes = _bytes(item.text) + _bytes(item.html or "")
        fills = text_bytes + _TAGS_BYTES <= SUBSTITUTIONS_BYTES_MAX and not any(
            # SendGrid fills them in wherever they stand, in the subject too.
            _TAG.search(part or "")
            for part in (item.text, item.html, item.subject)
        )
        kind: tuple[object, ...] = (fills, item.sender, item.html is None)
        key = kind if fills else (*kind, item.text, item.html)
        size = _bytes(item.subject or "") + 500 + (text_bytes if fills else 0)
        group = open_groups.get(key)
        if group is None or not group.takes(item, size, most):
            if group is not None:
                closed.append(group)
            group = open_groups[key] = Group(fills)
            group.size = 0 if fills else text_bytes
        group.add(place, item, size)
    return [*closed, *open_groups.values()]


def body(
    group: Group, categories: Sequence[str], *, sandbox: bool, tracking: bool, ip_pool: str | None
) -> dict[str, Any]:
    """As JSON would have it. Items must have passed `problem`."""
    first = group.placed[0][1]
    alone = len(group.placed) == 1
    fills = group.fills and not alone
    content = [{"type": "text/plain", "value": _TEXT if fills else first.text}]
    if first.html is not None:
        content.append({"type": "text/html", "value": _HTML if fills else first.html})
    sender = {"email": mime.ascii_address(first.sender.address)}
    if first.sender.name.strip():
        sender["name"] = first.sender.name.strip()
    made: dict[str, Any] = {
        "personalizations": [_personal(item, fills=fills) for _, item in group.placed],
        "from": sender,
        "subject": first.subject,
        "content": content,
    }
    if categories:
        made["categories"] = list(categories)
    if ip_pool is not None:
        made["ip_pool_name"] = ip_pool
    if sandbox:
        made["mail_settings"] = {"sandbox_mode": {"enable": True}}
    if not tracking:
        # The shop's own links lead to the shop; Tactful counts by links of its own.
        off = {"enable": False}
        made["tracking_settings"] = {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": off,
            "subscription_tracking": off,
        }
    return made


def culprits(errors: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Which personalizations a refusal names, with what it says."""
    for error in errors:
        found = re.match(r"personalizations\.(\d{1,4})\.", str(error.get("field") or ""))
        if found is not None:
            yield int(found[1]), error


def _personal(item: Item, *, fills: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "to": [{"email": mime.ascii_address(item.address)}],
        "subject": item.subject,
        "custom_args": {MESSAGE: item.message_id, ATTEMPT: item.attempt_id},
    }
    if item.headers:
        made["headers"] = dict(item.headers)
    if fills:
        made["substitutions"] = {_TEXT: item.text}
        if item.html is not None:
            made["substitutions"][_HTML] = item.html
    return made


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
