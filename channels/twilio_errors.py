"""Twilio's error codes in the words of the contract.

Source: Twilio's Error and Warning Dictionary (twilio.com/docs/api/errors), read in November 2026.
The same code means the same in the answer to a request and, for a message that was taken and then
failed, in a status callback.
"""

from collections.abc import Mapping
from types import MappingProxyType

from channels.contract import FeedbackKind, Reason

REASONS: Mapping[int, Reason] = MappingProxyType(
    {
        # The account: everything fails until somebody has mended it.
        10001: Reason.auth_failed,  # account is not active
        20003: Reason.auth_failed,  # authentication error
        20005: Reason.auth_failed,  # account not active
        20006: Reason.auth_failed,  # access denied
        20008: Reason.auth_failed,  # test account credentials
        20404: Reason.auth_failed,  # not found: for a new message this is the account
        30002: Reason.auth_failed,  # account suspended
        63001: Reason.auth_failed,  # channel could not authenticate the request
        # Too much at once.
        14107: Reason.rate_limited,  # message rate limit exceeded
        20429: Reason.rate_limited,  # too many requests
        21611: Reason.rate_limited,  # the queue of this sender is full
        30001: Reason.rate_limited,  # queue overflow
        30022: Reason.rate_limited,  # US A2P 10DLC: rate limits exceeded
        30023: Reason.rate_limited,  # US A2P 10DLC: daily message cap reached
        63018: Reason.rate_limited,  # rate limit exceeded for channel
        63038: Reason.rate_limited,  # daily messages limit of the account
        # An address that will never work.
        21211: Reason.bad_address,  # invalid To number
        21214: Reason.bad_address,  # To number cannot be reached
        21217: Reason.bad_address,  # number does not appear to be valid
        21265: Reason.bad_address,  # To number cannot be a short code
        21268: Reason.bad_address,  # To number is a premium number
        21401: Reason.bad_address,  # invalid phone number
        21421: Reason.bad_address,  # number is invalid
        21604: Reason.bad_address,  # To number is required
        21614: Reason.bad_address,  # To number is no mobile number
        21635: Reason.bad_address,  # To number is a landline
        30005: Reason.bad_address,  # unknown destination handset
        30006: Reason.bad_address,  # landline or unreachable carrier
        63003: Reason.bad_address,  # channel could not find To address
        63024: Reason.bad_address,  # invalid message recipient
        # An opt-out that Twilio knows of.
        21610: Reason.unsubscribed,  # attempt to send to unsubscribed recipient
        63014: Reason.unsubscribed,  # blocked by user action
        # The sender: stop until someone has looked.
        21603: Reason.blocked_sender,  # From number is required
        21606: Reason.blocked_sender,  # From is not a number of ours that can send texts
        21608: Reason.blocked_sender,  # trial accounts send to verified numbers only
        21609: Reason.blocked_sender,  # invalid StatusCallback URL: mend callback_url
        21616: Reason.blocked_sender,  # From matches numbers of several countries
        21659: Reason.blocked_sender,  # From is not a Twilio number or short code for the country
        21660: Reason.blocked_sender,  # From does not belong to the account
        21661: Reason.blocked_sender,  # From cannot send texts
        21701: Reason.blocked_sender,  # messaging service does not exist
        21703: Reason.blocked_sender,  # messaging service has no numbers
        21705: Reason.blocked_sender,  # messaging service SID is invalid
        21910: Reason.blocked_sender,  # From and To are not of one channel
        30007: Reason.blocked_sender,  # message filtered
        30032: Reason.blocked_sender,  # toll-free number is not verified
        30034: Reason.blocked_sender,  # US A2P 10DLC: number is not registered
        30035: Reason.blocked_sender,  # US A2P 10DLC: number is being registered
        63002: Reason.blocked_sender,  # channel could not find From address
        63007: Reason.blocked_sender,  # no channel with this From address
        63020: Reason.blocked_sender,  # business has not accepted the invitation
        # The content.
        21602: Reason.content_refused,  # message body is required
        21617: Reason.too_large,  # body over 1,600 characters
        21618: Reason.content_refused,  # body cannot be sent
        21619: Reason.content_refused,  # body or media required
        21620: Reason.content_refused,  # invalid media URL
        21654: Reason.content_refused,  # ContentSid required
        21655: Reason.content_refused,  # ContentSid is invalid
        21656: Reason.content_refused,  # ContentVariables are invalid
        63005: Reason.content_refused,  # channel did not accept the content
        63013: Reason.content_refused,  # channel policy violation
        63021: Reason.content_refused,  # channel: invalid content
        63022: Reason.content_refused,  # channel: invalid name of the template
        63027: Reason.content_refused,  # template does not exist for the language
        63028: Reason.content_refused,  # number of parameters does not match the template
        63041: Reason.content_refused,  # template is paused
        63042: Reason.content_refused,  # template is disabled
        63016: Reason.window_closed,  # free text outside the 24-hour window
        # Twilio, or a network behind it, today.
        21704: Reason.provider_down,  # messaging service is not available
        30410: Reason.provider_down,  # provider timeout
        63010: Reason.provider_down,  # internal error of channels
        63012: Reason.provider_down,  # internal error of the channel provider
        # About one message, this time.
        21408: Reason.other,  # texts to this country are not switched on
        21612: Reason.other,  # no way from this From to this To
        30003: Reason.other,  # unreachable handset: switched off, or no reception
        30004: Reason.other,  # message blocked
        30008: Reason.other,  # unknown error
        30009: Reason.other,  # missing segment
        30010: Reason.other,  # price over MaxPrice
        30011: Reason.other,  # the number takes no pictures
        30036: Reason.other,  # validity period expired
        63032: Reason.other,  # the network does not let this customer be written to
        63049: Reason.other,  # Meta chose not to deliver this marketing message
    }
)

_NOT_ON_WHATSAPP = frozenset({63003, 63024})
"""Nobody uses WhatsApp by this number, which may take texts and calls all the same."""

_BY_STATUS = {
    401: Reason.auth_failed,
    403: Reason.auth_failed,
    413: Reason.too_large,
    429: Reason.rate_limited,
}
PASSING = frozenset(
    {Reason.rate_limited, Reason.provider_down, Reason.auth_failed, Reason.blocked_sender}
)
"""What is mended by time, or by us: then the same message may go out."""
OF_ACCOUNT = frozenset({Reason.rate_limited, Reason.auth_failed})
"""What the next message would be told as well."""


def reason_of(code: int | None, status: int, to: str) -> Reason:
    """Of a refusal. A code that is not in the table is judged by the status it came with."""
    known = _known(code, to)
    return known or _BY_STATUS.get(status, Reason.other)


def failure_of(code: int | None, to: str) -> tuple[FeedbackKind, Reason | None]:
    """Of a message that was taken and failed then: what it is, and what it means beyond."""
    reason = _known(code, to) or Reason.other
    if reason is Reason.bad_address:
        return FeedbackKind.bounced_hard, reason
    if reason is Reason.unsubscribed:
        return FeedbackKind.unsubscribed, reason
    return FeedbackKind.bounced_soft, None if reason is Reason.other else reason


def _known(code: int | None, to: str) -> Reason | None:
    """`to` as Twilio writes it, with the network's word before the address."""
    if code in _NOT_ON_WHATSAPP and to.startswith("whatsapp:"):
        return Reason.other
    return REASONS.get(code) if code is not None else None
