"""Social networks and chats through Apprise: Mastodon, Telegram, Bluesky, Slack, Matrix, Signal …

Apprise answers yes or no, and its no does not tell a refusal from a lost answer. So yes is
`Accepted`, what Apprise cannot even begin is `Rejected`, and every no is `Unknown`: certain that
nothing was sent it is only where nothing was written. What Apprise would do by itself beyond one
request – try again, follow a redirect, split a text, keep files – is switched off or refused.
"""

import logging
import os
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote

from pydantic import Field, SecretStr, model_validator

from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Finding,
    Item,
    Level,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)

if TYPE_CHECKING:
    from apprise import Apprise, AppriseAsset, NotifyBase

PLACE = "{address}"
# No comma, space or slash: to Apprise they would be several addresses, or a setting.
_ADDRESS = re.compile(r"[\w@.+:#!~=-]{1,200}")
_ITS_OWN_WAYS = re.compile(r"[?&](retry|wait|overflow|redirect|optional)=", re.IGNORECASE)
_NAME_CHARS_MAX = 20  # LINE refuses a longer one
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_MISSING = "Apprise is not installed: pip install 'tactful[social]'"


class SocialSettings(ChannelSettings):
    """`url` holds a token, so it comes from TACTFUL_SOCIAL_APPRISE_URL.

    An Apprise URL with `{address}` where the customer's address belongs, such as
    `mastodons://TOKEN@mastodon.example/{address}?visibility=direct`. Without it every message goes
    to the same place.
    """

    url: SecretStr
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    """For connecting, and for each answer. `send` may outlast its deadline by both."""

    @model_validator(mode="after")
    def _one_request_each(self) -> Self:
        url = self.url.get_secret_value()
        if "://" not in url:
            raise ValueError("url is no Apprise URL: service://…")
        if _ITS_OWN_WAYS.search(url):
            raise ValueError(
                "url: whether to try again, split or follow is not Apprise's to decide"
            )
        return self


class SocialChannel(Channel[SocialSettings]):
    """One message after the other: Apprise has no connection to keep."""

    name = "social_apprise"
    Settings = SocialSettings
    capabilities = Capabilities(
        kinds=frozenset({"social"}),
        parts=MappingProxyType({"social": frozenset({"text"})}),
        batch_size_max=20,
        rate_per_s=None,
        idempotency=None,
        search=False,
        callback=False,
        receipts=False,
        text_chars_max=None,  # each network has its own; Apprise knows it
        body_bytes_max=100_000,
    )

    def prepare(self, item: Item) -> Prepared | Unsupported:
        made = self._made(item)
        if isinstance(made, Unsupported):
            return made
        return Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s
        return [self._post(item, end_s) for item in items]

    def check(self) -> list[Finding]:
        try:
            service = self._service("anna", "")
        except ImportError:
            return [Finding(Level.error, _MISSING)]
        if service is None:
            what = "Apprise makes nothing of url"
            return [Finding(Level.error, what, "see github.com/caronc/apprise for its form")]
        found = [Finding(Level.good, f"{service.service_name}, as far as Apprise can tell")]
        if PLACE not in self.settings.url.get_secret_value():
            what = "every message goes to one and the same place"
            found.append(Finding(Level.warning, what, f"write {PLACE} into url"))
        if set_ := [one for one in _PROXIES if os.environ.get(one) or os.environ.get(one.lower())]:
            what = f"Apprise goes through the proxy that {', '.join(set_)} names"
            found.append(Finding(Level.warning, what, "unset it, or set NO_PROXY"))
        return found

    def _post(self, item: Item, end_s: float) -> Outcome:
        made = self._made(item)
        if isinstance(made, Unsupported):
            return Rejected(Reason.unsupported, f"{made.what}: {made.fix}")
        if monotonic() >= end_s:
            return Deferred(0.0, "not written before the deadline")
        from apprise import Apprise, NotifyFormat

        # Asked directly, a service may take the text for its own markup.
        asked, told = Apprise(asset=made.asset), _Words()
        asked.add(made)
        made.logger.addHandler(told)
        try:
            taken = asked.notify(body=item.text, body_format=NotifyFormat.TEXT)
        # Some hundred services, by as many authors: whatever one raises, it may have written.
        except Exception as error:
            return Unknown(f"{made.service_name}: {type(error).__name__}")
        finally:
            made.logger.removeHandler(told)
        if taken:
            return Accepted(f"apprise:{item.stable_id}")
        return Unknown(
            f"{made.service_name} said no, or nothing; Apprise cannot tell which: {told}"
        )

    def _made(self, item: Item) -> "NotifyBase | Unsupported":
        """The service as Apprise would use it for this message alone."""
        fault = self.cannot_carry(item)
        if fault is not None:
            return fault
        address = item.address
        if not _ADDRESS.fullmatch(address):
            return Unsupported("an address that is no name or number", "correct the address")
        try:
            service = self._service(address, item.sender.name)
        except ImportError:
            return Unsupported(_MISSING, "install it, and start the workers anew")
        if service is None:
            return Unsupported("an address that Apprise cannot use", "compare it with url")
        # What Apprise cannot read it leaves out, and the message would be for everybody to see.
        read = unquote(service.url())  # type: ignore[no-untyped-call]
        kept = address.strip("@#!+").casefold() in read.casefold()
        if PLACE in self.settings.url.get_secret_value() and not kept:
            return Unsupported("an address that this service does not know", "correct the address")
        if len(service) != 1:
            return Unsupported(f"a message that becomes {len(service)} requests", "see url")
        if len(item.text) > service.body_maxlen:
            what = f"a text of {len(item.text)} characters"
            return Unsupported(what, f"{service.service_name} takes {service.body_maxlen}")
        return service

    def _service(self, address: str, sender: str) -> "NotifyBase | None":
        from apprise import Apprise

        template = self.settings.url.get_secret_value()
        url = template.replace(PLACE, quote(address, safe=""))
        service = _instantiated(Apprise, url, _asset(_shown(sender)))
        if service is not None:
            service.socket_connect_timeout = service.socket_read_timeout = self.settings.timeout_s
            service.service_retry = 0
        return service


def _shown(sender: str) -> str:
    """Who writes, as some services show it. It goes into a header of every request as well, which
    holds no more than Latin letters."""
    try:
        sender.encode("latin-1")
    except UnicodeEncodeError:
        sender = ""
    return sender[:_NAME_CHARS_MAX].strip() or "Tactful"


@lru_cache(maxsize=8)
def _asset(sender: str) -> "AppriseAsset":
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id=sender,
        # Else Apprise's own logo stands beside a shop's message.
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        interpret_escapes=False,
        interpret_emojis=False,
        storage_mode="memory",
    )


def _instantiated(apprise: "type[Apprise]", url: str, asset: "AppriseAsset") -> "NotifyBase | None":
    """None where Apprise makes nothing of it. Its own complaint would show the URL in a log."""
    log = logging.getLogger("apprise")
    was, log.disabled = log.disabled, True
    try:
        return apprise.instantiate(url, asset=asset)
    finally:
        log.disabled = was


class _Words(logging.Handler):
    """What Apprise warned of, for a person to read: nothing is decided by it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(" ".join(record.getMessage().split())[:200])

    def __str__(self) -> str:
        return "; ".join(self._said[:3]) or "no word"
