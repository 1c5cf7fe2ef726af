"""What an SMTP server's refusal means, in the words of the contract.

Codes of RFC 5321 section 4.2, enhanced codes of RFC 3463 where the server gives one: they are more
exact, and win. Every refusal is certain: the server has said that it does not take the message.
"""

import re
from enum import Enum

from channels.contract import Deferred, Reason, Rejected

RETRY_AFTER_S = 60.0
_WORDS_MAX = 300  # characters of a server's text worth keeping
_ENHANCED = re.compile(r"[45]\.(\d{1,3})\.(\d{1,3})\b", re.ASCII)


class Stage(Enum):
    """How far the conversation had come."""

    greeting = "greeting"
    sender = "MAIL"
    recipient = "RCPT"
    data = "DATA"
    content = "the message"
    reset = "RSET"


_LOGIN = frozenset({530, 534, 535, 538})
_EXACT = {
    (1, 7): Reason.blocked_sender,
    (1, 8): Reason.blocked_sender,
    (2, 3): Reason.too_large,
    (3, 4): Reason.too_large,
    (7, 8): Reason.auth_failed,
    (7, 9): Reason.auth_failed,
}
_BY_STAGE = {
    Stage.greeting: Reason.blocked_sender,
    Stage.sender: Reason.blocked_sender,
    Stage.recipient: Reason.bad_address,
    Stage.data: Reason.content_refused,
    Stage.content: Reason.content_refused,
}


def refusal(stage: Stage, code: int, words: bytes) -> Rejected | Deferred:
    """The outcome of a negative, or senseless, reply before or after the message's last dot.

    A senseless one (not 4xx or 5xx) may only be passed for a stage before the dot.
    """
    said = readable(words)
    detail = f"{stage.value}: {code} {said}"
    if code == 421:  # the server is closing: nothing is wrong with this message
        return Deferred(RETRY_AFTER_S, detail)
    enhanced = _ENHANCED.match(said)
    place = (int(enhanced[1]), int(enhanced[2])) if enhanced else None
    if 500 <= code < 600:
        reason = _permanent(stage, code, place)
        # A wrong login is mended by us, and then the same message goes out.
        return Rejected(reason, detail, retryable=reason is Reason.auth_failed)
    return Rejected(_transient(code, place), detail, retryable=True, retry_after_s=RETRY_AFTER_S)


def readable(words: bytes) -> str:
    """A server's text in one line of printable ASCII."""
    text = " ".join(words.decode("ascii", "replace").split())
    return "".join(c if c.isprintable() else "?" for c in text)[:_WORDS_MAX]


def _permanent(stage: Stage, code: int, place: tuple[int, int] | None) -> Reason:
    if code in _LOGIN:
        return Reason.auth_failed
    if code == 552 and place is None:
        # "Exceeded storage allocation": of a mailbox when it is named, else by this message.
        return Reason.other if stage is Stage.recipient else Reason.too_large
    if place is None:
        # 554 is "transaction failed", said of policy rather than of a mailbox.
        refused = stage is Stage.recipient and code in (554, 571)
        return Reason.content_refused if refused else _syntax(code) or _BY_STAGE[stage]
    if place in _EXACT:
        return _EXACT[place]
    subject = place[0]
    if subject == 1 or place == (2, 1) or (subject == 0 and stage is Stage.recipient):
        return Reason.bad_address
    if subject == 7:
        # Policy: about us until the message has been read, then about what it says.
        read = stage in (Stage.data, Stage.content)
        return Reason.content_refused if read else Reason.blocked_sender
    return Reason.content_refused if subject == 6 else Reason.other


def _syntax(code: int) -> Reason | None:
    """500 to 504 are about our commands, not about an address or a text."""
    return Reason.other if 500 <= code <= 504 else None


def _transient(code: int, place: tuple[int, int] | None) -> Reason:
    if place is not None and place[0] == 7:
        return Reason.rate_limited  # 4.7.x is what the large providers say to slow us down
    if place is not None and place[0] == 2:
        return Reason.other  # a mailbox that is full, or locked, today
    if code == 454 and place is None:
        return Reason.auth_failed
    return Reason.provider_down
