"""A price with an end, and the one beneath it that goes on afterwards."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from orchestrator.flow.ingest import Kind
from orchestrator.rules.prices import price_now
from orchestrator.store.database import reading
from orchestrator.tables import prices, product_changes, products
from tests.ingest.stage import fresh, of, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")

START = datetime(2017, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NO_END = 99

Said = tuple[int, str, int]
"""From which day on, what it costs, until which day."""

_SHARED = fresh()
"""Examples have a product each, for a database each would take most of the time."""
_NUMBERS = count()


def told(product: str, day: int, amount: str, until: int = NO_END) -> tuple[Kind, dict[str, str]]:
    ends = {} if until == NO_END else {"until": (START + until * DAY).isoformat()}
    at = (START + day * DAY).isoformat()
    return "prices", {"product": product, "amount": amount, "at": at, **ends}


def costs(engine: Engine, product: str, day: float) -> str | None:
    """What a product costs at an hour of some day."""
    held = (
        select(prices.c.amount)
        .select_from(products)
        .join(prices, prices.c.id == price_now(products.c.id, "USD"))
        .where(products.c.key == product)
    )
    with reading(engine) as connection:
        amount = connection.scalar(held, {"now": START + day * DAY})
    return None if amount is None else f"{amount:.2f}"


def steps(engine: Engine, product: str) -> list[tuple[int, Decimal, Decimal]]:
    """Day, before and after of each change."""
    change = product_changes.c
    of_product = (
        select(change.at, change.before, change.after)
        .join(products, products.c.id == change.product_id)
        .where(products.c.key == product)
        .order_by(change.at)
    )
    with reading(engine) as connection:
        found = connection.execute(of_product).all()
    return [((at - START).days, before, after) for at, before, after in found]


def beans(*said: Said) -> Engine:
    """A shop that was told so, one thing after the other."""
    engine = fresh()
    take_in(engine, *of("products", {"id": "beans", "title": "Beans"}))
    for one in said:
        take_in(engine, told("beans", *one))
    return engine


BASE: Said = (0, "10.00", NO_END)
PROMOTION: Said = (5, "8.00", 10)


@pytest.mark.parametrize("said", [(BASE, PROMOTION), (PROMOTION, BASE)])
def test_after_a_promotion_the_price_of_before_holds_again(said: tuple[Said, ...]) -> None:
    engine = beans(*said)
    assert [costs(engine, "beans", day) for day in (4, 5, 9.9, 10, 60)] == [
        "10.00", "8.00", "8.00", "10.00", "10.00",
    ]  # fmt: skip
    assert steps(engine, "beans") == [(5, 10, 8), (10, 8, 10)]


@pytest.mark.parametrize(
    ("said", "afterwards"),
    [
        ([], None),
        ([(0, "10.00", 7)], None),
        ([(0, "10.00", 10)], None),
        ([(0, "10.00", 20)], "10.00"),
        ([(0, "11.00", NO_END), (2, "10.00", 7)], "11.00"),
        ([(0, "11.00", NO_END), (2, "10.00", NO_END)], "10.00"),
        ([(0, "10.00", NO_END), (7, "9.00", NO_END)], "9.00"),
        ([(0, "10.00", NO_END), (7, "7.00", 8)], "10.00"),
        ([(0, "10.00", NO_END), (10, "9.50", NO_END)], "9.50"),
        ([(0, "10.00", NO_END), (10, "9.50", 12)], "9.50"),
        ([(0, "10.00", NO_END), (11, "9.50", NO_END)], "10.00"),
    ],
)
def test_what_it_costs_when_a_promotion_has_ended(said: list[Said], afterwards: str | None) -> None:
    assert costs(beans(*said, PROMOTION), "beans", 10.5) == afterwards


def test_a_short_one_within_a_long_one_gives_way_to_it_again() -> None:
    engine = beans(BASE, (5, "8.00", 20), (8, "7.00", 12))
    assert [costs(engine, "beans", day) for day in (6, 9, 13, 21)] == [
        "8.00", "7.00", "8.00", "10.00",
    ]  # fmt: skip


def test_a_promotion_that_is_told_anew_ends_when_it_says_now() -> None:
    engine = beans(BASE, PROMOTION, (5, "8.00", 15))
    assert [costs(engine, "beans", day) for day in (11, 15)] == ["8.00", "10.00"]
    assert steps(engine, "beans") == [(5, 10, 8), (15, 8, 10)]


def test_what_resumes_stays_the_same_price_whatever_is_told_again() -> None:
    """Messages that quote it are not rendered anew."""
    engine = beans(BASE, PROMOTION)
    kept = rows(engine, "prices"), rows(engine, "product_changes")
    take_in(engine, told("beans", *PROMOTION), told("beans", *BASE), told("beans", 30, "9.00"))
    assert rows(engine, "prices")[:3] == kept[0]
    assert rows(engine, "product_changes")[:2] == kept[1]


def test_a_price_told_where_one_resumed_takes_its_place() -> None:
    engine = beans(BASE, PROMOTION)
    done = take_in(engine, told("beans", 10, "9.00"))
    assert done.tallies["prices"].new == 1
    assert costs(engine, "beans", 11) == "9.00"
    assert steps(engine, "beans") == [(5, 10, 8), (10, 8, 9)]


_days = st.integers(0, 9)
_said = st.tuples(
    _days, st.sampled_from(["1.00", "2.00", "3.00"]), st.one_of(st.just(NO_END), st.integers(1, 12))
).filter(lambda one: one[0] < one[2])


@given(st.lists(_said, unique_by=lambda one: one[0], max_size=7), st.randoms(use_true_random=False))
def test_in_any_order_the_latest_that_has_not_ended_holds(said: list[Said], random: Random) -> None:
    product = f"p{next(_NUMBERS)}"
    take_in(_SHARED, *of("products", {"id": product, "title": product}))
    shuffled = random.sample(said, len(said))
    while shuffled:
        size = random.randint(1, len(shuffled))
        take_in(_SHARED, *(told(product, *one) for one in shuffled[:size]))
        shuffled = shuffled[size:]
    held = []
    for day in range(13):
        lasting = [one for one in said if one[0] <= day < one[2]]
        held.append(max(lasting)[1] if lasting else None)
        assert costs(_SHARED, product, day + 0.5) == held[-1]
    assert steps(_SHARED, product) == [
        (day, Decimal(before), Decimal(after))
        for day, (before, after) in enumerate(pairwise(held), 1)
        if before is not None and after is not None and before != after
    ]
