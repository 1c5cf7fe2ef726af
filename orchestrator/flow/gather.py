"""Collects what a batch of messages needs to be written: a handful of statements, not one each."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.statements import Statements
from orchestrator.model.measure import parse_measure
from orchestrator.model.money import TAX_INCLUDED, Fee, Money, Price, Tax, price_of
from orchestrator.model.shop import PriceDisplay, Shop
from orchestrator.model.version import Version
from orchestrator.rules.prices import lowest_before
from orchestrator.store.claims import Claimed
from orchestrator.store.recipients import (
    Happened,
    PricedRow,
    Recipient,
    happened,
    priced,
    recipients,
)
from orchestrator.tables import prices

_LOWEST = lowest_before(prices)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A product as it is proposed: its facts, its price, and where it is ordered."""

    product: Mapping[str, Any]
    price: Price
    order_link: str


@dataclass(frozen=True)
class Gathered:
    """Everything about the messages of one batch."""

    recipients: Mapping[int, Recipient]
    events: Mapping[int, Happened]
    proposals: Mapping[int, Sequence[Proposal]]  # by message


def gather(
    connection: Connection,
    claimed: Sequence[Claimed],
    version_of: Callable[[str], Version],
    statements: Statements,
    now: datetime,
) -> Gathered:
    """What these messages need, as it is at `now`."""
    return Gathered(
        recipients=recipients(connection, {c.customer_id for c in claimed}),
        events=happened(connection, {c.event_id for c in claimed if c.event_id is not None}),
        proposals=_proposals(connection, claimed, version_of, statements, now),
    )


def _proposals(
    connection: Connection,
    claimed: Sequence[Claimed],
    version_of: Callable[[str], Version],
    statements: Statements,
    now: datetime,
) -> dict[int, list[Proposal]]:
    chosen: dict[int, list[tuple[int, Shop]]] = {}
    for version, ids in _with_offers(claimed, version_of):
        for message_id, price_id in _choose(connection, statements, version, ids, now):
            chosen.setdefault(message_id, []).append((price_id, version.shop))
    wanted = {price_id for many in chosen.values() for price_id, _ in many}
    if not wanted:
        return {}
    found = priced(connection, wanted, _LOWEST)
    made: dict[tuple[int, int], Proposal] = {}
    for many in chosen.values():
        for price_id, shop in many:
            if (price_id, id(shop)) not in made:
                made[price_id, id(shop)] = _proposal(found[price_id], shop)
    return {
        message_id: [made[price_id, id(shop)] for price_id, shop in many]
        for message_id, many in chosen.items()
    }


def _with_offers(
    claimed: Iterable[Claimed], version_of: Callable[[str], Version]
) -> Iterable[tuple[Version, list[int]]]:
    by_version: dict[str, list[int]] = {}
    for one in claimed:
        by_version.setdefault(one.version, []).append(one.id)
    for digest, ids in by_version.items():
        version = version_of(digest)
        if version.campaign.offer is not None:
            yield version, ids


def _choose(
    connection: Connection,
    statements: Statements,
    version: Version,
    ids: Sequence[int],
    now: datetime,
) -> Iterable[tuple[int, int]]:
    """(message, price) of the best proposals of each message, the best first."""
    offer = version.campaign.offer
    assert offer is not None  # _with_offers leaves the others out
    found = connection.execute(statements.proposing(version), {"message_ids": ids, "now": now})
    taken: dict[int, set[int]] = {}
    for row in found:
        so_far = taken.setdefault(row.message_id, set())
        if row.product_id not in so_far and len(so_far) < offer.products.at_most:
            so_far.add(row.product_id)
            yield row.message_id, row.price_id


def _proposal(row: PricedRow, shop: Shop) -> Proposal:
    return Proposal(row.product, price(row, shop.prices), shop.order_link(str(row.product["id"])))


def prices_of(connection: Connection, ids: Collection[int], shop: Shop) -> dict[int, Price]:
    """What is told of the prices with these ids, as they stand now."""
    rows = priced(connection, ids, _LOWEST)
    return {id: price(row, shop.prices) for id, row in rows.items()}


def price(row: PricedRow, display: PriceDisplay) -> Price:
    """The price all in: with the tax and the mandatory fees that the shop adds."""
    lowest = None if row.lowest is None else _all_in(row, row.lowest, display).total
    return _all_in(row, row.amount, display, lowest)


def _all_in(
    row: PricedRow, amount: Decimal, display: PriceDisplay, lowest: Money | None = None
) -> Price:
    fees = (Fee(name, Money(fee, row.currency)) for name, fee in display.fees.items())
    return price_of(
        Money(amount, row.currency),
        price_id=row.price_id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        tax=_tax(row.tax, display),
        fees=tuple(fees),
        unit=parse_measure(row.product["size"] or ""),
        lowest_30d=lowest,
    )


def _tax(written: str | None, display: PriceDisplay) -> Tax:
    if written == "included" or (written is None and display.tax == "included"):
        return TAX_INCLUDED
    return Tax("added", display.tax_rate if written is None else Decimal(written))
