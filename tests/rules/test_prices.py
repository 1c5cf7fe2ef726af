"""The lowest price of the 30 days before: what a reduction is told against."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from orchestrator.flow.gather import prices_of
from orchestrator.flow.ingest import Kind
from orchestrator.model.money import Money
from orchestrator.rules.prices import price_now
from orchestrator.store.database import reading
from orchestrator.tables import products
from tests.ingest.stage import SHOP, fresh, take_in

pytestmark = pytest.mark.usefixtures("databases")

Told = tuple[Kind, dict[str, object]]

BEANS: Told = ("products", {"id": "beans", "title": "Beans"})
BEGAN = datetime(2017, 11, 20, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def price(at: datetime, amount: str, **words: object) -> Told:
    return "prices", {"product": "beans", "amount": amount, "at": at.isoformat(), **words}


def lowest(*told: Told) -> str | None:
    """Of the price that holds a day after BEGAN."""
    engine = fresh()
    now = BEGAN + DAY
    take_in(engine, BEANS, *told, now=now)
    with reading(engine) as connection:
        current = select(price_now(products.c.id, "USD"))
        (id,) = connection.scalars(current, {"now": now})
        found = prices_of(connection, [id], SHOP)[id].lowest_30d
    assert found is None or isinstance(found, Money)
    return None if found is None else str(found)


NOW_IT_IS = price(BEGAN, "8")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], None),
        ([price(BEGAN - DAY, "10")], "10.00 USD"),
        ([price(BEGAN - 90 * DAY, "10")], "10.00 USD"),
        ([price(BEGAN - 9 * DAY, "10"), price(BEGAN - DAY / 24, "9")], "9.00 USD"),
        ([price(BEGAN - 40 * DAY, "7"), price(BEGAN - 30 * DAY, "10")], "10.00 USD"),
        ([price(BEGAN - 40 * DAY, "7"), price(BEGAN - 30 * DAY + TICK, "10")], "7.00 USD"),
        ([price(BEGAN - 9 * DAY, "10"), price(BEGAN - DAY, "7", currency="CAD")], "10.00 USD"),
        ([price(BEGAN - 40 * DAY, "10", until=(BEGAN - 30 * DAY).isoformat())], None),
    ],
)
def test_the_lowest_price_is_of_the_thirty_days_before(
    before: list[Told], expected: str | None
) -> None:
    assert lowest(*before, NOW_IT_IS) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([price(BEGAN - 3 * DAY, "8"), price(BEGAN - 2 * DAY, "8")], "10.00 USD"),
        ([price(BEGAN - 60 * DAY, "8"), price(BEGAN - 50 * DAY, "8")], "10.00 USD"),
        # It had ended, or another one came between: then it began anew.
        ([price(BEGAN - 3 * DAY, "8", until=(BEGAN - DAY).isoformat())], "8.00 USD"),
        ([price(BEGAN - 3 * DAY, "8", until=BEGAN.isoformat())], "10.00 USD"),
        ([price(BEGAN - 3 * DAY, "8"), price(BEGAN - DAY, "9")], "8.00 USD"),
        ([price(BEGAN - 3 * DAY, "8", tax="0.1")], None),
    ],
)
def test_a_price_that_is_told_again_began_when_it_was_told_first(
    before: list[Told], expected: str | None
) -> None:
    """A shop that tells its whole catalogue every night keeps its reductions."""
    ten = price(BEGAN - 90 * DAY, "10")
    assert lowest(ten, *before, NOW_IT_IS) == expected


def test_an_amount_with_the_tax_in_it_is_not_compared_with_one_without() -> None:
    before = price(BEGAN - 9 * DAY, "10.00", tax="included")
    assert lowest(before, price(BEGAN, "9.80", tax="0.08")) is None
    assert lowest(before, price(BEGAN, "9.80", tax="included")) == "10.00 USD"
