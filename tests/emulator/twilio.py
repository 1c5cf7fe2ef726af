"""Twilio's side: messages with their SIDs, the list of them by number, and signed reports."""

import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha1
from itertools import count
from typing import Any
from urllib.parse import urlencode

from tests.emulator.described import Asked
from tests.emulator.server import Callback, Emulator, Reply

ACCOUNT = "AC" + "0123456789abcdef" * 2
SERVICE = "MG" + "0123456789abcdef" * 2
TOKEN = "an auth token of the emulator"
NUMBER = "+12125550199"
_MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
_NUMBERS = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
_PLAIN = str.maketrans("‘’“”–", "''\"\"-")
FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")


@dataclass(frozen=True, slots=True)
class Message:
    """What Twilio has taken."""

    sid: str
    to: str
    sender: str
    body: str
    created: datetime
    callback: str
    asked: dict[str, str]
    status: str = "queued"


class Twilio(Emulator):
    """One account, with its token, one number, and one messaging service."""

    vendor = "twilio"

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.account_status = "active"
        self._said = count(1)

    def sends(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path.endswith("/Messages.json")

    def refusal(self, what: str) -> Reply:
        return _error(400, 20001, what)

    def handle(self, asked: Asked) -> Reply:
        login = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {login}":
            return _error(401, 20003, "Authenticate")
        if asked.path == _MESSAGES and asked.method == "POST":
            return self._create(asked.form)
        if asked.path == _MESSAGES:
            return self._list(asked.query)
        if asked.path == f"/2010-04-01/Accounts/{ACCOUNT}.json":
            return Reply(200, {"sid": ACCOUNT, "status": self.account_status})
        if asked.path == _NUMBERS:
            own = asked.query.get("PhoneNumber") == NUMBER
            numbers = [{"sid": "PN" + "0" * 32, "phone_number": NUMBER}] if own else []
            return Reply(200, {"incoming_phone_numbers": numbers, "next_page_uri": None})
        if asked.path == f"/v1/Services/{SERVICE}":
            return Reply(200, {"sid": SERVICE, "friendly_name": "offers"})
        return _error(404, 20404, f"The requested resource {asked.path} was not found")

    def about(self, sid: str) -> Message:
        """One of the messages."""
        return next(one for one in self.messages if one.sid == sid)

    def report(self, sid: str, status: str, error_code: int | None = None) -> Callback:
        """A status callback, as documented, to the address that the request named."""
        one = self.about(sid)
        form = {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "From": one.sender,
            "MessageSid": sid,
            "MessageStatus": status,
            "SmsSid": sid,
            "SmsStatus": status,
            "To": one.to,
        }
        if error_code is not None:
            form["ErrorCode"] = str(error_code)
        return signed(one.callback, form)

    def says(self, url: str, sender: str, text: str, **more: str) -> Callback:
        """A customer's answer."""
        sid = f"SMf{next(self._said):031x}"
        form = {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "Body": text,
            "From": sender,
            "MessageSid": sid,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": NUMBER,
        }
        return signed(url, form | more)

    def _create(self, form: dict[str, str]) -> Reply:
        text = form.get("Body", "")
        if form.get("SmartEncoded") == "true":
            text = text.translate(_PLAIN)
        if "ContentSid" in form:
            values = json.loads(form.get("ContentVariables", "{}"))
            text = f"Hello {' '.join(values.values())}"
        one = Message(
            sid=f"SM{len(self.messages) + 1:032x}",
            to=form["To"],
            sender=form.get("From", NUMBER),
            body=text,
            created=self.now,
            callback=form.get("StatusCallback", ""),
            asked=form,
        )
        self.messages.append(one)
        return Reply(201, _shown(one))

    def _list(self, query: dict[str, str]) -> Reply:
        found = [one for one in self.messages if one.to == query.get("To", one.to)]
        size = int(query.get("PageSize", 50))
        shown = [_shown(one) for one in reversed(found)][:size]
        return Reply(200, {"messages": shown, "page": 0, "page_size": size, "next_page_uri": None})

    def forget(self, sid: str) -> None:
        """As if it had never been taken."""
        self.messages = [one for one in self.messages if one.sid != sid]

    def was_created(self, sid: str, at: datetime) -> None:
        """Put a message at another time."""
        self.messages = [
            replace(one, created=at) if one.sid == sid else one for one in self.messages
        ]


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> Callback:
    """X-Twilio-Signature: the address, then each field's name and value by name, by HMAC-SHA1."""
    text = url + "".join(name + form[name] for name in sorted(form))
    signature = b64encode(hmac.new(token.encode(), text.encode(), sha1).digest()).decode()
    return Callback(url, urlencode(form).encode(), (FORM, ("X-Twilio-Signature", signature)))


def login_of(asked: Asked) -> str:
    """User and password of a request."""
    return b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()


def _error(status: int, code: int, message: str) -> Reply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Reply(status, {"code": code, "message": message, "more_info": more, "status": status})


def _shown(one: Message) -> dict[str, Any]:
    made = format_datetime(one.created)
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": one.body,
        "date_created": made,
        "date_sent": None,
        "date_updated": made,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": one.sender,
        "messaging_service_sid": one.asked.get("MessagingServiceSid"),
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": one.sid,
        "status": one.status,
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{one.sid}/Media"},
        "to": one.to,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{one.sid}.json",
    }
