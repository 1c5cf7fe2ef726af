"""What SendGrid's Event Webhook reports, verified (ECDSA) and in our words.

Source: twilio.com/docs/sendgrid/for-developers/tracking-events/event. Events repeat, and come in
any order.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from sendgrid.helpers.eventwebhook import EventWebhook

from channels.contract import Feedback, FeedbackKind, Reason, Refused
from channels.http_line import one_line
from channels.sendgrid_body import ATTEMPT, MESSAGE

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_KINDS = {
    "processed": FeedbackKind.accepted,
    "deferred": FeedbackKind.accepted,
    "delivered": FeedbackKind.delivered,
    "open": FeedbackKind.opened,
    "click": FeedbackKind.clicked,
    "spamreport": FeedbackKind.complained,
    "unsubscribe": FeedbackKind.unsubscribed,
    "group_unsubscribe": FeedbackKind.unsubscribed,
    "group_resubscribe": FeedbackKind.resubscribed,
}
# Why SendGrid did not even try: it remembers addresses.
_DROPPED = {
    "Bounced Address": (FeedbackKind.bounced_hard, Reason.bad_address),
    "Invalid": (FeedbackKind.bounced_hard, Reason.bad_address),
    "Unsubscribed Address": (FeedbackKind.unsubscribed, Reason.unsubscribed),
    "Spam Reporting Address": (FeedbackKind.unsubscribed, Reason.unsubscribed),
    "Spam Content": (FeedbackKind.bounced_soft, Reason.content_refused),
}
# A bounce of these classes is about us or the day, not about the mailbox.
_PASSING = frozenset({"Reputation", "Content", "Technical", "Frequency or Volume Too High"})

_SKEW = timedelta(minutes=10)
"""By so much SendGrid's clock may be ahead of ours."""

_Told = tuple[FeedbackKind, Reason | None]
_decode = msgspec.json.Decoder(list[Any]).decode


def verifier(public_key: str) -> EventWebhook:
    """Raises ValueError for what is no key."""
    return EventWebhook("".join(public_key.split()))


def parse(
    raw: bytes, headers: Mapping[str, str], by: EventWebhook, fresh: timedelta
) -> list[Feedback] | Refused:
    """All that we count. Refused when it is forged, stale, or no list of events.

    One event that is not as documented is left out, or has no time: it must not take those beside
    it down with it, an opt-out among them perhaps.
    """
    signature, stamp = headers.get(_SIGNATURE), headers.get(_TIMESTAMP)
    arrived = headers.get("x-tactful-received-at")
    if not (signature and stamp and arrived):
        return Refused("the signature, its time, or the time of arrival is missing")
    try:
        if not by.verify_signature(raw.decode(), signature, stamp):
            return Refused("the signature is wrong")
        age = datetime.fromisoformat(arrived) - datetime.fromtimestamp(int(stamp), UTC)
        if not -_SKEW <= age <= fresh:
            return Refused(f"signed {age} before it came")
        events = _events(raw)
    # Bad base64, half characters, numbers beyond any date, and whatever is not as documented.
    except (ValueError, TypeError, OverflowError, OSError, RecursionError) as error:
        return Refused(f"unreadable: {type(error).__name__}")
    told = [_feedback(event) for event in events if isinstance(event, dict)]
    return [one for one in told if one is not None]


def _events(raw: bytes) -> list[Any]:
    """Half a character in one event, or a number beyond all measure, is cut out of it: a strict
    reader would throw away all the others with it."""
    try:
        return _decode(raw)
    except msgspec.DecodeError:
        whole = json.dumps(json.loads(raw), ensure_ascii=False).encode(errors="replace")
        events = json.loads(whole)
    if not isinstance(events, list):
        raise ValueError("no list")
    return events


def _feedback(event: dict[str, Any]) -> Feedback | None:
    told = _told(event)
    if told is None:
        return None
    kind, reason = told
    ref = _text(event, "sg_message_id").partition(".")[0]
    name = _text(event, "sg_event_id")
    words = [_text(event, key) for key in ("status", "reason", "response", "url")]
    return Feedback(
        kind,
        event_id=one_line(name) or _digest(event),
        at=_at(event),
        message_id=_text(event, MESSAGE) or None,
        attempt_id=_text(event, ATTEMPT) or None,
        provider_ref=ref or None,
        address=_text(event, "email") or None,
        detail=_text(event, "url") if kind is FeedbackKind.clicked else one_line(" ".join(words)),
        reason=reason,
    )


def _told(event: Mapping[str, Any]) -> _Told | None:
    name = event.get("event")
    if name == "bounce":
        soft = (
            event.get("type") == "blocked"
            or _text(event, "status").startswith("4")
            or _text(event, "bounce_classification") in _PASSING
        )
        return (
            (FeedbackKind.bounced_soft, None)
            if soft
            else (FeedbackKind.bounced_hard, Reason.bad_address)
        )
    if name == "dropped":
        return _DROPPED.get(_text(event, "reason"), (FeedbackKind.bounced_soft, None))
    if name == "open" and event.get("sg_machine_open") is True:
        return None  # a mail program fetched the pictures before anybody read
    kind = _KINDS.get(name) if isinstance(name, str) else None
    return None if kind is None else (kind, None)


def _at(event: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(event["timestamp"]), UTC)
    except (ValueError, TypeError, LookupError, OverflowError, OSError):
        return None


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _digest(event: dict[str, Any]) -> str:
    return blake2b(msgspec.json.encode(event, order="sorted"), digest_size=16).hexdigest()
