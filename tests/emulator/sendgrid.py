"""SendGrid's side: letters out of requests, as they would be delivered, and signed events."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.emulator.described import Asked
from tests.emulator.server import Callback, Emulator, Reply

KEY = "SG.a-key-of-the-emulator"
_SUBSTITUTIONS_BYTES_MAX = 10_000
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, with what was its own put in its place."""

    ref: str
    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    args: Mapping[str, str]
    request: Mapping[str, Any] = field(repr=False)


class SendGrid(Emulator):
    """One account, with its key, and the pair of keys that its events are signed with."""

    vendor = "sendgrid"

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []
        self.requests = 0
        self.bad_addresses: set[str] = set()
        self.scopes = ["mail.send", "sender_verification_eligible"]
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid shows it."""
        public = self._key.public_key()
        return b64encode(
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode()

    def sends(self, asked: Asked) -> bool:
        return asked.path == "/v3/mail/send"

    def refusal(self, what: str) -> Reply:
        return _errors(400, (what, "description"))

    def handle(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            words = "The provided authorization grant is invalid, expired, or revoked"
            return _errors(401, (words, None))
        if asked.path == "/v3/scopes":
            return Reply(200, {"scopes": self.scopes})
        body = json.loads(asked.body)
        wrong = self._wrong(body)
        if wrong:
            return _errors(400, *wrong)
        if body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            return Reply(200)
        self.requests += 1
        ref = f"emulated-{self.requests:08d}"
        self.letters += [_letter(ref, body, one) for one in body["personalizations"]]
        return Reply(202, None, (("X-Message-Id", ref),))

    def event(self, letter: Letter, name: str, number: int = 1, **more: Any) -> dict[str, Any]:
        """One event about a letter, as documented. The same name and number are the same event."""
        return {
            "email": letter.to,
            "timestamp": int(self.now.timestamp()),
            "smtp-id": f"<{letter.ref}@geopod-ismtpd-1>",
            "event": name,
            "category": letter.request.get("categories", []),
            "sg_event_id": b64encode(f"{letter.ref}/{letter.to}/{name}/{number}".encode()).decode(),
            "sg_message_id": f"{letter.ref}.recvd-6f7b-1-{number}.0",
            **letter.args,
            **more,
        }

    def post(self, url: str, events: list[dict[str, Any]]) -> Callback:
        """A signed request of the Event Webhook."""
        return self.signed(url, json.dumps(events).encode())

    def signed(self, url: str, body: bytes, stamp: str | None = None) -> Callback:
        """X-Twilio-Email-Event-Webhook-Signature: ECDSA over time and body."""
        at = stamp or str(int(self.now.timestamp()))
        signature = self._key.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = (
            _JSON,
            ("X-Twilio-Email-Event-Webhook-Signature", b64encode(signature).decode()),
            ("X-Twilio-Email-Event-Webhook-Timestamp", at),
        )
        return Callback(url, body, headers)

    def _wrong(self, body: dict[str, Any]) -> list[tuple[str, str | None]]:
        seen: set[str] = set()
        wrong: list[tuple[str, str | None]] = []
        for number, one in enumerate(body["personalizations"]):
            address = one["to"][0]["email"].lower()
            place = f"personalizations.{number}"
            if address in self.bad_addresses:
                wrong.append(("Does not contain a valid address.", f"{place}.to.0.email"))
            if address in seen:
                words = "Each unique email address in the personalizations array should only be"
                wrong.append((f"{words} included once.", "personalizations"))
            seen.add(address)
            filled = one.get("substitutions", {}).items()
            if sum(len((tag + text).encode()) for tag, text in filled) > _SUBSTITUTIONS_BYTES_MAX:
                wrong.append(("The substitutions are too large.", f"{place}.substitutions"))
        return wrong


def _errors(status: int, *told: tuple[str, str | None]) -> Reply:
    errors = [{"message": words, "field": name, "help": None} for words, name in told]
    return Reply(status, {"errors": errors})


def _letter(ref: str, body: dict[str, Any], one: dict[str, Any]) -> Letter:
    content = {part["type"]: part["value"] for part in body["content"]}

    def filled(text: str) -> str:
        for tag, value in one.get("substitutions", {}).items():
            text = text.replace(tag, value)
        return text

    return Letter(
        ref,
        one["to"][0]["email"],
        filled(one.get("subject", body["subject"])),
        filled(content.get("text/plain", "")),
        filled(content.get("text/html", "")),
        one.get("headers", {}),
        one.get("custom_args", {}),
        body,
    )
