"""Makes a message of a claimed row: its text, its quote, and the item that a channel will carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from channels.contract import Channel, Item, Prepared, Sender, Unsupported
from orchestrator.flow.gather import Gathered, Proposal
from orchestrator.flow.links import Links, unsubscribe_headers
from orchestrator.flow.plugin_calls import BrokeDown, prepared
from orchestrator.flow.promised import not_shown
from orchestrator.flow.render.context import (
    MessageContext,
    campaign_context,
    message_context,
    product_context,
)
from orchestrator.flow.render.render import Rendered, RenderFailed, render_email, render_text
from orchestrator.flow.render.templates import TemplateSet
from orchestrator.flow.tracking import track
from orchestrator.model.campaign import Campaign
from orchestrator.model.message import State
from orchestrator.model.shop import Shop
from orchestrator.model.version import Version
from orchestrator.store.claims import Claimed
from orchestrator.store.recipients import Recipient


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as its customer would see it, and as the channel would write it."""

    claimed: Claimed
    rendered: Rendered
    prepared: Prepared
    targets: Mapping[str, str] = field(default_factory=dict)
    """Where its counted links lead, by their keys."""

    @property
    def pieces(self) -> int:
        """What is paid for: segments of a text message, else the message."""
        return (
            self.prepared.segments
            if self.rendered.segments is None
            else self.rendered.segments.count
        )

    def as_content(self) -> dict[str, Any]:
        """The row that keeps what was shown."""
        return {
            "message_id": self.claimed.id,
            "subject": self.rendered.subject or None,
            "text": self.prepared.item.text,
            "html": self.rendered.html or None,
            "quote": [line.as_dict() for line in self.rendered.quote.lines],
            "segments": self.pieces,
        }


@dataclass(frozen=True, slots=True)
class NotComposed:
    """Why there is no message: a reason for the ledger and a sentence for people.

    `deferred`, where it may become one once somebody has mended what is no fault of its own.
    """

    claimed: Claimed
    reason: str
    detail: str
    state: State = State.RENDER_FAILED


