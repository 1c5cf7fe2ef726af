"""What providers tell: in any order, repeated and late, it comes to one state, and never back."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.contract import Accepted, Feedback, Item, Outcome, Unknown
from orchestrator.flow.feedback import settle
from orchestrator.store import feedback as inbox
from orchestrator.store.database import writing
from orchestrator.tables import attempts, feedback, message_log, messages, suppressions
from tests.feedback.stage import (
    LATER,
    agreed,
    history,
    listen,
    stage,
    standing,
    told,
    tried,
)
from tests.support.shop import NOW, Small, customer, event

KINDS = ("accepted", "delivered", "bounced_soft", "bounced_hard", "complained", "opened", "clicked")
ENDS = {
    "accepted": ("accepted", None),
    "opened": ("accepted", None),
    "clicked": ("accepted", None),
    "bounced_soft": ("accepted", "bounced_soft"),
    "delivered": ("delivered", None),
    "bounced_hard": ("bounced", "bounced_hard"),
    "complained": ("complained", "complained"),
}
HEIGHT = (
    "accepted",
    "opened",
    "clicked",
    "bounced_soft",
    "delivered",
    "bounced_hard",
    "complained",
)
"""From the one that says least to the one that says most."""

on_both = pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    """Three customers with a letter each, on either database."""
    on = getattr(request, "param", "sqlite")
    url = None if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = stage(tmp_path, "ann1", "bob2", "cy3", database=url)
    yield made
    made.engine.dispose()


def again(shop: Small) -> None:
    """The first message is as it was when the provider took it."""
    with writing(shop.engine) as connection:
        connection.execute(message_log.delete())
        connection.execute(feedback.delete())
        connection.execute(suppressions.delete())
        connection.execute(messages.update().values(state="accepted", reason=None))


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_event_leads_to(shop: Small, kind: str) -> None:
    answer = listen(shop, told(kind, "e"))
    assert (answer.new, answer.known) == (1, 1)
    assert standing(shop) == ENDS[kind]
    assert standing(shop, 2) == ("accepted", None)
    assert history(shop) == [kind]


@on_both
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_order_and_any_number_of_times_comes_to_one_state(
    shop: Small, data: st.DataObject
) -> None:
    again(shop)
    kinds = data.draw(st.sets(st.sampled_from(KINDS), min_size=1))
    events = [told(kind, kind) for kind in sorted(kinds)]
    order = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    cuts = data.draw(st.sets(st.integers(1, len(order))))
    heights = [ENDS[kind] for kind in HEIGHT]
    height = 0
    for part in parts(order, sorted(cuts)):
        listen(shop, *part)
        now = heights.index(standing(shop))
        assert now >= height
        height = now
    highest = max(kinds, key=HEIGHT.index)
    assert standing(shop) == ENDS[highest]
    assert history(shop) == sorted(kinds)


def parts(order: Sequence[Feedback], cuts: Sequence[int]) -> Iterator[Sequence[Feedback]]:
    for start, end in itertools.pairwise([0, *cuts, len(order)]):
        yield order[start:end]


def test_every_order_of_four(tmp_path: Path) -> None:
    shop = stage(tmp_path, "ann1")
    events = [told(kind, kind) for kind in ("accepted", "delivered", "opened", "complained")]
    for order in itertools.permutations(events):
        again(shop)
        for one in order:
            listen(shop, one)
        assert standing(shop) == ("complained", "complained")


@on_both
def test_a_batch_is_told_apart(shop: Small) -> None:
    answer = listen(
        shop,
        told("delivered", "a", 1),
        told("bounced_hard", "b", 2),
        told("complained", "c", 3),
        told("delivered", "d", 999),
        told("delivered", "e", None),
    )
    assert (answer.new, answer.known) == (5, 3)
    states = [standing(shop, id)[0] for id in (1, 2, 3)]
    assert states == ["delivered", "bounced", "complained"]
    scopes = {(row["scope"], row["reason"]) for row in shop.rows(suppressions)}
    assert scopes == {("all", "bounced_hard"), ("marketing", "complained")}
    shop.add(*(event(key, "Order Completed", LATER) for key in ("bob2", "cy3")))
    shop.tick(LATER)
    assert [line for line in shop.told() if line.startswith("bill")] == ["bill for cy3"]


def lost(item: Item) -> Outcome | None:
    return Unknown("silence")


@on_both
@pytest.mark.parametrize("final", [False, True])
def test_a_callback_settles_what_was_unknown(shop: Small, final: bool) -> None:
    shop.recording.script = lost
    shop.recording.knows = False
    shop.add(customer("dee4"), event("ann1", "Order Completed", NOW))
    shop.tick(NOW)
    assert standing(shop, 4)[0] == "unknown"
    if final:
        shop.execute(messages.update().where(messages.c.id == 4).values(state="unknown_final"))
    listen(shop, told("accepted", "e", 4, provider_ref="SM4"))
    assert standing(shop, 4) == ("accepted", None)
    assert tried(shop, 4) == [("accepted", "SM4")]
    (row,) = [row for row in shop.rows(messages) if row["id"] == 4]
    assert (row["provider_ref"], row["token"], row["lease_until"]) == ("SM4", None, None)
    assert row["ended_at"] is not None


@on_both
def test_a_service_message_that_arrived_after_all_is_not_sent_again(shop: Small) -> None:
    shop.recording.script = lost
    shop.recording.knows = False
    shop.add(event("ann1", "Order Completed", NOW))
    shop.tick(NOW)
    shop.tactful.reconcile(NOW + timedelta(hours=1))
    assert standing(shop, 4)[0] == "deferred"
    shop.recording.script = lambda item: None
    listen(shop, told("delivered", "e", 4))
    assert standing(shop, 4) == ("delivered", None)
    (row,) = [row for row in shop.rows(messages) if row["id"] == 4]
    assert row["counts_at"] == NOW  # when it was written, not when it would have been again
    shop.tick(LATER)
    assert not [line for line in shop.told() if line.startswith("bill")]


@on_both
def test_a_callback_may_be_faster_than_the_answer(shop: Small) -> None:
    def calls_back_first(item: Item) -> Outcome | None:
        listen(shop, told("delivered", "fast", int(item.message_id), provider_ref="SM9"))
        return Unknown("the answer was lost")

    shop.recording.script = calls_back_first
    shop.add(event("ann1", "Order Completed", NOW))
    shop.tick(NOW)
    assert standing(shop, 4) == ("delivered", None)
    assert tried(shop, 4) == [("accepted", "SM9")]


@on_both
def test_an_answer_after_the_callback_takes_nothing_back(shop: Small) -> None:
    def calls_back_first(item: Item) -> Outcome | None:
        listen(shop, told("bounced_hard", "fast", int(item.message_id)))
        return Accepted("SM9")

    shop.recording.script = calls_back_first
    shop.add(event("ann1", "Order Completed", NOW))
    shop.tick(NOW)
    assert standing(shop, 4) == ("bounced", "bounced_hard")


def test_what_was_never_written_is_not_moved(shop: Small) -> None:
    shop.add(event("ann1", "Order Completed", NOW))
    shop.plan(NOW)
    listen(shop, told("delivered", "e", 4, attempt_id=None))
    assert standing(shop, 4)[0] == "planned"


def test_the_attempt_must_be_that_providers(shop: Small) -> None:
    listen(shop, told("complained", "e", 1), source="another")
    listen(shop, told("complained", "f", 1, attempt_id="2"))
    assert standing(shop) == ("accepted", None)


@on_both
def test_a_reference_and_an_address_name_a_message_too(shop: Small) -> None:
    ref = tried(shop)[0][1]
    listen(shop, told("delivered", "e", None, provider_ref=ref, address="Ann1@Example.com"))
    assert standing(shop) == ("delivered", None)
    listen(shop, told("delivered", "f", None, provider_ref="other", address="bob2@example.com"))
    assert standing(shop, 2) == ("accepted", None)


def test_it_waits_where_a_worker_holds_the_message(tmp_path: Path, postgres_url: str) -> None:
    shop = stage(tmp_path, "ann1", database=postgres_url)
    with shop.engine.begin() as worker:
        worker.execute(messages.update().where(messages.c.id == 1).values(claims=0))
        answer = listen(shop, told("delivered", "e"))
        assert (answer.new, answer.known) == (1, None)
    assert standing(shop) == ("accepted", None)
    assert [row["settled"] for row in shop.rows(feedback)] == [False]
    assert settle(shop.engine, shop.tactful.shop, LATER) == 1
    assert standing(shop) == ("delivered", None)
    assert settle(shop.engine, shop.tactful.shop, LATER) == 0
    assert history(shop) == ["delivered"]
    shop.engine.dispose()


@on_both
def test_the_engine_works_in_what_waits(shop: Small) -> None:
    with writing(shop.engine) as connection:
        inbox.keep(connection, [inbox.Heard("outbox", "e", "delivered", NOW, NOW, 1, 1)])
    shop.tactful.reconcile(LATER)
    assert standing(shop) == ("delivered", None)


NASTY = [
    told("replied", "\x00", 1, detail="\x00\ud800"),
    told("replied", "", 1, address="\ud800@x", provider_ref="\x00"),
    told("delivered", "k" * 9_000, None, message_id="9" * 30, attempt_id="-1"),
    told("delivered", "k1", None, message_id="9223372036854775808"),
    told("delivered", "k2", None, message_id="٣", attempt_id="1"),
    told("opened", "k3", 1, at=NOW.replace(tzinfo=None)),
    told("opened", "k4", 1, at=NOW.replace(year=1)),
    told("opened", "k5", 1, at=NOW.replace(year=9999)),
]


@on_both
def test_hostile_values_are_kept_and_harm_nothing(shop: Small) -> None:
    for nasty in NASTY:
        assert listen(shop, nasty).new == 1
        assert listen(shop, nasty).new == 0
    assert standing(shop) == ("accepted", None)
    assert all(row["at"] <= LATER for row in shop.rows(feedback))


def test_the_past_is_told_as_it_was(shop: Small) -> None:
    at = NOW + timedelta(minutes=3)
    listen(shop, told("delivered", "e", at=at))
    assert [row["at"] for row in shop.rows(message_log)] == [at]
    assert shop.rows(messages)[0]["ended_at"] == NOW


def test_consents_stay_as_they_are(shop: Small) -> None:
    before = agreed(shop, "ann1")
    listen(shop, *(told(kind, kind) for kind in KINDS))
    assert agreed(shop, "ann1") == before
    assert [row["outcome"] for row in shop.rows(attempts)] == ["accepted"] * 3
