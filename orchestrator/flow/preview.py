"""One message of a campaign as one customer would see it now, whatever the gates say."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.compose import Composed, NotComposed
from orchestrator.flow.explain.occasion import Occasion, find_occasion
from orchestrator.flow.gather import gather
from orchestrator.flow.rehearsal import rehearsing
from orchestrator.flow.tactful import Tactful
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.errors import NotFound, WrongUse
from orchestrator.model.problem import did_you_mean, or_near
from orchestrator.model.version import Version
from orchestrator.store.claims import Claimed
from orchestrator.store.clocks import clocks_of
from orchestrator.store.customers import CustomerRow, load_addresses, load_customers
from orchestrator.store.planned import write_supposed

SUPPOSED_ID = 0
"""No real message has this number, so that no link in a preview is ever anybody's."""

SUPPOSED_ADDRESS = {"email": "nobody@example.com", "phone": "+12015550123"}
"""For a customer without an address, so that the message can be seen all the same."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The message, or why there is none. `address` is empty where the customer has none.

    `pieces`: segments of a text message, else 1. `html` is empty where the channel has none.
    """

    campaign: str
    customer: str
    channel: str
    step: int
    address: str
    occasion: Occasion
    failed: str = ""
    detail: str = ""
    subject: str = ""
    preheader: str = ""
    text: str = ""
    html: str = ""
    pieces: int = 0
    alphabet: str = ""
    cost: Decimal = Decimal(0)
    currency: str = ""
    quote: tuple[dict[str, Any], ...] = ()


def preview(
    tactful: Tactful,
    campaign: str,
    customer: str,
    now: datetime,
    *,
    channel: str | None = None,
    step: int | None = None,
) -> Preview:
    """Render it. Raises NotFound for a campaign, customer, channel or step that there is not."""
    version = _version(tactful, campaign)
    number = _step(version, step)
    with rehearsing(tactful.engine, tactful.versions, {}) as connection:
        row = load_customers(connection, {customer}).get(customer)
        if row is None:
            raise NotFound(f"there is no customer {customer!r}")
        addresses = {
            kind: one.address for kind, one in load_addresses(connection, {row.id})[row.id].items()
        }
        by = _channel(version, number, row, addresses, channel)
        clocks = clocks_of(connection, {row.id})
        occasion = find_occasion(connection, version.campaign, version.shop, row.id, clocks, now)
        address = addresses.get(ADDRESS_KINDS[by], "")
        claimed = _claimed(version, number, row.id, by, address, occasion, now)
        made = _compose(connection, tactful, version, claimed, now)
    about = Preview(campaign, customer, by, number, address, occasion)
    return _shown(about, made, version)


def _compose(
    connection: Connection,
    tactful: Tactful,
    version: Version,
    claimed: Claimed,
    now: datetime,
) -> Composed | NotComposed:
    write_supposed(connection, claimed, version.name)
    gathered = gather(connection, [claimed], tactful.known.of, tactful.statements, now)
    channel = tactful.channels[claimed.channel]
    return tactful.composer.compose(claimed, version, gathered, channel, now)


def _shown(about: Preview, made: Composed | NotComposed, version: Version) -> Preview:
    if isinstance(made, NotComposed):
        return replace(about, failed=made.reason, detail=made.detail)
    segments = made.rendered.segments
    return replace(
        about,
        subject=made.rendered.subject,
        preheader=made.rendered.preheader,
        text=made.prepared.item.text,
        html=made.rendered.html,
        pieces=made.pieces,
        alphabet="" if segments is None else segments.alphabet,
        cost=made.pieces * version.shop.channels[about.channel].cost,
        currency=version.shop.currency,
        quote=tuple(line.as_dict() for line in made.rendered.quote.lines),
    )


def _version(tactful: Tactful, name: str) -> Version:
    named = {version.name: version for version in tactful.versions}
    if name not in named:
        raise NotFound(or_near(f"there is no campaign {name!r}", name, named))
    return named[name]


def _step(version: Version, step: int | None) -> int:
    sends = sorted(version.campaign.sends)
    if step is None:
        return sends[0]
    if step not in sends:
        known = ", ".join(map(str, sends))
        raise NotFound(f"step {step} of {version.name} sends nothing; those that do: {known}")
    return step


def _channel(
    version: Version,
    step: int,
    customer: CustomerRow,
    addresses: dict[str, str],
    wanted: str | None,
) -> str:
    channels = version.routes[step].channels
    if not channels:
        raise WrongUse(f"step {step} of {version.name} has no channel to be sent by")
    if wanted is not None:
        if wanted not in channels:
            near = did_you_mean(wanted, channels)
            raise NotFound(f"{version.name} is not sent by {wanted!r}; {near}")
        return wanted
    if customer.preferred_channel in channels:
        return customer.preferred_channel or channels[0]
    reached = (name for name in channels if ADDRESS_KINDS[name] in addresses)
    return next(reached, channels[0])


def _claimed(
    version: Version,
    step: int,
    customer_id: int,
    channel: str,
    address: str,
    occasion: Occasion,
    now: datetime,
) -> Claimed:
    supposed = SUPPOSED_ADDRESS.get(ADDRESS_KINDS[channel], "nobody")
    return Claimed(
        id=SUPPOSED_ID,
        version=version.digest,
        customer_id=customer_id,
        step=step,
        channel=channel,
        address=address or supposed,
        address_key="",
        event_id=occasion.event_id,
        change_id=occasion.change_id,
        priority=version.campaign.priority,
        expires_at=now + timedelta(days=1),
        tries=0,
    )
