"""Mail that came back, in our words: delivery reports (RFC 3464) and complaints (RFC 5965).

A report is an e-mail, and anybody can write one. What proves that it is about a message of ours is
the seal that the message carried, in a header and in the envelope's id: reports return the one or
the other. It names the message and the attempt, so that whose address it was is for the ledger to
say: whoever has a mail of ours can seal a report by it, and write any other address into that.
Whoever reads the mailbox for bounces posts each mail, as it came, to the callback.
"""

import binascii
import hashlib
import hmac
import quopri
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from typing import Any, TypeAlias

from channels.contract import Feedback, FeedbackKind, Reason, Refused, Rejected
from channels.smtp_replies import Stage, readable, refusal

HEADER = "X-Message-Seal"
BYTES_MAX = 256_000
_SEAL_DIGITS = 20
_ENVELOPE_ID_MAX = 100  # characters, RFC 3461 4.4
_PARTS_MAX = 50
_OURS = re.compile(r"<?([A-Za-z0-9._-]{1,100})@([A-Za-z0-9.-]{1,253})>?", re.ASCII)
_NUMBER = "[A-Za-z0-9_-]{1,40}"
_SEAL = re.compile(rf"[0-9a-f]{{{_SEAL_DIGITS}}}/({_NUMBER})/({_NUMBER})", re.ASCII)
_ENVELOPE_ID = re.compile(rf"({_SEAL.pattern})\.(.+)", re.ASCII)
_STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}", re.ASCII)
_IN_WORDS = re.compile(r"[245]\d\d[ -](?:#?)([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)
_BLANK_LINES = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_OPEN = frozenset(
    {"message/delivery-status", "message/rfc822", "message/global", "message/global-headers"}
)
"""What the standard library's parser opens by itself, unless it is packed."""
_FIELDS = _OPEN | {"message/global-delivery-status", "text/rfc822-headers"}
_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": quopri.decodestring,
}
_Parsed: TypeAlias = "Message[str, str]"


def seal(secret: str, message_id: str, attempt_id: str, stable_id: str) -> str:
    """What only we can have written beside this stable id: the message and the attempt that it
    stands for. Empty for ids that it cannot hold."""
    signed = f"bounce:{message_id}/{attempt_id}/{stable_id}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()[:_SEAL_DIGITS]
    made = f"{digest}/{message_id}/{attempt_id}"
    return made if _SEAL.fullmatch(made) else ""


def envelope_id(message_id: str, sealed: str) -> str:
    """What a server that offers DSN tells a report of; empty where it would be too long."""
    made = f"{sealed}.{message_id.strip('<>')}" if sealed else message_id.strip("<>")
    return made if len(made) <= _ENVELOPE_ID_MAX else ""


@dataclass(frozen=True, slots=True)
class _About:
    """Which message a report is about, once its seal was found right."""

    message_id: str
    attempt_id: str
    ref: str


def parse(raw: bytes, secret: str) -> list[Feedback] | Refused:
    """What a report says. One of ours that says nothing that counts is an empty list."""
    if len(raw) > BYTES_MAX:
        return Refused(f"a mail of {len(raw)} bytes")
    try:
        report: _Parsed = message_from_bytes(raw)
        parts = _parts(report)
        about = _about(parts, secret)
        if about is None:
            return Refused("no report about a message that we have sealed")
        return [*_returned(parts, about), *_complained(parts, about)]
    # The parser takes strangers' bytes, and a few of its own mistakes are known.
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Refused("a mail that cannot be read")


def _parts(report: _Parsed) -> list[_Parsed]:
    found = []
    for part in report.walk():
        found += [part, *_unpacked(part)]
        if len(found) > _PARTS_MAX:
            raise ValueError("too many parts")
    return found


def _unpacked(part: _Parsed) -> list[_Parsed]:
    """The blocks of fields in a part that the parser has left closed: headers as a text, a report
    with addresses beyond ASCII (RFC 6533), and whatever came in base64 or quoted-printable."""
    kind = part.get_content_type()
    coding = _field(part, "Content-Transfer-Encoding").lower()
    if kind not in _FIELDS or (kind in _OPEN and coding not in _CODINGS):
        return []
    payload: Any = part.get_payload()
    text = payload if isinstance(payload, str) else "".join(one.as_string() for one in payload)
    raw = text.encode("utf-8", "surrogateescape")
    if coding in _CODINGS:
        raw = _CODINGS[coding](raw)
    blocks = _BLANK_LINES.split(raw.strip(), _PARTS_MAX)
    return [message_from_bytes(block.strip() + b"\n") for block in blocks]