class Composer:
    """Composes messages; each version's templates are compiled once."""

    def __init__(self, links: Links, deployment_id: str) -> None:
        self._links = links
        self._deployment_id = deployment_id
        self._templates: dict[str, TemplateSet] = {}
        self._shared: dict[str, dict[str, Any]] = {}

    def compose(
        self, claimed: Claimed, version: Version, gathered: Gathered, channel: Channel[Any],
        now: datetime,
    ) -> Composed | NotComposed:  # fmt: skip
        """The message, or why there is none. Bad data ends this message alone."""
        if version.campaign.offer is not None and not gathered.proposals.get(claimed.id):
            gone = "what was to be offered is sold out, bought meanwhile, or has no price now"
            return NotComposed(claimed, "nothing_to_offer", gone, State.STALE)
        context = self._context(claimed, version, gathered, now)
        rendered = self._render(claimed, version, context)
        if isinstance(rendered, RenderFailed):
            place = f"{rendered.template}:{rendered.line}: " if rendered.template else ""
            return NotComposed(claimed, rendered.reason, place + rendered.detail)
        hidden = _hidden(claimed, version, gathered, rendered)
        if hidden:
            detail = f"offer.show promises {', '.join(hidden)}; print prices by price(product)"
            return NotComposed(claimed, "price_not_shown", detail)
        tracked = track(rendered.html, version.shop.tracking, self._links, claimed.id)
        if tracked.html != rendered.html:
            rendered = replace(rendered, html=tracked.html)
        item = self._item(claimed, version, rendered, context.locale)
        ready = prepared(channel, item)
        if isinstance(ready, BrokeDown):
            return NotComposed(claimed, "plugin_broke", ready.what, State.DEFERRED)
        if isinstance(ready, Unsupported):
            return NotComposed(claimed, "unsupported", f"{ready.what}; {ready.fix}")
        most = version.campaign.segments_max
        composed = Composed(claimed, rendered, ready, tracked.targets)
        if rendered.segments is not None and composed.pieces > most:
            detail = f"{composed.pieces} segments; segments_max is {most}"
            return NotComposed(claimed, "too_long", detail)
        return composed

    def _render(
        self, claimed: Claimed, version: Version, context: MessageContext
    ) -> Rendered | RenderFailed:
        templates = self.templates(version)
        prefix = version.prefix(claimed.step).removesuffix(".")
        offers = version.campaign.offer is not None
        if claimed.channel == "email":
            return render_email(templates, context, prefix=prefix, offer=offers)
        kind = f"{claimed.channel}.txt"
        return render_text(templates, context, prefix=prefix, kind=kind, offer=offers)

    def templates(self, version: Version) -> TemplateSet:
        """The campaign's templates with the shared ones, compiled at first use."""
        if version.digest not in self._templates:
            self._templates[version.digest] = TemplateSet(sources(version))
        return self._templates[version.digest]

    def _context(
        self, claimed: Claimed, version: Version, gathered: Gathered, now: datetime
    ) -> MessageContext:
        recipient = gathered.recipients[claimed.customer_id]
        zone = zone_of(recipient, version.shop)
        event = gathered.events.get(claimed.event_id) if claimed.event_id is not None else None
        if version.digest not in self._shared:
            self._shared[version.digest] = shared_context(version.shop, version.campaign)
        return message_context(
            self._shared[version.digest],
            customer=recipient.traits,
            today=now.astimezone(zone).date(),
            zone=zone,
            locale=recipient.locale or version.shop.locale,
            links={
                "unsubscribe": self._links.unsubscribe(claimed.id),
                "preferences": self._links.preferences(claimed.id),
            },
            products=[_product(p) for p in gathered.proposals.get(claimed.id, ())],
            event=None
            if event is None
            else {"name": event.name, "at": event.at, "properties": event.properties},
        )

    def _item(self, claimed: Claimed, version: Version, rendered: Rendered, locale: str) -> Item:
        use = version.shop.channels[claimed.channel]
        headers: tuple[tuple[str, str], ...] = ()
        if claimed.channel == "email" and version.campaign.marketing:
            headers = unsubscribe_headers(self._links.unsubscribe(claimed.id))
        return Item(
            message_id=str(claimed.id),
            attempt_id="",  # known once it is admitted
            kind=claimed.channel,
            address=claimed.address,
            text=rendered.text,
            subject=rendered.subject or None,
            html=rendered.html or None,
            sender=_sender(version.shop.brand.name, use.sender),
            headers=headers,
            stable_id=stable_id(self._deployment_id, claimed.id),
            not_after=claimed.expires_at,
            language=locale.replace("_", "-"),
        )


def _hidden(
    claimed: Claimed, version: Version, gathered: Gathered, rendered: Rendered
) -> list[str]:
    offer = version.campaign.offer
    if offer is None or claimed.channel != "email":
        return []
    return not_shown(offer, rendered.quote, gathered.proposals[claimed.id])


_sender = lru_cache(maxsize=100)(Sender)


def stable_id(deployment_id: str, message_id: int) -> str:
    """The message's name at every provider, the same over all its attempts."""
    return f"{deployment_id}.{message_id}"


def sources(version: Version) -> dict[str, str]:
    """The campaign's own templates and the shared ones, by the names that templates use."""
    shared = {
        name.removeprefix("templates/"): text
        for name, text in version.settings.files.items()
        if name.startswith("templates/")
    }
    return {**shared, **version.files}


def shared_context(shop: Shop, campaign: Campaign) -> dict[str, Any]:
    """What all messages of a campaign may say about the shop and about it."""
    return campaign_context(
        shop={
            "brand": shop.brand.name,
            "postal_address": shop.brand.postal_address,
            "contact": shop.brand.contact,
            "url": str(shop.base_url),
        },
        campaign={
            "name": campaign.name,
            "topic": shop.topics.get(campaign.topic, campaign.topic),
            "purpose": campaign.purpose,
        },
    )


def zone_of(recipient: Recipient, shop: Shop) -> ZoneInfo:
    """The customer's zone where it is certain, else the shop's: for dates in the text."""
    zones = recipient.clock.zones
    return ZoneInfo(zones[0] if len(zones) == 1 else shop.zone)


def _product(proposal: Proposal) -> dict[str, Any]:
    return product_context(proposal.product, proposal.price, proposal.order_link)
