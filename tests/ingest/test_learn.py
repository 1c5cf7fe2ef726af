"""What is learned from purchases: habits and pairs."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from orchestrator.flow.ingest import Kind
from orchestrator.flow.learn import learn_habits, learn_pairs
from orchestrator.store.database import writing
from tests.ingest.stage import NOW, SHOP, fresh, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")

Order = tuple[Kind, dict[str, object]]


def order(customer: str, days_ago: float, *products: str) -> Order:
    at = NOW - timedelta(days=days_ago)
    lines = [{"product_id": product, "quantity": 1, "price": 1.0} for product in products]
    return "events", {
        "id": f"{customer}-{days_ago}-{'-'.join(products)}",
        "name": "Order Completed",
        "customer": customer,
        "at": at.isoformat(),
        "properties": {"products": lines},
    }


def habits(*orders: Order) -> list[tuple[int, float, datetime, datetime]]:
    engine = fresh()
    take_in(engine, *orders)
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP)
    return rows(engine, "habits", "times", "every_days", "last_at", "next_at")  # type: ignore[return-value]


def test_three_days_at_even_gaps_are_a_habit_that_is_due_one_gap_later() -> None:
    last = NOW - timedelta(days=4)
    assert habits(*(order("ann", days, "milk") for days in (24, 14, 4))) == [
        (3, 10.0, last, last + timedelta(days=10))
    ]


@pytest.mark.parametrize(
    ("days", "times"),
    [
        ((14, 4), None),  # two days
        ((14, 4, 4.1), None),  # two baskets of a day are one
        ((190, 181, 4), None),  # two of them before the window
        ((100, 99, 2), None),  # gaps of 1 and 97 days resemble nothing
        ((41, 33, 1), 3),  # gaps of 8 and 32: spread 12, mean 20, and 0.6 is still enough
        ((42, 34, 1), None),  # gaps of 8 and 33
        ((30, 22, 15, 7), 4),
    ],
)
def test_what_is_a_habit(days: tuple[float, ...], times: int | None) -> None:
    found = habits(*(order("ann", ago, "milk") for ago in days))
    assert [one[0] for one in found] == ([times] if times else [])


def test_an_evening_in_the_shops_zone_is_one_day_although_midnight_utc_lies_between() -> None:
    # NOW is 07:00 in the shop; 12.4 and 12.6 days ago are 21:24 and 16:36 of one day there.
    assert habits(*(order("ann", ago, "milk") for ago in (12.6, 12.4, 2))) == []


def bought(engine: Engine) -> list[tuple[int, int]]:
    return rows(engine, "habits", "customer_id", "product_id")  # type: ignore[return-value]


def test_learning_what_is_new_gives_what_learning_all_gives() -> None:
    engine = fresh()
    old = [order("ann", days, "milk", "tea") for days in (24, 14)]
    old += [order("bob", days, "milk") for days in (30, 20, 10)]
    take_in(engine, *old)
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP)
    assert len(bought(engine)) == 1
    take_in(engine, order("ann", 0.5, "milk", "tea"), order("bob", 0.5, "tea"))
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP, NOW - timedelta(days=1))
    part = rows(engine, "habits")
    assert len(part) == 3
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP)
    assert sorted(rows(engine, "habits")) == sorted(part)


def test_a_habit_that_is_broken_goes() -> None:
    engine = fresh()
    take_in(engine, *(order("ann", days, "milk") for days in (120, 119, 118)))
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP)
    assert len(bought(engine)) == 1
    take_in(engine, order("ann", 0.5, "milk"))
    with writing(engine) as connection:
        learn_habits(connection, NOW, SHOP, NOW - timedelta(days=1))
    assert bought(engine) == []


def catalogue(**categories: str | None) -> list[tuple[Kind, dict[str, object]]]:
    return [
        ("products", {"id": id_, "title": id_, "category": category})
        for id_, category in categories.items()
    ]


def pairs(engine: Engine) -> set[tuple[str, str]]:
    keys = dict(rows(engine, "products", "id", "key"))
    return {(keys[a], keys[b]) for a, b in rows(engine, "pairs", "product_id", "other_id")}


def test_a_pair_is_of_different_categories_and_oftener_together_than_by_chance() -> None:
    engine = fresh()
    take_in(engine, *catalogue(chips="Snacks", salsa="Dips", nuts="Snacks", bag="Bags", lost=None))
    together = [order("a", n / 2 + 1, "chips", "salsa", "nuts", "bag", "lost") for n in range(8)]
    alone = [order("b", n / 2 + 1, "bag") for n in range(8)]
    take_in(engine, *together, *alone, *(order("c", n / 2 + 1, "other") for n in range(3)))
    with writing(engine) as connection:
        assert learn_pairs(connection, NOW, SHOP) == 10
    assert pairs(engine) == {
        (a, b)
        for a in ("chips", "salsa", "nuts", "bag")
        for b in ("chips", "salsa", "nuts", "bag")
        if a != b and {a, b} != {"chips", "nuts"}
    }
    lifts = {row[0] for row in rows(engine, "pairs", "strength")}
    assert lifts == {19 / 8, 19 * 8 / (8 * 16)}


def test_seven_baskets_are_too_few_and_old_ones_do_not_count() -> None:
    engine = fresh()
    take_in(engine, *catalogue(chips="Snacks", salsa="Dips"))
    take_in(engine, *(order("a", n + 1, "chips", "salsa") for n in range(7)))
    take_in(engine, order("a", 91, "chips", "salsa"))
    with writing(engine) as connection:
        assert learn_pairs(connection, NOW, SHOP) == 0
        assert learn_pairs(connection, NOW - timedelta(days=2), SHOP) == 0


def test_a_product_has_at_most_five_partners_the_likeliest_first() -> None:
    engine = fresh()
    others = {f"o{n}": f"C{n}" for n in range(7)}
    take_in(engine, *catalogue(chips="Snacks", **others))
    take_in(engine, *(order("a", n + 1, "chips", *others) for n in range(8)))
    # Each of the others is bought alone as well, the later the oftener: o0 is the likeliest.
    for n in range(7):
        take_in(engine, *(order("b", 20 + n + k / 20, f"o{n}") for k in range(n + 1)))
    with writing(engine) as connection:
        learn_pairs(connection, NOW, SHOP)
    assert {b for a, b in pairs(engine) if a == "chips"} == {"o0", "o1", "o2", "o3", "o4"}
