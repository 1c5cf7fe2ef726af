"""Replies in words that nobody could interpret: read by a person, each settled once for good.

What is taken for a STOP is worked in as one, from when it was said.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from orchestrator.flow.feedback import settle
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.shop import Shop
from orchestrator.store import feedback as inbox
from orchestrator.store.database import reading, writing
from orchestrator.store.replies import (
    as_stop,
    keys_by_address,
    keys_by_message,
    mark_read,
    unread,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a customer wrote. `customers`: whose it may be, by the shop's own keys."""

    id: int
    customers: tuple[str, ...]
    channels: tuple[str, ...]
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """How replies were settled; `unknown` are numbers of none that waited."""

    stop: tuple[int, ...]
    fine: tuple[int, ...]
    unknown: tuple[int, ...]


def replies(engine: Engine, shop: Shop, most: int) -> list[Reply]:
    """What waits to be read, the oldest first."""
    with reading(engine) as connection:
        found = unread(connection, most=most)
        keys = {one.heard.address_key for one in found if one.heard.address_key}
        holders = keys_by_address(connection, keys)
        ids = {one.heard.message_id for one in found if one.heard.message_id}
        owners = keys_by_message(connection, ids)
    told = []
    for one in found:
        heard = one.heard
        owner = owners.get(heard.message_id or 0)
        told.append(
            Reply(
                one.id,
                (owner,) if owner else tuple(holders.get(heard.address_key or "", ())),
                tuple(_channels(shop, heard.source)),
                heard.at,
                heard.detail or "",
            )
        )
    return told


def read(
    engine: Engine, shop: Shop, stop: Collection[int], fine: Collection[int], now: datetime
) -> Read:
    """Settle replies as a person has understood them. Once it returns, that is durable."""
    wanted = {*stop, *fine}
    with writing(engine) as connection:
        found = unread(connection, ids=wanted, most=len(wanted))
        ends = [one for one in found if one.id in stop]
        others = [one.id for one in found if one.id not in stop]
        mark_read(connection, [one.id for one in ends], "stop", now)
        mark_read(connection, others, "fine", now)
        inbox.keep(connection, [as_stop(one, now) for one in ends])
    settle(engine, shop, now)
    there = {one.id for one in found}
    return Read(tuple(one.id for one in ends), tuple(others), tuple(sorted(wanted - there)))


def _channels(shop: Shop, source: str) -> list[str]:
    uses = shop.channels.items()
    return [
        name
        for name, use in uses
        if source in (use.through, use.failover) and name in ADDRESS_KINDS
    ]
