"""Of a new version a few messages leave first; the rest follows, or is held back."""

from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import update

from channels.contract import Item, Outcome, Reason, Rejected
from orchestrator.flow import canary
from orchestrator.model.message import State
from orchestrator.store.database import open_database
from orchestrator.tables import canaries, canary_messages, controls, messages
from tests.support.shop import BEFORE, NOW, Small, consent, customer, event

both = pytest.mark.usefixtures("databases")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAILY: dict[str, Any] = {"trigger": {"cron": "0 12 * * *"}, "canary": 5}
PEOPLE = 30


def shop_of(folder: Path, people: int = PEOPLE, **campaign: Any) -> Small:
    shop = Small(folder, {"daily": {**DAILY, **campaign}})
    for n in range(people):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    return shop


def refuse(shop: Small, number: int, reason: Reason = Reason.other) -> None:
    """The provider refuses the first messages that it is given."""
    left = [number]

    def answer(item: Item) -> Outcome | None:
        left[0] -= 1
        return Rejected(reason, "no") if left[0] >= 0 else None

    shop.recording.script = answer


def befalls(shop: Small, state: State, number: int) -> None:
    """What is told of messages later."""
    ids = [row["id"] for row in shop.rows(messages) if row["state"] == "accepted"][:number]
    assert len(ids) == number
    shop.execute(update(messages).where(messages.c.id.in_(ids)).values(state=state))


def reasons(shop: Small) -> list[str]:
    return [row["reason"] for row in shop.rows(controls)]


