"""What is answered `cancelled` never reaches a provider, whoever sends meanwhile."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Connection

from channels.contract import Deferred, Item
from orchestrator.flow import cancelling
from orchestrator.flow.cancelling import Answer, cancel
from orchestrator.flow.explain import explain_message
from orchestrator.store.cancelling import Which
from orchestrator.store.database import open_database, writing
from orchestrator.store.messages import lock_customers
from orchestrator.tables import customers, journeys, messages
from tests.support.shop import NOW, Small, consent, customer, event

both = pytest.mark.usefixtures("databases")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def planned(folder: Path, people: int = 3, **campaign: Any) -> Small:
    """Messages of two campaigns for each customer."""
    shop = Small(folder, {"hello": campaign, "tips": campaign})
    for n in range(people):
        key = f"c{n}"
        shop.add(customer(key), consent(key), event(key, "Signed Up", NOW))
    shop.plan(NOW)
    return shop


def said(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    return [(one.answer, one.state) for one in answers]


@both
@pytest.mark.parametrize(
    ("which", "left"),
    [
        (Which(campaign="hello"), 3),
        (Which(customer="c1"), 4),
        (Which(campaign="tips", customer="c1"), 5),
        (Which(customer="nobody"), 6),
    ],
)
def test_what_waits_is_ended(tmp_path: Path, which: Which, left: int) -> None:
    shop = planned(tmp_path)
    answers = shop.tactful.cancel(which, NOW)
    assert said(answers) == [("cancelled", "cancelled")] * (6 - left)
    shop.run(NOW, NOW + HOUR, 10 * MINUTE)
    assert len(shop.sent()) == left
    gone = [row for row in shop.rows(messages) if row["state"] == "cancelled"]
    assert {row["id"] for row in gone} == {one.message for one in answers}
    assert all(row["reason"] == "cancelled_by_hand" and row["ended_at"] == NOW for row in gone)


@both
def test_one_message_is_answered_in_any_case(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    first, second, *_ = (row["id"] for row in shop.rows(messages))
    for _ in range(2):
        (answer,) = shop.tactful.cancel(Which(message=first), NOW)
        assert answer == Answer(first, "cancelled", "cancelled")
    shop.dispatch(NOW)
    (answer,) = shop.tactful.cancel(Which(message=second), NOW)
    assert answer == Answer(second, "too late", "accepted")
    assert shop.tactful.cancel(Which(message=999), NOW) == []


@both
def test_what_has_left_already_is_not_told_of(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    shop.dispatch(NOW)
    assert shop.tactful.cancel(Which(campaign="hello"), NOW) == []


@both
def test_what_a_worker_holds_is_taken_from_it(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    answers: list[Answer] = []

    def meanwhile(item: Item) -> None:
        if not answers:
            answers.extend(shop.tactful.cancel(Which(campaign="hello"), NOW))

    shop.recording.rendered = meanwhile
    shop.dispatch(NOW)
    assert said(answers) == [("cancelled", "cancelled")] * 3
    assert len(shop.sent()) == 3
    assert all(one.startswith("tips") for one in shop.told())


@both
def test_what_is_just_being_written_is_too_late(tmp_path: Path) -> None:
    shop = planned(tmp_path, 1)
    answers: list[Answer] = []
    shop.recording.before = lambda items: answers.extend(
        shop.tactful.cancel(Which(customer="c0"), NOW)
    )
    shop.dispatch(NOW)
    assert ("too late", "sending") in said(answers)
    late = {str(one.message) for one in answers if one.answer == "too late"}
    assert {record.message_id for record in shop.sent()} == late


@both
def test_a_lost_answer_is_too_late(tmp_path: Path) -> None:
    shop = planned(tmp_path, 1)
    shop.recording.loses = lambda item: True
    shop.dispatch(NOW)
    assert said(shop.tactful.cancel(Which(customer="c0"), NOW)) == [("too late", "unknown")] * 2


@both
def test_a_service_message_that_may_have_arrived_is_too_late_and_not_sent_again(
    tmp_path: Path,
) -> None:
    shop = planned(tmp_path, 1, purpose="service")
    shop.recording.loses, shop.recording.knows = (lambda item: True), False
    shop.tick(NOW)
    shop.tactful.reconcile(NOW + 20 * MINUTE)
    assert {row["state"] for row in shop.rows(messages)} == {"deferred"}
    answers = shop.tactful.cancel(Which(customer="c0"), NOW + 20 * MINUTE)
    assert said(answers) == [("too late", "unknown_final")] * 2
    shop.run(NOW + 21 * MINUTE, NOW + HOUR, 10 * MINUTE)
    assert len(shop.sent()) == 2


@both
def test_what_a_provider_put_off_can_still_be_cancelled(tmp_path: Path) -> None:
    shop = planned(tmp_path, 1)
    shop.recording.script = lambda item: Deferred(60.0, "busy")
    shop.dispatch(NOW)
    assert said(shop.tactful.cancel(Which(customer="c0"), NOW)) == [("cancelled", "cancelled")] * 2
    shop.recording.script = lambda item: None
    shop.run(NOW + MINUTE, NOW + HOUR, 10 * MINUTE)
    assert shop.sent() == []


@both
def test_whoever_is_on_the_way_leaves(tmp_path: Path) -> None:
    steps = [{"send": {}}, {"wait": "6h"}, {"send": {"template": "again"}}]
    shop = planned(tmp_path, 2, steps=steps)
    shop.tick(NOW)
    shop.tactful.cancel(Which(campaign="hello", customer="c0"), NOW + HOUR)
    shop.run(NOW + 6 * HOUR, NOW + 7 * HOUR, HOUR)
    assert len(shop.sent()) == 4 + 3
    ends = [row["ended_as"] for row in shop.rows(journeys)]
    assert ends.count("cancelled_by_hand") == 1


@both
def test_nobody_waits_longer_than_for_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody could unsubscribe, and nothing else be sent, while a large campaign is ended."""
    monkeypatch.setattr(cancelling, "AT_ONCE", 2)
    shop = planned(tmp_path, 5)
    everybody = [row["id"] for row in shop.rows(customers)]
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        with writing(shop.engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            lock_customers(connection, everybody)
        told.append((done, of))

    answers = cancel(shop.engine, Which(campaign="hello"), NOW, tell)
    assert told == [(0, 5), (2, 5), (4, 5)]
    assert said(answers) == [("cancelled", "cancelled")] * 5


@both
def test_whoever_is_on_the_way_leaves_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "AT_ONCE", 2)
    steps = [{"send": {}}, {"wait": "6h"}, {"send": {"template": "again"}}]
    shop = planned(tmp_path, 5, steps=steps)
    shop.tick(NOW)
    plain = cancelling.end_journeys
    ended: list[int] = []

    def watched(connection: Connection, some: Sequence[int], now: datetime) -> None:
        ended.append(len(some))
        plain(connection, some, now)

    monkeypatch.setattr(cancelling, "end_journeys", watched)
    cancel(shop.engine, Which(campaign="hello"), NOW + HOUR)
    assert ended == [2, 2, 1]
    ways = [(row["campaign"], row["ended_as"]) for row in shop.rows(journeys)]
    assert sorted(ways, key=str) == [("hello", "cancelled_by_hand")] * 5 + [("tips", None)] * 5


