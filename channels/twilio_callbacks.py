"""What Twilio reports: status callbacks of messages, and what customers answer.

Both are forms, signed over the public address that was called and every field
(twilio.com/docs/usage/security). The address of a status callback also carries the message, the
attempt and a seal of ours.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from channels.contract import Feedback, FeedbackKind, Refused
from channels.http_line import one_line
from channels.reply_words import meaning
from channels.twilio_errors import failure_of

_FIELDS_MAX = 200
_TEXT_MAX = 1_600
_SEAL_FOR = b"tactful: status callbacks"
_NOT_YET = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
_STATUSES = {
    **dict.fromkeys(_NOT_YET, FeedbackKind.accepted),
    "delivered": FeedbackKind.delivered,
    "read": FeedbackKind.opened,
    "canceled": FeedbackKind.bounced_soft,
}
_FAILED = frozenset({"failed", "undelivered"})
# What Twilio by itself takes for an opt-out, an opt-in or a call for help, and answers: these words
# alone, in a text message (help.twilio.com, "Twilio support for opt-out keywords").
_TWILIO_ANSWERS = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
    | {"START", "UNSTOP", "YES", "HELP", "INFO"}
)
_KINDS = {"whatsapp": "whatsapp", "messenger": "messenger", "": "sms"}
# Where a messaging service has Advanced Opt-Out, Twilio has understood the word and answered it.
_OPT_OUT_TYPES = {
    "STOP": FeedbackKind.unsubscribed,
    "START": FeedbackKind.resubscribed,
    "HELP": FeedbackKind.asked_help,
}


def callback_url(base: str, message_id: str, attempt_id: str, token: str) -> str:
    """Where Twilio reports to about one attempt."""
    seal = _seal(message_id, attempt_id, token)
    query = urlencode({"m": message_id, "a": attempt_id, "s": seal})
    return f"{base}{'&' if '?' in base else '?'}{query}"


def parse(
    raw: bytes,
    headers: Mapping[str, str],
    account_sid: str,
    token: str,
    *,
    answers_itself: bool = True,
) -> list[Feedback] | Refused:
    """Verified, then in our words. `answers_itself`: Twilio answers STOP, START and HELP."""
    url, signature = headers.get("x-tactful-url"), headers.get("x-twilio-signature")
    if not (url and signature and token):
        return Refused("the signature, or the address that it is for, is missing")
    # Loading the SDK takes a while, and every command lists the channels.
    from twilio.request_validator import RequestValidator

    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        form = dict(pairs)
        if not RequestValidator(token).validate(url, form, signature):
            return Refused("the signature is wrong")
        asked = parse_qs(urlsplit(url).query, keep_blank_values=True)
    except ValueError as error:
        return Refused(f"unreadable: {type(error).__name__}")
    if form.get("AccountSid") != account_sid:
        return Refused("signed, but of another account")
    if "MessageStatus" in form:
        return _status(form, asked, token)
    if "Body" in form and "From" in form:
        return [_answer(form, answers_itself)]
    return []


def plain_address(address: str) -> str:
    """Without the word of the network before it: `whatsapp:+1…` is a number."""
    return address.rpartition(":")[2]


def _status(
    form: Mapping[str, str], asked: Mapping[str, list[str]], token: str
) -> list[Feedback] | Refused:
    message_id, attempt_id, seal = (asked.get(name, [""])[0] for name in ("m", "a", "s"))
    if seal or message_id or attempt_id:
        wanted = _seal(message_id, attempt_id, token)
        if not hmac.compare_digest(seal.encode(), wanted.encode()):
            return Refused("signed, but the seal on message and attempt is broken")
    status, ref = form["MessageStatus"], form.get("MessageSid", "")
    code = form.get("ErrorCode", "")
    reason = None
    if status in _FAILED:
        number = int(code) if code.isascii() and code.isdigit() else None
        kind, reason = failure_of(number, form.get("To", ""))
    elif status in _STATUSES:
        kind = _STATUSES[status]
    else:
        return []
    words = " ".join(filter(None, (status, code, form.get("ErrorMessage", ""))))
    return [
        Feedback(
            kind,
            event_id=one_line(f"{ref}/{status}"),
            at=None,
            message_id=message_id or None,
            attempt_id=attempt_id or None,
            provider_ref=ref or None,
            address=plain_address(form.get("To", "")) or None,
            detail=one_line(words),
            reason=reason,
        )
    ]


def _answer(form: Mapping[str, str], answers_itself: bool) -> Feedback:
    text, ref = form["Body"][:_TEXT_MAX], form.get("MessageSid", "")
    told = _OPT_OUT_TYPES.get(form.get("OptOutType", "").upper())
    kind = _KINDS.get(form["From"].rpartition(":")[0])
    # Advanced Opt-Out tells that it has answered, by whichever way.
    silent = told is not None or (
        answers_itself and kind == "sms" and text.strip().upper() in _TWILIO_ANSWERS
    )
    return Feedback(
        told or meaning(text),
        event_id=one_line(f"{ref}/received"),
        at=None,
        provider_ref=ref or None,
        address=plain_address(form["From"]) or None,
        detail=text,
        answer_by=None if silent else kind,
    )


def _seal(message_id: str, attempt_id: str, token: str) -> str:
    key = hmac.new(token.encode(), _SEAL_FOR, sha256).digest()
    return hmac.new(key, f"{message_id}/{attempt_id}".encode(), sha256).hexdigest()[:32]
