"""What the demo imports before its replay, and what then arrives, in order.

    history = History(REPLAY_FROM)
    history.customers() … history.events()       # for the importer, kind by kind
    for kind, record in replay(REPLAY_FROM, REPLAY_TO): ...

Both halves meet without a gap: `history` has at < until, `replay` since <= at < until.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import takewhile
from operator import itemgetter
from typing import Literal

from demo.complete_journey import catalogue
from demo.complete_journey.clock import REPLAY_FROM, REPLAY_TO, text
from demo.complete_journey.consents import consents
from demo.complete_journey.coupons import coupon_events
from demo.complete_journey.customers import Record, customers
from demo.complete_journey.orders import Orders, Progress, order_events, orders
from demo.complete_journey.source import read

Kind = Literal["price", "stock", "consent", "event"]
"""At one instant the price changes first, so that an event is judged by the prices it meets."""

_DEMOGRAPHICS = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)


def households() -> list[int]:
    """The numbers of all households that bought anything, ascending."""
    column = read("transactions", ("household_id",))["household_id"]
    return sorted(column.unique().to_pylist())


def demographics() -> dict[int, dict[str, str | None]]:
    """What is known of a household, by its number; two thirds of them are missing."""
    rows = read("demographics", ("household_id", *_DEMOGRAPHICS)).to_pylist()
    return {row.pop("household_id"): row for row in rows}


@dataclass(frozen=True, slots=True)
class History:
    """All records with since <= at < `until`, each kind in order of time, as often as asked for.

    Of prices the one that held at `since` is there, too; customers, products, stock and consents
    are there from the beginning.
    """

    until: datetime = REPLAY_FROM
    only: frozenset[int] | None = None
    """Some households' numbers; None means all of them."""
    since: datetime | None = None

    def customers(self) -> Iterator[Record]:
        known = demographics()
        return customers({household: known.get(household) for household in _some(self.only)})

    def products(self) -> Iterator[Record]:
        return catalogue.products()

    def prices(self) -> Iterator[Record]:
        if self.since is None:
            return self._past(catalogue.prices())
        return _held_from(text(self.since), self._past(catalogue.prices()))

    def stock(self) -> Iterator[Record]:
        return self._past(catalogue.stock())

    def consents(self) -> Iterator[Record]:
        return self._past(consents(_some(self.only)))

    def events(self, progress: Progress | None = None) -> Iterator[Record]:
        """Orders and coupon events."""
        bought = order_events(self.since, self.until, self.only, progress)
        return merge(bought, self.coupon_events(), key=itemgetter("at"))

    def coupon_events(self) -> Iterator[Record]:
        begin = "" if self.since is None else text(self.since)
        return (one for one in self._past(coupon_events(self.only)) if one["at"] >= begin)

    def orders(self) -> Orders:
        """The orders alone, as arrow tables: half the time of the records."""
        return orders(until=self.until, households=self.only)

    def _past(self, records: Iterable[Record]) -> Iterator[Record]:
        end = text(self.until)
        return takewhile(lambda record: record["at"] < end, records)


def _held_from(begin: str, prices: Iterable[Record]) -> Iterator[Record]:
    """Of each product the last price before `begin`, then all later ones."""
    before: dict[str, Record] = {}
    for price in prices:
        if price["at"] < begin:
            before[price["product"]] = price
        else:
            yield from before.values()
            before.clear()
            yield price
    yield from before.values()


def replay(
    since: datetime = REPLAY_FROM,
    until: datetime = REPLAY_TO,
    only: frozenset[int] | None = None,
) -> Iterator[tuple[Kind, Record]]:
    """One stream of everything that happens with since <= at < until, in order of time."""
    begin, end = text(since), text(until)
    bought = order_events(since, until, only)
    kinds: tuple[tuple[Kind, Iterable[Record]], ...] = (
        ("price", catalogue.prices()),
        ("stock", catalogue.stock()),
        ("consent", consents(_some(only))),
        ("event", merge(bought, coupon_events(only), key=itemgetter("at"))),
    )
    # merge is stable: at one instant the kinds keep the order above.
    return merge(
        *(_during(kind, records, begin, end) for kind, records in kinds),
        key=lambda item: str(item[1]["at"]),
    )


def _some(only: frozenset[int] | None) -> list[int]:
    return households() if only is None else sorted(only)


def _during(
    kind: Kind, records: Iterable[Record], begin: str, end: str
) -> Iterator[tuple[Kind, Record]]:
    for record in records:
        if record["at"] >= end:
            return
        if record["at"] >= begin:
            yield kind, record
