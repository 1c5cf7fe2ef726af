"""Several who write to one PostgreSQL database at once: nothing that one of them said is lost."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from orchestrator.flow.ingest import ingest_raw
from orchestrator.flow.learn import learn_better, learn_habits, learn_pairs, learn_popularity
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.messages import lock_customers
from orchestrator.tables import consents, customers
from tests.ingest.stage import NOW, SHOP, of, rows, take_in

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
PATIENCE_S = 30.0


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    take_in(engine, *of("customers", {"id": "ann", "kids": 1, "email": "ann@example.com"}))
    yield engine
    engine.dispose()


class Other:
    """Somebody else, who begins the work now and has to wait for what we hold."""

    def __init__(self, engine: Engine, work: Callable[[Connection], Any]) -> None:
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(engine, work))
        self._thread.start()
        with engine.connect() as watcher:
            while self._thread.is_alive() and not watcher.scalar(WAITING):
                watcher.rollback()
                self._thread.join(0.005)
        assert self._thread.is_alive(), "it did not wait"

    def ends(self) -> None:
        """It is done, and well, now that we have let go."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self._failed == []

    def _run(self, engine: Engine, work: Callable[[Connection], Any]) -> None:
        try:
            with writing(engine) as connection:
                work(connection)
        except BaseException as error:
            self._failed.append(error)


def says(**traits: Any) -> Callable[[Connection], Any]:
    record = {"id": "ann", **traits}
    return lambda connection: ingest_raw(connection, of("customers", record), NOW, SHOP)


def test_two_who_change_different_traits_of_one_customer_both_stand(engine: Engine) -> None:
    first = engine.connect()
    with first.begin():
        says(owner=True)(first)
        other = Other(engine, says(likes=["tea"]))
    first.close()
    other.ends()
    ((traits,),) = rows(engine, "customers", "traits")
    assert traits == {"kids": 1, "owner": True, "likes": ["tea"]}


def test_a_withdrawal_waits_for_what_is_being_sent_and_no_longer(engine: Engine) -> None:
    withdrawal = {
        "customer": "ann", "channel": "email", "topic": "*", "given": False,
        "at": "2017-11-01T00:00:00Z", "touchpoint": "till", "wording": "Please stop.",
    }  # fmt: skip
    sender = engine.connect()
    with sender.begin():
        ann = sender.scalars(select(customers.c.id)).one()
        lock_customers(sender, [ann])
        other = Other(engine, lambda it: ingest_raw(it, of("consents", withdrawal), NOW, SHOP))
        assert sender.execute(select(consents)).all() == []
    sender.close()
    other.ends()
    assert rows(engine, "consents", "given") == [(False,)]


def test_new_events_come_in_while_a_message_leaves(engine: Engine) -> None:
    viewed = {
        "id": "e1", "name": "Page Viewed", "customer": "ann", "at": "2017-11-01T00:00:00Z",
        "properties": {},
    }  # fmt: skip
    with engine.begin() as sender:
        lock_customers(sender, sender.scalars(select(customers.c.id)).all())
        take_in(engine, *of("events", viewed))
    assert rows(engine, "events", "key") == [("e1",)]


def test_two_who_bring_one_new_address_at_once_share_it(engine: Engine) -> None:
    def brings(key: str) -> Callable[[Connection], Any]:
        record = {"id": key, "email": "home@example.com"}
        return lambda connection: ingest_raw(connection, of("customers", record), NOW, SHOP)

    first = engine.connect()
    with first.begin():
        brings("bob")(first)
        other = Other(engine, brings("cy"))
    first.close()
    other.ends()
    assert sorted(rows(engine, "addresses", "shared")) == [(False,), (True,), (True,)]


def test_whoever_shares_the_address_is_held_too(engine: Engine) -> None:
    take_in(engine, *of("customers", {"id": "bob", "email": "ann@example.com"}))
    sender = engine.connect()
    with sender.begin():
        find = select(customers.c.id).where(customers.c.key == "bob")
        lock_customers(sender, [sender.scalars(find).one()])
        other = Other(engine, says(kids=2))
    sender.close()
    other.ends()
    with reading(engine) as connection:
        traits = connection.scalars(select(customers.c.traits).where(customers.c.key == "ann"))
        assert traits.one() == {"kids": 2}


