"""Products, prices and stock, and what changed about them."""

from decimal import Decimal
from itertools import count, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from orchestrator.flow.ingest import Kind, Reader
from orchestrator.store.database import reading
from orchestrator.tables import product_changes, products
from tests.ingest.stage import NOW, SHOP, everything, fresh, of, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")

BEANS = ("products", {"id": "beans", "title": "Beans", "category": "COFFEE", "aisle": 7})


def price(day: int, amount: str, **words: object) -> tuple[Kind, dict[str, object]]:
    return "prices", {
        "product": "beans",
        "amount": amount,
        "at": f"2017-10-{day:02}T00:00:00Z",
        **words,
    }


def stock(day: int, pieces: int) -> tuple[Kind, dict[str, object]]:
    return "stock", {"product": "beans", "stock": pieces, "at": f"2017-10-{day:02}T00:00:00Z"}


_SHARED = fresh()
"""Examples have a product each, for a database each would take most of the time."""
_NUMBERS = count()


def test_a_product_has_its_theme_and_keeps_what_has_no_column() -> None:
    engine = fresh()
    take_in(engine, BEANS)
    assert rows(engine, "products", "theme", "attributes") == [("coffee", {"aisle": 7})]


def test_a_product_record_leaves_alone_what_it_does_not_name() -> None:
    engine = fresh()
    take_in(engine, BEANS)
    take_in(
        engine, *of("products", {"id": "beans", "brand": "Ours"}, {"id": "unheard", "brand": "x"})
    )
    assert rows(engine, "products", "key", "title", "brand") == [("beans", "Beans", "Ours")]


def test_a_change_of_price_is_noted_and_a_repeated_one_is_not() -> None:
    engine = fresh()
    take_in(engine, BEANS, price(1, "3.00"), price(8, "2.50"), price(15, "2.50"))
    assert rows(engine, "product_changes", "kind", "before", "after") == [
        ("price", Decimal("3"), Decimal("2.5"))
    ]


def test_a_price_after_a_gap_changed_nothing() -> None:
    engine = fresh()
    take_in(engine, BEANS, price(1, "3.00", until="2017-10-05T00:00:00Z"), price(8, "2.50"))
    assert rows(engine, "product_changes") == []


def test_a_price_that_is_told_with_another_tax_changed_nothing_that_is_known() -> None:
    engine = fresh()
    take_in(engine, BEANS, price(1, "3.00", tax="included"), price(2, "2.90", tax="0.08"))
    take_in(engine, price(3, "2.80", tax="0.08"))
    assert rows(engine, "product_changes", "before", "after") == [(Decimal("2.9"), Decimal("2.8"))]


def test_another_currency_has_its_own_prices_and_no_changes() -> None:
    engine = fresh()
    take_in(engine, BEANS, price(1, "3.00"), price(2, "2.00", currency="CAD"))
    take_in(engine, price(3, "1.00", currency="CAD"))
    assert len(rows(engine, "prices")) == 3
    assert rows(engine, "product_changes") == []


def test_a_price_told_late_moves_the_changes_around_it_and_keeps_their_ids() -> None:
    engine = fresh()
    take_in(engine, BEANS, price(1, "3.00"), price(9, "2.00"))
    ((first, *_),) = rows(engine, "product_changes")
    take_in(engine, price(5, "2.50"))
    (kept, *step), (late, *late_step) = rows(engine, "product_changes", "id", "before", "after")
    assert (kept, *step) == (first, Decimal("2.5"), Decimal("2"))
    assert late_step == [Decimal("3"), Decimal("2.5")]
    take_in(engine, price(5, "2.00"))
    assert rows(engine, "product_changes", "id", "before", "after") == [
        (late, Decimal("3"), Decimal("2")),
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from(["1.00", "2.00", "3.00"])),
        unique_by=lambda said: said[0],
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_prices_in_any_order_and_any_batches_give_the_same_changes(
    said: list[tuple[int, str]], random: Random
) -> None:
    product = f"p{next(_NUMBERS)}"
    take_in(_SHARED, *of("products", {"id": product, "title": product}))
    shuffled = random.sample(said, len(said))
    while shuffled:
        size = random.randint(1, len(shuffled))
        take_in(_SHARED, *(price(*one, product=product) for one in shuffled[:size]))
        shuffled = shuffled[size:]
    of_product = (
        select(product_changes.c.at, product_changes.c.before, product_changes.c.after)
        .join(products, products.c.id == product_changes.c.product_id)
        .where(products.c.key == product)
        .order_by(product_changes.c.at)
    )
    with reading(_SHARED) as connection:
        found = connection.execute(of_product).all()
    assert [(at.day, before, after) for at, before, after in found] == [
        (day, Decimal(before), Decimal(after))
        for (_, before), (day, after) in pairwise(sorted(said))
        if before != after
    ]


