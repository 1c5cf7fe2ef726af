"""Events, the products they carry, the themes they show."""

from datetime import timedelta
from decimal import Decimal

import pytest

from orchestrator.flow.ingest import Reader
from tests.ingest.stage import NOW, SHOP, everything, fresh, of, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")

ORDER = {
    "id": "o1",
    "name": "Order Completed",
    "customer": "ann",
    "at": "2017-10-01T10:00:00Z",
    "properties": {
        "total": "12.50",
        "products": [
            {"product_id": "beans", "quantity": 2, "price": 2.495},
            {"product_id": "tea", "quantity": 1.5, "price": "4.00", "name": "Tea"},
            {"product_id": "cup", "quantity": 0, "price": 1},
        ],
    },
}


def event(**words: object) -> dict[str, object]:
    return {
        "id": "e1",
        "name": "Page Viewed",
        "customer": "ann",
        "at": "2017-10-01T10:00:00Z",
        **words,
    }


def properties(**words: object) -> dict[str, object]:
    engine = fresh()
    take_in(engine, *of("events", event(properties=words)))
    ((found,),) = rows(engine, "events", "properties")
    return dict(found)


def test_an_event_of_someone_unknown_makes_a_customer_of_whom_nothing_is_known() -> None:
    engine = fresh()
    done = take_in(engine, *of("events", event()))
    assert rows(engine, "customers", "key", "place", "traits") == [("ann", None, {})]
    assert rows(engine, "clocks", "key") == [("|||",)]
    assert (done.customers, done.events) == ({1}, [1])


def test_an_event_carries_its_products() -> None:
    engine = fresh()
    take_in(engine, *of("products", {"id": "beans", "title": "Beans"}), *of("events", ORDER))
    assert rows(engine, "event_products", "line", "product_id", "quantity", "amount") == [
        (0, 1, 2, Decimal("2.495")),
        (1, 2, 1, Decimal("6")),  # measured goods are one piece, at what all of it cost
    ]


def test_a_product_unheard_of_is_unlisted_and_out_of_stock_until_a_catalogue_lists_it() -> None:
    engine = fresh()
    take_in(engine, *of("events", ORDER))
    columns = ("key", "title", "stock", "attributes")
    assert rows(engine, "products", *columns) == [
        ("beans", "beans", 0, {"unlisted": True}),
        ("tea", "Tea", 0, {"unlisted": True}),
    ]
    take_in(engine, *of("products", {"id": "tea", "title": "Green tea"}))
    assert rows(engine, "products", *columns)[1] == ("tea", "Green tea", None, {})


def test_the_list_of_products_is_kept_only_where_it_says_more() -> None:
    plain = {"product_id": "a", "quantity": 1, "price": 1.0}
    assert properties(products=[plain]) == {}
    fuller = [plain, {**plain, "colour": "red"}]
    assert properties(products=fuller) == {"products": fuller}


def test_an_event_about_one_product_carries_it() -> None:
    engine = fresh()
    take_in(engine, *of("events", event(properties={"product_id": "beans", "price": "2.49"})))
    assert rows(engine, "event_products", "quantity", "amount") == [(1, Decimal("2.49"))]


@pytest.mark.parametrize(
    ("words", "theme"),
    [
        ({"path": "/coffee/beans"}, "coffee"),
        ({"url": "https://shop.example.com/coffee?from=/tea"}, "coffee"),
        ({"page": {"path": "/coffee/espresso/cups"}}, "espresso"),
        ({"page": "/coffee", "theme": "told"}, "told"),
        ({"url": "https://[broken"}, None),
        ({"path": "/tea/coffee"}, None),
    ],
)
def test_a_page_has_its_theme_by_the_longest_beginning(
    words: dict[str, object], theme: str | None
) -> None:
    assert properties(**words).get("theme") == theme


def test_an_event_that_arrives_twice_counts_once_even_if_told_otherwise() -> None:
    engine = fresh()
    take_in(engine, *of("events", ORDER))
    before = everything(engine)
    done = take_in(engine, *of("events", {**ORDER, "customer": "bob"}, ORDER))
    assert done.tallies["events"].same == 2
    assert (done.customers, done.events) == (set(), [])
    assert everything(engine) == before


def test_an_event_twice_in_a_batch_counts_once() -> None:
    done = take_in(fresh(), *of("events", ORDER, ORDER))
    tally = done.tallies["events"]
    assert (tally.new, tally.same) == (1, 1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"customer": True}, "customer must be text"),
        ({"name": ""}, "name is missing"),
        ({"at": None}, "at is missing"),
        ({"at": "9999-12-31T23:59:59-12:00"}, "at is out of range"),
        ({"at": "2017-11-08T12:00:00Z"}, "at lies in the future"),
        ({"properties": "{"}, "properties are not JSON"),
        ({"properties": [1]}, "properties must be an object"),
        ({"properties": {"products": "x"}}, "products must be a list"),
        ({"properties": {"products": [3]}}, "a product must be an object"),
        ({"properties": {"products": [{"quantity": 1}]}}, "product_id is missing"),
        ({"properties": {"products": [{"product_id": "a", "quantity": -1}]}}, "quantity must be"),
        ({"properties": {"products": [{"product_id": "a", "price": "free"}]}}, "price must be"),
        ({"properties": {"products": [{"product_id": "a"}] * 1001}}, "more than 1000 products"),
        ({"properties": {"text": "x" * 70_000}}, "longer than 65536 bytes"),
        ({"properties": {"text": "\0"}}, "NUL character"),
        ({"name": "Order Completed", "properties": {"total": "much"}}, "properties.total must be"),
    ],
)
def test_a_wrong_event_is_refused_alone(words: dict[str, object], reason: str) -> None:
    engine = fresh()
    done = take_in(engine, *of("events", ORDER, event(**words), event(id="e2")))
    ((_, line, why),) = done.refused
    assert line == 2
    assert reason in why
    assert rows(engine, "events", "key") == [("e2",), ("o1",)]


def test_a_declared_property_is_of_its_type() -> None:
    engine = fresh()
    take_in(engine, *of("events", ORDER))
    ((found,),) = rows(engine, "events", "properties")
    assert found["total"] == 12.5


def test_a_reader_that_serves_for_weeks_judges_the_future_by_each_moment() -> None:
    engine, reader = fresh(), Reader(SHOP, NOW)
    later = NOW + timedelta(days=20)
    record = event(at=later.isoformat())
    assert take_in(engine, *of("events", record), reader=reader).refused
    assert not take_in(engine, *of("events", record), now=later, reader=reader).refused


def test_a_time_without_a_zone_is_the_shops_and_the_note_says_so() -> None:
    engine, reader = fresh(), Reader(SHOP, NOW)
    take_in(engine, *of("events", event(at="2017-10-01 10:00")), reader=reader)
    ((at,),) = rows(engine, "events", "at")
    assert at.isoformat() == "2017-10-01T14:00:00+00:00"
    assert "times without a zone are taken in the shop's, America/New_York (1×)" in reader.notes()
