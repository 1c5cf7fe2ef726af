"""Several who write to one PostgreSQL database at once: nothing that one of them said is lost."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from orchestrator.flow.ingest import ingest_raw
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
