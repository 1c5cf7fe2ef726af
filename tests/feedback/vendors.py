"""A shop whose texts leave through Twilio and letters through SendGrid, and who hears back.

Both are the vendors' own SDKs against emulators that call back, signed, the real web application.
What sends and what hears are two objects of a plugin each, as in two processes.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from channels.contract import Channel
from channels.email_sendgrid import SendGridChannel, SendGridSettings
from channels.sms_twilio import TwilioChannel, TwilioSettings
from orchestrator.entry.web.app import Front, Site
from tests.emulator.sendgrid import KEY, SendGrid
from tests.emulator.server import Callback, make
from tests.emulator.twilio import ACCOUNT, NUMBER, TOKEN, Twilio
from tests.feedback.site import Caller, serving
from tests.feedback.stage import TEXT, number
from tests.servers.ports import free_port
from tests.support.shop import NOW, Small, consent, customer, event

THROUGH = {
    "email": {"through": "email_sendgrid", "sender": "shop@example.com"},
    "sms": {"through": "sms_twilio", "sender": NUMBER},
}
BILL = {"purpose": "service", "trigger": {"event": "Order Completed"}}
TEXTED_BILL = {"purpose": "service", "trigger": {"event": "Product Viewed"}, "channels": ["sms"]}


@dataclass(frozen=True)
class Vendors:
    """The shop, both vendors, and the way to the web application."""

    shop: Small
    twilio: Twilio
    sendgrid: SendGrid
    caller: Caller

    @property
    def url(self) -> str:
        """Where the shop hears."""
        return f"http://127.0.0.1:{self.caller.port}"

    def happens(self, name: str, key: str, at: datetime) -> None:
        """An event that a campaign waits for, and a look at whatever is due then."""
        self.twilio.now = at
        self.shop.add(event(key, name, at))
        self.shop.tick(at)

    def goes_on(self, start: datetime) -> None:
        """25 minutes pass for the shop and for Twilio, and nobody calls back."""
        for minute in range(5, 26, 5):
            self.twilio.now = start + timedelta(minutes=minute)
            self.shop.tick(self.twilio.now)

    def says(self, key: str, text: str, **more: str) -> list[int]:
        """A customer answers by text."""
        url = f"{self.url}/hooks/sms_twilio"
        return make([self.twilio.says(url, number(key), text, **more)])

    def tells(self, *events: Mapping[str, Any], repeat: int = 1) -> list[int]:
        """SendGrid tells of events, signed now."""
        return make([self.posted(*events)], repeat=repeat)

    def posted(self, *events: Mapping[str, Any]) -> Callback:
        """SendGrid's request about some events."""
        self.sendgrid.now = datetime.now(UTC)
        return self.sendgrid.post(f"{self.url}/hooks/email_sendgrid", [dict(one) for one in events])


@contextmanager
def vendors(
    folder: Path, twilio: Twilio, sendgrid: SendGrid, *keys: str, database: str, **more: Any
) -> Iterator[Vendors]:
    """Each customer has agreed to everything; nobody has been written to yet."""
    port = free_port()
    about_texts = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "api_url": twilio.url,
        "callback_url": f"http://127.0.0.1:{port}/hooks/sms_twilio",
        "timeout_s": more.pop("timeout_s", 5.0),
        "opt_outs": "tactful",
    }
    about_letters = {
        "api_key": KEY,
        "api_url": sendgrid.url,
        "timeout_s": about_texts["timeout_s"],
        "webhook_public_key": sendgrid.public_key,
    }

    def plugins() -> dict[str, Channel[Any]]:
        return {
            "sms_twilio": TwilioChannel(TwilioSettings.model_validate(about_texts)),
            "email_sendgrid": SendGridChannel(SendGridSettings.model_validate(about_letters)),
        }

    twilio.now = sendgrid.now = NOW
    campaigns = {"letter": {}, "text": TEXT, "bill": BILL, "texted-bill": TEXTED_BILL}
    with ExitStack() as open_ones:
        sending, hearing = plugins(), plugins()
        for channel in (*sending.values(), *hearing.values()):
            open_ones.enter_context(channel)
        shop = Small(folder, campaigns, shop={"channels": THROUGH, **more}, database=database)
        open_ones.callback(shop.engine.dispose)
        shop.channels.update(email=sending["email_sendgrid"], sms=sending["sms_twilio"])
        for key in keys:
            shop.add(customer(key, phone=number(key)), consent(key), consent(key, "sms"))
        tactful = shop.tactful
        front = Front(
            tactful.shop,
            hearing,
            f"http://127.0.0.1:{port}",
            answering=tactful.answering,
        )
        caller = open_ones.enter_context(serving(Site(shop.engine, front=front), port))
        yield Vendors(shop, twilio, sendgrid, caller)


def soon() -> datetime:
    """A moment after what was just heard: the web application reads the clock."""
    return datetime.now(UTC) + timedelta(seconds=1)