def _about(parts: list[_Parsed], secret: str) -> _About | None:
    for sealed, written in _named(parts):
        ids, name = _SEAL.fullmatch(sealed), _OURS.fullmatch(written.strip())
        if ids is not None and name is not None:
            wanted = seal(secret, ids[1], ids[2], name[1])
            if hmac.compare_digest(sealed, wanted):
                return _About(ids[1], ids[2], f"<{name[1]}@{name[2]}>")
    return None


def _named(parts: list[_Parsed]) -> Iterator[tuple[str, str]]:
    """(seal, message id), wherever a report has both together."""
    for part in parts:
        found = _ENVELOPE_ID.fullmatch(_field(part, "Original-Envelope-Id"))
        if found is not None:
            yield found[1], found[4]
        yield _field(part, HEADER), _field(part, "Message-ID")


def _returned(parts: list[_Parsed], about: _About) -> Iterator[Feedback]:
    """What a delivery report says of each recipient."""
    for part in parts:
        action = _field(part, "Action").lower().partition(" ")[0]
        words = readable(_field(part, "Diagnostic-Code").encode("ascii", "replace"))
        _, _, said = words.partition(";")
        status = _status(_field(part, "Status"), said.strip())
        if not action or status is None:
            continue
        detail = f"{status[0]} {said.strip() or words}".strip()
        if action == "delivered":
            yield _feedback(FeedbackKind.delivered, about, detail)
        elif action == "failed" and status[1] == "5":
            reason = _reason(status[0])
            yield _feedback(FeedbackKind.bounced_hard, about, detail, reason)
        elif action == "failed":
            yield _feedback(FeedbackKind.bounced_soft, about, detail, Reason.provider_down)
        # Delayed and relayed: it may still arrive. Expanded: to a list, which answers by itself.


def _status(told: str, said: str) -> re.Match[str] | None:
    """The status; where it says no more than its class, the one in the words of the server that
    has refused."""
    status = _STATUS.match(told)
    if status is not None and not status[0].startswith(f"{status[1]}.0."):
        return status
    inner = _IN_WORDS.match(said)
    return _STATUS.match(inner[1]) if inner is not None else status


def _reason(status: str) -> Reason:
    """Policy is taken to be about what was written: one report does not stop a sender."""
    told = refusal(Stage.content, 550, status.encode())
    return told.reason if isinstance(told, Rejected) else Reason.other


def _complained(parts: list[_Parsed], about: _About) -> Iterator[Feedback]:
    """What a provider passes on of a recipient who has called it spam."""
    for part in parts:
        if part.get_content_type() != "message/feedback-report":
            continue
        inside = part.get_payload()
        report = inside[0] if isinstance(inside, list) and inside else part
        text = report.get_payload() if isinstance(report, Message) else ""
        fields: _Parsed = report if isinstance(report, Message) else part
        if not _field(fields, "Feedback-Type") and isinstance(text, str):
            fields = message_from_bytes(text.encode("utf-8", "replace"))
        kind = _field(fields, "Feedback-Type").lower()
        if kind in ("abuse", "fraud"):
            yield _feedback(FeedbackKind.complained, about, kind)


def _feedback(
    kind: FeedbackKind, about: _About, detail: str, reason: Reason | None = None
) -> Feedback:
    said = f"{about.message_id}/{about.attempt_id}|{about.ref}|{kind}|{detail}"
    return Feedback(
        kind=kind,
        event_id=hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32],
        at=None,
        message_id=about.message_id,
        attempt_id=about.attempt_id,
        provider_ref=about.ref,
        detail=detail,
        reason=reason,
    )


def xtext(address: str) -> str:
    """An address as ORCPT has it."""
    return re.sub(r"[+=]", lambda found: f"+{ord(found[0]):02X}", address)


def _field(part: _Parsed, name: str) -> str:
    return " ".join(str(part.get(name, "")).split())
