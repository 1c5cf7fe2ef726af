"""Opens and clicks of our own: only where `shop.yaml` says so, and without an open redirect.

A link in a message names the message and a key; the address that it leads to stays on our side.
"""

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from channels.contract import FeedbackKind
from orchestrator.flow.feedback import OURS, hear, own
from orchestrator.flow.links import Links
from orchestrator.model.shop import Shop, Tracking
from orchestrator.store.database import reading
from orchestrator.store.targets import target

# The renderer writes double quotes, and HTML's own characters as entities.
_LINK = re.compile(r'(<a\b[^>]*?\bhref=")(https?://[^"<>\s]+)(")', re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)

_PICTURE = '<img src="{}" width="1" height="1" alt="">'

# Cubot makes telephones.
_MACHINES = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview|scan|fetch|monitor|prefetch|proofpoint|mimecast|barracuda|"
    r"safelinks|urldefense|fireeye|trendmicro|symantec|forcepoint|ironport|messagelabs|"
    r"facebookexternalhit|^whatsapp|skypeuri|headless|python|curl|wget|"
    r"java/|okhttp|go-http|libwww|apache-httpclient|node-fetch|axios",
    re.IGNORECASE,
)
_BARE = "Mozilla/5.0"
"""All that some mail programs' proxies say of themselves: they fetch whatever comes in, unread."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The page with its links led through us, and where each leads: key → address."""

    html: str
    targets: dict[str, str]


def track(page: str, wanted: Tracking, links: Links, message_id: int) -> Tracked:
    """Lead the links of a message's HTML through us; those that are ours stay as they are."""
    found: dict[str, str] = {}
    if wanted.clicks:
        ours = (links.unsubscribe(message_id), links.preferences(message_id))

        def through(match: re.Match[str]) -> str:
            url = html.unescape(match[2])
            if url in ours:
                return match[0]
            key = key_of(url)
            found[key] = url
            return f"{match[1]}{html.escape(links.clicked(message_id, key))}{match[3]}"

        page = _LINK.sub(through, page)
    if wanted.opens:
        picture = _PICTURE.format(html.escape(links.opened(message_id)))
        page = _END.sub(picture + "</body>", page, count=1)
    return Tracked(page, found)


def key_of(url: str) -> str:
    """The key under which an address is kept."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def is_machine(method: str, header: Callable[[str], str]) -> bool:
    """Whether a program looks, and no person: scanners, previews, and what is fetched ahead."""
    agent = header("user-agent").strip()
    ahead = f"{header('purpose')} {header('sec-purpose')} {header('x-purpose')} {header('x-moz')}"
    return (
        method != "GET"
        or agent in ("", _BARE)
        or _MACHINES.search(agent) is not None
        or "prefetch" in ahead.lower()
        or "preview" in ahead.lower()
    )


def opened(engine: Engine, shop: Shop, message_id: int, now: datetime) -> None:
    """A person saw the message; the first time counts."""
    event = own(FeedbackKind.opened, message_id, f"opened/{message_id}", now)
    hear(engine, shop, OURS, [event], now)


def clicked(engine: Engine, shop: Shop, message_id: int, key: str, now: datetime) -> None:
    """A person followed a link; the first time counts for each."""
    event = own(FeedbackKind.clicked, message_id, f"clicked/{message_id}/{key}", now, key)
    hear(engine, shop, OURS, [event], now)


def where_to(engine: Engine, key: str) -> str | None:
    """The address that is kept under a key."""
    with reading(engine) as connection:
        return target(connection, key)