def test_the_first_count_is_no_change_and_a_late_one_says_nothing() -> None:
    engine = fresh()
    take_in(engine, BEANS, stock(1, 4), stock(5, 0))
    done = take_in(engine, stock(3, 9))
    assert done.tallies["stock"].same == 1
    take_in(engine, stock(8, 6))
    assert rows(engine, "products", "stock") == [(6,)]
    moved = [(b, a) for b, a in rows(engine, "product_changes", "before", "after") if a != b]
    assert moved == [(Decimal(0), Decimal(6)), (Decimal(4), Decimal(0))]


def test_the_catalogues_own_count_is_taken_as_of_now() -> None:
    engine = fresh()
    take_in(engine, *of("products", {"id": "beans", "title": "Beans", "stock": 3}))
    take_in(engine, *of("products", {"id": "beans", "title": "Beans", "stock": 0}))
    assert rows(engine, "products", "stock") == [(3,)]  # counted twice at one instant
    assert rows(engine, "product_changes", "at") == [(NOW,)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (("prices", {"product": "tea", "amount": "1", "at": "2017-10-01"}), "no product 'tea'"),
        (("stock", {"product": "tea", "stock": 1, "at": "2017-10-01"}), "no product 'tea'"),
        (price(1, "1.23456"), "more than four places"),
        (price(1, "-1"), "must not be negative"),
        (price(1, "1,50"), "amount must be a number, not '1,50'; write 1.50"),
        (price(1, "1,500"), "amount must be a number, not '1,500'"),
        (price(1, ""), "amount is missing"),
        (price(1, "1e30"), "not a number that can be kept"),
        (price(1, "1", currency="dollars"), "three letters"),
        (price(1, "1", tax="8%"), "tax must be"),
        (price(9, "1", until="2017-10-09T00:00:00Z"), "until must be later"),
        (("prices", {"product": "beans", "amount": "1"}), "at is missing"),
        (("prices", {"product": "beans", "amount": "1", "at": "soon"}), "at must be a time"),
        (stock(1, -1), "at least 0"),
        (("stock", {"product": "beans", "stock": 1, "at": "2018-10-01"}), "lies in the future"),
        (("products", {"id": "x", "title": ""}), "title is missing"),
    ],
)
def test_a_wrong_record_is_refused_alone(
    record: tuple[Kind, dict[str, object]], reason: str
) -> None:
    engine = fresh()
    done = take_in(engine, BEANS, record, price(2, "2.00"))
    (refused,) = done.refused
    assert reason in refused.reason
    assert refused.line == 2
    assert len(rows(engine, "prices")) == 1


def test_prices_in_money_that_is_not_the_shops_are_kept_and_told_of() -> None:
    engine, reader = fresh(), Reader(SHOP, NOW)
    abroad = price(1, "2.40", currency="eur")
    take_in(engine, BEANS, price(1, "3.00"), abroad, reader=reader)
    assert reader.notes() == ["prices in EUR, and the shop's is USD: no customer sees these (1×)"]
    assert len(rows(engine, "prices")) == 2


def test_all_of_it_again_changes_nothing() -> None:
    engine = fresh()
    records = (BEANS, price(1, "3.00"), price(8, "2.50"), stock(1, 4), stock(5, 0), stock(7, 2))
    take_in(engine, *records)
    before = everything(engine)
    done = take_in(engine, *records)
    assert [(t.new, t.changed, t.same) for t in done.tallies.values()] == [
        (0, 0, 1),
        (0, 0, 2),
        (0, 0, 3),
    ]
    assert everything(engine) == before
