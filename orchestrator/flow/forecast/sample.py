"""Some of the planned messages, rendered: what they say, and what all of them would cost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from channels.contract import Channel
from orchestrator.flow.compose import Composed, Composer, NotComposed
from orchestrator.flow.gather import gather
from orchestrator.flow.tactful import Tactful
from orchestrator.store.claims import Claimed
from orchestrator.store.planned import Way, spread
from orchestrator.store.recipients import recipients

RENDERED_MAX = 200
"""So many messages of a campaign on a channel tell what all of them would cost."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as its customer would see it."""

    customer: str
    channel: str
    address: str
    subject: str | None
    text: str
    pieces: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the messages of one campaign on one channel would come to.

    `rendered` of them were tried; `exact` when that was all. `failed`: reason → messages of those
    tried that would not leave. `pieces` and `cost` are for all.
    """

    rendered: int
    exact: bool
    failed: dict[str, int]
    details: dict[str, str]
    pieces: int
    cost: Decimal
    samples: tuple[Sample, ...]


def estimate(
    connection: Connection, tactful: Tactful, way: Way, last_id: int, samples_max: int
) -> Estimate:
    """Render some of the messages that were planned after `last_id`."""
    tried = list(_compose(connection, tactful, spread(connection, last_id, way, RENDERED_MAX)))
    made = [one for one in tried if isinstance(one, Composed)]
    failed = [one for one in tried if isinstance(one, NotComposed)]
    share = Decimal(way.messages) / max(len(tried), 1)
    pieces = round(sum(one.pieces for one in made) * share)
    use = tactful.shop.channels[way.channel]
    return Estimate(
        rendered=len(tried),
        exact=len(tried) == way.messages,
        failed=dict(Counter(one.reason for one in failed)),
        details={one.reason: one.detail for one in reversed(failed)},
        pieces=pieces,
        cost=pieces * use.cost,
        samples=tuple(
            _samples(connection, made[:: max(len(made) // max(samples_max, 1), 1)][:samples_max])
        ),
    )


def _compose(
    connection: Connection, tactful: Tactful, chosen: Sequence[tuple[Claimed, datetime]]
) -> Iterator[Composed | NotComposed]:
    composer: Composer = tactful.composer
    for at, group in groupby(sorted(chosen, key=itemgetter(1)), key=itemgetter(1)):
        claimed = [one for one, _ in group]
        gathered = gather(connection, claimed, tactful.known.of, tactful.statements, at)
        for one in claimed:
            channel: Channel[Any] = tactful.channels[one.channel]
            yield composer.compose(one, tactful.known.of(one.version), gathered, channel, at)


def _samples(connection: Connection, made: Sequence[Composed]) -> Iterator[Sample]:
    known = recipients(connection, {one.claimed.customer_id for one in made})
    for one in made:
        yield Sample(
            customer=known[one.claimed.customer_id].key,
            channel=one.claimed.channel,
            address=one.claimed.address,
            subject=one.rendered.subject or None,
            text=one.prepared.item.text,
            pieces=one.pieces,
        )