@both
def test_interrupted_it_can_be_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "AT_ONCE", 2)
    shop = planned(tmp_path, 5)

    def interrupt(done: int, of: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancel(shop.engine, Which(campaign="hello"), NOW, interrupt)
    assert said(shop.tactful.cancel(Which(campaign="hello"), NOW)) == [("cancelled", "cancelled")]
    shop.dispatch(NOW)
    assert len(shop.sent()) == 5


@both
def test_what_is_planned_meanwhile_does_not_keep_it_from_its_end(tmp_path: Path) -> None:
    shop = planned(tmp_path)

    def plan_more(done: int, of: int) -> None:
        shop.add(customer("late"), consent("late"), event("late", "Signed Up", NOW))
        shop.plan(NOW)

    answers = cancel(shop.engine, Which(campaign="hello"), NOW, plan_more)
    assert len(answers) == 3
    shop.dispatch(NOW)
    assert sum(one.startswith("hello") for one in shop.told()) == 1


@both
def test_the_reason_has_words(tmp_path: Path) -> None:
    shop = planned(tmp_path, 1)
    (answer, *_) = shop.tactful.cancel(Which(customer="c0"), NOW)
    why = explain_message(shop.tactful, answer.message).why
    assert why is not None
    assert why.sentence == "was cancelled by hand"


@pytest.mark.parametrize("seed", range(4))
def test_cancelling_and_sending_at_once(tmp_path: Path, postgres_url: str, seed: int) -> None:
    """Two senders and three who cancel, on connections of their own; the provider's log decides."""
    people = 60
    engine = open_database(postgres_url)
    shops = [Small(tmp_path, {"hello": {}}, database=engine) for _ in range(2)]
    for n in range(people):
        key = f"c{n}"
        shops[0].add(customer(key), consent(key), event(key, "Signed Up", NOW))
    shops[0].plan(NOW)
    ids = [row["id"] for row in shops[0].rows(messages)]
    assert len(ids) == people
    begin, answers, failed = Barrier(5), [], []

    def send(shop: Small, at: datetime) -> None:
        begin.wait()
        shop.dispatch(at)

    def cancel_some(mine: Sequence[int]) -> None:
        begin.wait()
        for id in mine:
            answers.extend(shops[0].tactful.cancel(Which(message=id), NOW))

    def cancel_all() -> None:
        begin.wait()
        answers.extend(shops[0].tactful.cancel(Which(campaign="hello"), NOW))

    def guarded(work: Any, *args: Any) -> None:
        try:
            work(*args)
        except BaseException as error:  # told to the test below
            failed.append(error)

    third = people // 3
    works: list[tuple[Any, ...]] = [
        (send, shops[0], NOW),
        (send, shops[1], NOW),
        (cancel_some, ids[seed:third]),
        (cancel_some, ids[::-1][:third]),
        (cancel_all,) if seed == 3 else (cancel_some, ids[third : 2 * third]),
    ]
    threads = [Thread(target=guarded, args=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for shop in shops:
        shop.run(NOW + 3 * MINUTE, NOW + HOUR, 20 * MINUTE)
    written = [int(record.message_id) for record in shops[0].sent()]
    cancelled = {one.message for one in answers if one.answer == "cancelled"}
    late = {one.message for one in answers if one.answer == "too late"}
    assert len(written) == len(set(written))
    assert cancelled.isdisjoint(written)
    assert late <= set(written)
    assert cancelled | set(written) == set(ids)
    engine.dispose()