@both
def test_the_first_leave_and_the_rest_follows_after_the_watch(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    shop.tick(NOW)
    assert len(shop.sent()) == 5
    shop.run(NOW + MINUTE, NOW + HOUR - MINUTE, 10 * MINUTE)
    assert len(shop.sent()) == 5
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == PEOPLE
    assert [row["state"] for row in shop.rows(canaries)] == ["released"]
    shop.run(NOW + 24 * HOUR, NOW + 25 * HOUR, HOUR)
    assert len(shop.sent()) == 2 * PEOPLE, "what has proved itself goes at once on the next day"


@both
def test_the_watch_is_as_long_as_the_campaign_says(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, canary_for="3h")
    shop.run(NOW, NOW + 3 * HOUR - MINUTE, 30 * MINUTE)
    assert len(shop.sent()) == 5
    shop.tick(NOW + 3 * HOUR)
    assert len(shop.sent()) == PEOPLE


@both
@pytest.mark.parametrize(("people", "first"), [(30, 20), (120, 24)])
def test_a_share_is_of_what_is_planned_but_not_too_few(
    tmp_path: Path, people: int, first: int
) -> None:
    shop = shop_of(tmp_path, people, canary="20%")
    shop.tick(NOW)
    shop.tick(NOW + MINUTE)
    assert len(shop.sent()) == first
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == people


@both
def test_too_many_refusals_hold_the_rest_back(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    refuse(shop, 2)
    shop.run(NOW, NOW + 3 * HOUR, 30 * MINUTE)
    assert len(shop.sent()) == 3
    assert reasons(shop) == [
        "2 of its first 5 messages could not be written, or were rejected, and 5 % may: write it "
        "anew, or let the rest leave with `tactful release daily`; then "
        "`tactful resume campaign daily`"
    ]
    (held,) = shop.rows(canaries)
    assert (held["state"], held["reason"]) == ("halted", reasons(shop)[0])
    shop.execute(controls.delete())
    shop.tick(NOW + 4 * HOUR)
    assert len(shop.sent()) == 3, "resumed, but never released"


@both
def test_templates_that_fail_hold_the_rest_back(tmp_path: Path) -> None:
    files = {"email.subject.j2": "Hi\n", "email.html.j2": "<p>{{ customer.nothing }}</p>\n"}
    shop = Small(tmp_path, {"daily": DAILY}, templates={"daily": files})
    for n in range(PEOPLE):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    shop.run(NOW, NOW + 3 * HOUR, 30 * MINUTE)
    states = [row["state"] for row in shop.rows(messages)]
    assert states.count("render_failed") == 5
    assert states.count("planned") == PEOPLE - 5
    assert "could not be written" in reasons(shop)[0]


@both
@pytest.mark.parametrize(
    ("state", "number", "says"),
    [
        (State.BOUNCED, 2, "2 of its first 60 messages went to dead addresses, and 2 % may"),
        (State.BOUNCED, 1, ""),
        (State.COMPLAINED, 2, "2 of its first 60 messages were called spam, and 0.1 % may"),
        (State.COMPLAINED, 1, ""),
    ],
)
def test_what_is_told_during_the_watch_counts(
    tmp_path: Path, state: State, number: int, says: str
) -> None:
    shop = shop_of(tmp_path, 70, canary=60)
    shop.tick(NOW)
    befalls(shop, state, number)
    shop.tick(NOW + HOUR)
    assert [reason.partition(":")[0] for reason in reasons(shop)] == ([says] if says else [])
    assert len(shop.sent()) == (60 if says else 70)


@both
def test_dead_addresses_count_however_they_are_told(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, 70, canary=60)
    refuse(shop, 2, Reason.bad_address)
    shop.run(NOW, NOW + 2 * HOUR, HOUR)
    assert "went to dead addresses" in reasons(shop)[0]
    assert len(shop.sent()) == 58


@both
def test_one_accident_stops_nothing_but_where_one_goes_first(tmp_path: Path) -> None:
    shop = shop_of(tmp_path / "five")
    refuse(shop, 1)
    shop.run(NOW, NOW + 2 * HOUR, HOUR)
    assert reasons(shop) == []
    assert len(shop.sent()) == PEOPLE - 1
    alone = shop_of(tmp_path / "one", canary=1)
    refuse(alone, 1)
    alone.run(NOW, NOW + 2 * HOUR, HOUR)
    assert alone.sent() == []
    assert reasons(alone)[0].startswith("1 of its first 1 messages could not be written")


@both
def test_whoever_does_not_get_it_after_all_is_replaced(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    shop.plan(NOW)
    shop.tactful.judge(NOW)
    chosen = [row["message_id"] for row in shop.rows(canary_messages)]
    keys = {id: key for key, id in shop.ids().items()}
    whose = {row["id"]: keys[row["customer_id"]] for row in shop.rows(messages)}
    for id in chosen[:2]:
        shop.add(consent(whose[id], given=False, at=NOW))
    shop.dispatch(NOW)
    assert len(shop.sent()) == 3
    shop.tick(NOW + MINUTE)
    assert len(shop.sent()) == 5
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == 5, "the watch begins with the last of them"
    shop.tick(NOW + HOUR + MINUTE)
    assert len(shop.sent()) == PEOPLE - 2


@both
def test_a_lost_answer_is_waited_for(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    lost = []
    shop.recording.loses = lambda item: not lost and not lost.append(item)  # type: ignore[func-returns-value]
    shop.recording.knows = False
    shop.tick(NOW)
    shop.run(NOW + 20 * MINUTE, NOW + HOUR, 20 * MINUTE)
    assert len(shop.sent()) == 5
    shop.tick(NOW + 2 * HOUR)
    assert len(shop.sent()) == PEOPLE


@both
def test_new_content_begins_anew_and_the_old_stays_held(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    refuse(shop, 5)
    shop.run(NOW, NOW + 2 * HOUR, HOUR)
    assert shop.sent() == []
    shop.execute(controls.delete())
    again = Small(
        tmp_path,
        {"daily": {**DAILY, "priority": 60}},
        database=shop.engine,
        channel=shop.channel,
        since=NOW + 3 * HOUR,
    )
    again.recording.script = lambda item: None
    again.tick(NOW + 24 * HOUR - MINUTE)
    assert again.sent() == [], "the old content stays where it is"
    again.tick(NOW + 24 * HOUR)
    assert len(again.sent()) == 5
    again.tick(NOW + 25 * HOUR)
    assert len(again.sent()) == PEOPLE
    assert {r["state"] for r in again.rows(messages)} == {"rejected", "expired", "accepted"}


@both
def test_content_that_was_released_before_needs_no_second_proof(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    shop.run(NOW, NOW + HOUR, HOUR)
    shop.tactful.publish(NOW + 2 * HOUR)
    assert [row["state"] for row in shop.rows(canaries)] == ["released"]


@both
def test_every_step_of_a_journey_proves_itself(tmp_path: Path) -> None:
    steps = [{"send": {}}, {"wait": "6h"}, {"send": {"template": "again"}}]
    trigger = {"event": "Signed Up"}
    shop = Small(tmp_path, {"way": {"trigger": trigger, "steps": steps, "canary": 3}})
    for n in range(8):
        key = f"c{n}"
        shop.add(customer(key), consent(key), event(key, "Signed Up", NOW))
    shop.tick(NOW)
    assert len(shop.sent()) == 3
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == 8
    shop.tick(NOW + 6 * HOUR)
    assert len(shop.sent()) == 8 + 3
    refused = [row["id"] for row in shop.rows(messages) if row["step"] and row["ended_at"]]
    spam = update(messages).where(messages.c.id.in_(refused)).values(state=State.COMPLAINED)
    shop.execute(spam)
    shop.run(NOW + 7 * HOUR, NOW + 9 * HOUR, HOUR)
    assert len(shop.sent()) == 8 + 3
    assert [row["state"] for row in shop.rows(canaries)] == ["released", "halted"]
    assert "3 of its first 3 messages were called spam" in reasons(shop)[0]


@both
def test_fewer_than_the_canary_leave_as_they_come(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, 4)
    shop.tick(NOW)
    assert len(shop.sent()) == 4
    assert [row["state"] for row in shop.rows(canaries)] == ["out"]


@both
def test_the_rest_is_released_by_hand(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    refuse(shop, 5)
    shop.run(NOW, NOW + HOUR, HOUR)
    with shop.engine.begin() as connection:
        assert canary.release(connection, "daily", NOW) == 1
        assert canary.release(connection, "daily", NOW) == 0
    shop.execute(controls.delete())
    shop.recording.script = lambda item: None
    shop.tick(NOW + HOUR)
    assert len(shop.sent()) == PEOPLE - 5


@both
def test_what_is_released_by_hand_is_what_is_at_work(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    refuse(shop, 5)
    shop.run(NOW, NOW + HOUR, HOUR)
    shop.execute(controls.delete())
    new = {"daily": {**DAILY, "priority": 60}}
    again = Small(tmp_path, new, database=shop.engine, channel=shop.channel, since=NOW + HOUR)
    again.recording.script = lambda item: None
    with again.engine.begin() as connection:
        assert canary.release(connection, "daily", NOW + HOUR) == 1
    again.tick(NOW + 2 * HOUR)
    assert again.sent() == [], "the old content was written anew"
    again.tick(NOW + 24 * HOUR)
    assert len(again.sent()) == PEOPLE


@both
def test_without_a_canary_all_leave(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"daily": {"trigger": DAILY["trigger"]}})
    for n in range(PEOPLE):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    shop.tick(NOW)
    assert len(shop.sent()) == PEOPLE
    assert shop.rows(canaries) == []


def test_workers_who_claim_at_once_do_not_exceed_it(tmp_path: Path, postgres_url: str) -> None:
    engine = open_database(postgres_url)
    shops = [
        Small(tmp_path / "log", {"daily": {**DAILY, "canary": 17}}, database=engine, since=BEFORE)
        for _ in range(4)
    ]
    for n in range(120):
        shops[0].add(customer(f"c{n}"), consent(f"c{n}"))
    shops[0].plan(NOW)
    failed: list[BaseException] = []

    def work(shop: Small, at: datetime) -> None:
        try:
            for second in range(3):
                shop.tactful.judge(at + timedelta(seconds=second))
                shop.dispatch(at + timedelta(seconds=second))
        except BaseException as error:  # told to the test below
            failed.append(error)

    for at, sent in ((NOW, 17), (NOW + HOUR + MINUTE, 120)):
        workers = [Thread(target=work, args=(shop, at)) for shop in shops]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert failed == []
        assert len({r.message_id for r in shops[0].sent()}) == len(shops[0].sent()) == sent
    engine.dispose()