def test_who_is_made_by_an_event_at_the_same_time_keeps_all_that_is_told_of_them(
    engine: Engine,
) -> None:
    told = {"id": "bob", "kids": 2, "zone": "Europe/Berlin", "email": "bob@example.com"}
    first = engine.connect()
    with first.begin():
        ingest_raw(first, of("events", event(customer="bob")), NOW, SHOP)
        other = Other(engine, lambda it: ingest_raw(it, of("customers", told), NOW, SHOP))
    first.close()
    other.ends()
    assert ("bob", {"kids": 2, "zone": "Europe/Berlin"}) in rows(
        engine, "customers", "key", "traits"
    )


def test_what_an_event_has_named_at_the_same_time_is_listed(engine: Engine) -> None:
    listed = {"id": "1", "title": "Coffee", "stock": 5}
    first = engine.connect()
    with first.begin():
        carried = event(properties={"products": [{"product_id": "1"}]})
        ingest_raw(first, of("events", carried), NOW, SHOP)
        other = Other(engine, lambda it: ingest_raw(it, of("products", listed), NOW, SHOP))
    first.close()
    other.ends()
    assert rows(engine, "products", "title", "stock", "attributes") == [("Coffee", 5, {})]


def test_a_catalogue_that_comes_with_a_count_leaves_the_count_alone(engine: Engine) -> None:
    take_in(engine, *of("products", {"id": "1", "title": "Coffee", "stock": 5}))
    sold_out = {"product": "1", "stock": 0, "at": "2017-11-06T12:00:01Z"}
    first = engine.connect()
    with first.begin():
        ingest_raw(first, of("stock", sold_out), NOW, SHOP)
        listed = {"id": "1", "title": "Fine coffee"}
        other = Other(engine, lambda it: ingest_raw(it, of("products", listed), NOW, SHOP))
    first.close()
    other.ends()
    assert rows(engine, "products", "title", "stock") == [("Fine coffee", 0)]


def test_of_two_prices_told_at_the_same_time_the_later_is_a_change(engine: Engine) -> None:
    take_in(engine, *of("products", {"id": "1", "title": "Coffee"}))
    before = {"product": "1", "amount": "10", "at": "2017-11-01T00:00:00Z"}
    after = {"product": "1", "amount": "8", "at": "2017-11-02T00:00:00Z"}
    first = engine.connect()
    with first.begin():
        ingest_raw(first, of("prices", before), NOW, SHOP)
        other = Other(engine, lambda it: ingest_raw(it, of("prices", after), NOW, SHOP))
    first.close()
    other.ends()
    assert rows(engine, "product_changes", "kind") == [("price",)]


def test_two_who_learn_at_once_learn_the_same(engine: Engine) -> None:
    """An import does, and `run` or a worker beside it."""
    for product in ("chips", "salsa"):
        take_in(engine, *of("products", {"id": product, "title": product, "category": product}))
    both, alone = [{"product_id": "chips"}, {"product_id": "salsa"}], [{"product_id": "tea"}]
    for day in range(1, 25):
        bought = {"products": both if day < 13 else alone}
        at = f"2017-10-{day:02}"
        order = event(id=f"o{day}", name="Order Completed", at=at, properties=bought)
        take_in(engine, *of("events", order))

    def learn(connection: Connection) -> None:
        for lesson in (learn_habits, learn_pairs, learn_better, learn_popularity):
            lesson(connection, NOW, SHOP)

    first = engine.connect()
    with first.begin():
        learn(first)
        other = Other(engine, learn)
    first.close()
    other.ends()
    assert len(rows(engine, "habits")) == 3
    assert len(rows(engine, "pairs")) == 2


def event(**words: Any) -> dict[str, Any]:
    return {
        "id": "e1", "name": "Page Viewed", "customer": "ann", "at": "2017-11-01T00:00:00Z",
        "properties": {}, **words,
    }  # fmt: skip
