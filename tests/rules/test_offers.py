"""Which products are proposed, and which never are."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, literal, null, select

from orchestrator.flow.learn import learn_habits
from orchestrator.model.offer import Products
from orchestrator.rules.offers import proposals
from orchestrator.store.database import reading, writing
from orchestrator.tables import customers, events, pairs, products
from orchestrator.tables.base import Id
from tests.ingest.stage import NOW, SHOP, fresh, of, take_in

pytestmark = pytest.mark.usefixtures("databases")

DAY = timedelta(days=1)


def shop(*keys: str) -> Engine:
    """These products, each with a price."""
    engine = fresh()
    since = (NOW - 300 * DAY).isoformat()
    take_in(engine, *of("products", *({"id": key, "title": key} for key in keys)))
    take_in(engine, *of("prices", *({"product": k, "amount": 2, "at": since} for k in keys)))
    return engine


def happens(engine: Engine, name: str, days_ago: float, *keys: str) -> None:
    at = NOW - days_ago * DAY
    carried = {"products": [{"product_id": key} for key in keys]}
    told = {"id": f"{name}{days_ago}", "name": name, "customer": "ann", "at": at.isoformat()}
    take_in(engine, *of("events", {**told, "properties": carried}))


def proposed(engine: Engine, event: str | None = None, **said: Any) -> list[str]:
    """To Ann; `event`: the key of what asks."""
    offer = Products.model_validate(said)
    with reading(engine) as connection:
        ann = connection.scalars(select(customers.c.id)).one()
        id = connection.scalar(select(events.c.id).where(events.c.key == event))
        asked = select(
            literal(ann, Id).label("customer_id"),
            (null() if id is None else literal(id, Id)).label("event_id"),
            literal(0, Id).label("change_id"),
        ).subquery("asked")
        found = proposals(offer, SHOP, asked).add_columns(products.c.key)
        return sorted(row.key for row in connection.execute(found, {"now": NOW}))


def test_what_was_bought_since_habits_were_learned_is_not_running_out() -> None:
    engine = shop("beans")
    for days_ago in (28, 21, 14, 7.0):
        happens(engine, "Order Completed", days_ago, "beans")
    with writing(engine) as connection:
        learn_habits(connection, NOW - DAY / 4, SHOP)
    assert proposed(engine, **{"from": "regulars"}) == ["beans"]
    happens(engine, "Order Completed", 1 / 8, "beans")
    assert proposed(engine, **{"from": "regulars"}) == []


@pytest.mark.parametrize("kind", ["goes_with", "better"])
def test_what_is_in_the_cart_is_not_proposed_to_go_with_it(kind: str) -> None:
    engine = shop("pasta", "sauce", "cheese")
    with writing(engine) as connection:
        id_of = dict(iter(connection.execute(select(products.c.key, products.c.id)).all()))
        for one, other in (("pasta", "sauce"), ("pasta", "cheese"), ("sauce", "pasta")):
            row = {"kind": kind, "product_id": id_of[one], "other_id": id_of[other], "strength": 2}
            connection.execute(insert(pairs), row)
    happens(engine, "Cart Updated", 1, "pasta", "sauce")
    assert proposed(engine, "Cart Updated1", **{"from": kind}) == ["cheese"]


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("1082185", "1082185"), ("a/b-c_d.e~f", "a/b-c_d.e~f"), ("A&B=2", "A%26B%3D2"),
        ("tea #4", "tea%20%234"), ("50%", "50%25"), ("Tee?", "Tee%3F"), ("Öl", "%C3%96l"),
    ],
)  # fmt: skip
def test_a_product_is_ordered_by_its_own_key_whatever_is_in_it(key: str, written: str) -> None:
    assert SHOP.order_link(key) == f"https://shop.example.com/order/{written}"
