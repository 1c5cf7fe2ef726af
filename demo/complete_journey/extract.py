"""Write a small extract of the data as JSON lines, for the tests.

    python -m demo.complete_journey.extract tests/data/complete_journey

Which households go in is a rule, not a choice by hand: the first that fits each need below.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from demo.complete_journey import catalogue
from demo.complete_journey.clock import REPLAY_FROM, REPLAY_TO, text
from demo.complete_journey.customers import Record
from demo.complete_journey.feed import History
from demo.complete_journey.notice import NOTICE
from demo.complete_journey.source import SourceMissing, pc, read

PRICES_FROM = datetime(2017, 10, 2, 4, tzinfo=UTC)
"""The lowest price of 30 days needs the 30 days before the replay."""

YEAR_END = datetime(2018, 1, 2, tzinfo=UTC)
HOUSEHOLDS = 20
ORDERS_MAX = 110
"""A household with more orders in the year would fill the extract alone."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the needs look at: a customer, their consents and their orders of the year."""

    customer: Record
    consents: tuple[Record, ...]
    orders: int
    first: datetime
    last: datetime
    email_shared_with: int | None

    def has(self, **values: object) -> bool:
        return all(self.customer.get(key) == value for key, value in values.items())

    @property
    def withdrew_in_replay(self) -> bool:
        begin, end = text(REPLAY_FROM), text(REPLAY_TO)
        return any(not c["given"] and begin <= c["at"] < end for c in self.consents)

    @property
    def agrees(self) -> bool:
        return {"email", "sms"} <= {c["channel"] for c in self.consents if c["given"]}


NEEDS: tuple[tuple[str, Callable[[Candidate], bool]], ...] = (
    ("no zone, no place, no number", lambda c: "country" not in c.customer and bool(c.consents)),
    ("no zone, a number", lambda c: c.has(zone=None, region=None) and "phone" in c.customer),
    ("no zone, a region", lambda c: "region" in c.customer and c.has(zone=None)),
    ("no address at all", lambda c: c.has(email=None, phone=None)),
    ("withdraws during the replay", lambda c: c.withdrew_in_replay),
    ("Florida", lambda c: c.has(region="FL") and c.agrees),
    ("Texas", lambda c: c.has(region="TX") and c.agrees),
    ("Arizona, no summer time", lambda c: c.has(region="AZ") and c.agrees),
    ("California", lambda c: c.has(region="CA") and c.agrees),
    ("France", lambda c: c.has(country="FR")),
    ("Canada", lambda c: c.has(country="CA")),
    ("reads Spanish", lambda c: c.has(locale="es_US") and c.agrees),
    ("shares an address", lambda c: c.email_shared_with is not None),
    ("first order during the replay", lambda c: REPLAY_FROM <= c.first < REPLAY_TO),
    ("shops often", lambda c: c.orders > 80 and c.agrees and "age" in c.customer),
    ("no longer shops", lambda c: c.last < datetime(2017, 10, 1, tzinfo=UTC) and c.orders > 12),
    ("quiet hours of their own", lambda c: "quiet_from" in c.customer and c.agrees),
    ("a weekly limit of their own", lambda c: "max_per_week" in c.customer and c.agrees),
)


def choose() -> list[int]:
    """The households of the extract, ascending: for each need the first that is not yet in."""
    everybody = candidates()
    chosen: dict[int, None] = {}
    for name, fits in NEEDS:
        found = (n for n, c in everybody.items() if n not in chosen and fits(c))
        number = next(found, None)
        if number is None:
            raise LookupError(f"no household for {name!r}: the data or the rules have changed")
        chosen[number] = None
        shared = everybody[number].email_shared_with
        if name == "shares an address" and shared is not None:
            chosen[shared] = None
    known = (n for n, c in everybody.items() if n not in chosen and "age" in c.customer)
    for number in known:
        if len(chosen) >= HOUSEHOLDS:
            break
        chosen[number] = None
    return sorted(chosen)


def candidates() -> dict[int, Candidate]:
    """Every household with at most ORDERS_MAX orders, by its number, ascending."""
    history = History(YEAR_END)
    customers = {int(c["id"].removeprefix("hh-")): c for c in history.customers()}
    consents: dict[str, list[Record]] = {}
    for record in history.consents():
        consents.setdefault(record["customer"], []).append(record)
    mailboxes = {c["email"]: number for number, c in reversed(customers.items()) if "email" in c}
    found: dict[int, Candidate] = {}
    for number, orders, first, last in sorted(_shopping()):
        customer = customers[number]
        other = mailboxes.get(customer.get("email"))
        if orders <= ORDERS_MAX:
            found[number] = Candidate(
                customer,
                tuple(consents.get(customer["id"], ())),
                orders,
                first,
                last,
                other if other != number else None,
            )
    return found


def _shopping() -> Iterator[tuple[int, int, datetime, datetime]]:
    """(household, orders, first, last) of the year."""
    columns = ("household_id", "basket_id", "transaction_timestamp")
    at = "transaction_timestamp"
    table = read("transactions", columns, pc.field("sales_value") > 0)
    each = table.group_by("household_id").aggregate(
        [("basket_id", "count_distinct"), (at, "min"), (at, "max")]
    )
    for row in each.to_pylist():
        first, last = (row[f"{at}_{end}"].replace(tzinfo=UTC) for end in ("min", "max"))
        yield row["household_id"], row["basket_id_count_distinct"], first, last


def extract(into: Path) -> Counter[str]:
    """Write the files and return how many records each holds."""
    into.mkdir(parents=True, exist_ok=True)
    history = History(YEAR_END, frozenset(choose()))
    begin, end = text(PRICES_FROM), text(REPLAY_TO)
    events = list(history.events())
    bought = {
        line["product_id"] for event in events for line in event["properties"].get("products", ())
    }
    products = [product for product in catalogue.products() if product["id"] in bought]
    prices = _from_current(
        text(PRICES_FROM), end, (p for p in history.prices() if p["product"] in bought)
    )
    stock = [s for s in history.stock() if s["product"] in bought and begin <= s["at"] < end]
    files: dict[str, Iterable[Record]] = {
        "customers": history.customers(),
        "products": products,
        "prices": prices,
        "stock": stock,
        "consents": history.consents(),
        "events": events,
    }
    written: Counter[str] = Counter()
    for name, records in files.items():
        with (into / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
            for record in records:
                lines.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                written[name] += 1
    (into / "NOTICE.md").write_text(NOTICE, encoding="utf-8", newline="\n")
    return written


def _from_current(begin: str, end: str, prices: Iterable[Record]) -> list[Record]:
    """The price valid at `begin` of each product, and all that follow before `end`."""
    current: dict[str, Record] = {}
    later: list[Record] = []
    for price in prices:
        if price["at"] < begin:
            current[price["product"]] = price
        elif price["at"] < end:
            later.append(price)
    return [*sorted(current.values(), key=lambda p: (p["at"], p["product"])), *later]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m demo.complete_journey.extract FOLDER", file=sys.stderr)
        return 2
    try:
        written = extract(Path(arguments[0]))
    except SourceMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    for name, count in written.items():
        print(f"{count:6d} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
