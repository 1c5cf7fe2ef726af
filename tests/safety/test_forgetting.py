"""Whoever is forgotten is nowhere to be found, gets nothing more, and does not come back."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, cast, select

from channels.contract import Feedback, FeedbackKind
from orchestrator.flow import wishes as pages
from orchestrator.flow.feedback import hear, own
from orchestrator.flow.forgetting import LONGEST, Forgotten, erase_what_is_left, forget
from orchestrator.flow.inbox import feed
from orchestrator.flow.wishes import Answers
from orchestrator.model.message import State
from orchestrator.store import erasing, forgotten
from orchestrator.store.database import reading
from orchestrator.store.reports import written
from orchestrator.tables import (
    attempts,
    consent_log,
    consents,
    contents,
    customers,
    events,
    feedback,
    forgetting,
    habits,
    journeys,
    memberships,
    message_log,
    messages,
    metadata,
    suppressions,
    targets,
    wishes,
)
from tests.support.shop import NOW, Small, consent, customer, event, price, product

pytestmark = pytest.mark.usefixtures("databases")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LATER = NOW + DAY
MARK = "zzyzx"
"""Stands in everything that the shop, the provider or the customer told of Ann."""

ANN = f"ann-{MARK}"
HTML = (
    '{% extends "layout.html.j2" %}{% block content %}<p>Dear {{ customer.who }}'
    '<a href="https://shop.example.com/for/{{ customer.who }}">yours</a>'
    '<a href="https://shop.example.com/all">everybody\'s</a>{{ product_list(products) }}</p>'
    "{% endblock %}\n"
)
LETTER = {"email.subject.j2": "For {{ customer.who }}\n", "email.html.j2": HTML}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "hello": {"purpose": "offer", "offer": {"products": {"from": "listed", "ids": ["tea"]}}},
    "way": {"steps": [{"wait": "2d"}, {"send": {}}]},
    "members": {"trigger": {"enters": "members"}, "expires": "20d"},
}


def town(folder: Path, **more: Any) -> Small:
    """Ann and Bob have got a message each, and wait for others."""
    shop = Small(
        folder,
        WAYS,
        shop={
            "tracking": {"clicks": True, "opens": True},
            "segments": {"members": {"trait": "member", "is": True}},
        },
        templates={"hello": LETTER},
        **more,
    )
    shop.add(product("tea"), price("tea", "2.49"))
    for key, who in ((ANN, f"who-{MARK}"), ("bob2", "bob")):
        shop.add(
            customer(
                key,
                who=who,
                city=f"{who} town",
                hobbies=[f"{who} tea"],
                member=True,
                birthday="1980-02-29",
                nickname=f"{who} unheard of",
                phone=None,
            ),
            consent(key),
            event(key, "Signed Up", NOW, id=f"signed-{key}", ref=f"ref {who}"),
            event(
                key,
                "Order Completed",
                NOW - DAY,
                id=f"order-{key}",
                cart_id=f"cart {who}",
                note=f"ring at {who}",
                products=["tea"],
                total=1,
            ),
        )
    shop.tick(NOW)
    return shop


def let_them_speak(shop: Small) -> None:
    """Everything that can come back, with Ann's and Bob's words in it."""
    engine, words = shop.engine, shop.tactful.shop
    for row in shop.rows(messages):
        if not row["tries"]:
            continue
        who = MARK if row["customer_id"] == shop.ids()[ANN] else "bob"
        for kind in (FeedbackKind.clicked, FeedbackKind.replied, FeedbackKind.opened):
            told = own(kind, row["id"], f"<{kind}-{who}@mail.example.com>", NOW, f"{who} says so")
            hear(engine, words, "outbox", [told], NOW + MINUTE)
        answers = Answers(set(), set(), quiet_from="01:23", quiet_until="02:34", locale="de_DE")
        person = pages.save(engine, words, row["id"], answers, Said(who), NOW + MINUTE)
        assert isinstance(person, pages.Person)
        bye = own(FeedbackKind.unsubscribed, row["id"], f"bye-{who}", NOW, f"stop, says {who}")
        hear(engine, words, "outbox", [bye], NOW + 2 * MINUTE)
    hers = select(messages.c.id).where(messages.c.customer_id == shop.ids()[ANN])
    answered = attempts.update().where(attempts.c.message_id.in_(hers))
    shop.execute(answered.values(detail=f"250 kept for {MARK}", provider_ref=MARK))


class Said(dict[str, str]):
    """The words of a page: each of them with a name in it."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self.who = who

    def __missing__(self, word: str) -> str:
        return f"{word} of {self.who}"


def go(shop: Small, key: str = ANN, now: Any = LATER) -> Forgotten:
    done = forget(shop.engine, key, "a key of digests", now)
    assert done is not None
    return done


def found(shop: Small, mark: str = MARK) -> set[str]:
    """Every table and column in which a text has the mark."""
    where = set()
    with reading(shop.engine) as connection:
        for table in metadata.sorted_tables:
            for column in table.c:
                text = cast(column, String)
                if connection.execute(select(text).where(text.like(f"%{mark}%"))).first():
                    where.add(f"{table.name}.{column.name}")
    return where


def answers(done: Forgotten) -> dict[str, int]:
    words = [one.answer for one in done.answers]
    return {word: words.count(word) for word in set(words)}


def test_no_table_holds_any_of_their_words(tmp_path: Path) -> None:
    shop = town(tmp_path)
    let_them_speak(shop)
    # The test looks in the right places: before, the words are everywhere.
    assert found(shop) >= {
        "customers.key", "customers.traits", "addresses.address", "events.key",
        "events.properties", "messages.address", "contents.subject", "contents.text",
        "contents.html", "message_log.detail", "attempts.detail", "attempts.provider_ref",
        "feedback.detail", "feedback.event_key", "wishes.wording", "consent_log.wording",
        "targets.url",
    }  # fmt: skip
    others = {table: len(theirs(shop, table, "bob2")) for table in OF_CUSTOMERS}
    go(shop)
    assert found(shop) == set()
    # Bob's are as they were.
    assert {table: len(theirs(shop, table, "bob2")) for table in OF_CUSTOMERS} == others
    assert "contents.text" in found(shop, "bob")
    assert {row["url"] for row in shop.rows(targets)} == {
        "https://shop.example.com/all",
        "https://shop.example.com/for/bob",
        "https://shop.example.com/order/tea",
    }


OF_CUSTOMERS = (events, consents, wishes, journeys, memberships, habits)


def theirs(shop: Small, table: Any, key: str) -> list[Any]:
    id = shop.ids()[key]
    return [row for row in shop.rows(table) if row["customer_id"] == id]


def test_every_table_about_customers_is_known_to_it() -> None:
    """A table that is added is either erased, or it is said here why not."""
    about = {
        table.name
        for table in metadata.tables.values()
        if {"customer_id", "message_id"} & set(table.c.keys()) or table is messages
    }
    with_events = {"event_products"}
    at_once = {"addresses", "forgetting"}
    ids_alone = {"canary_messages"}
    assert about == erasing.ERASED.keys() | with_events | at_once | ids_alone


def test_what_reports_count_stays(tmp_path: Path) -> None:
    shop = town(tmp_path)
    with reading(shop.engine) as connection:
        before = written(connection)
    quoted = {row["message_id"]: row["quote"] for row in shop.rows(contents)}
    go(shop)
    with reading(shop.engine) as connection:
        assert written(connection) == before
    after = {row["message_id"]: row["quote"] for row in shop.rows(contents)}
    assert after.keys() == quoted.keys()
    for id, lines in after.items():
        assert [(line["product"], line["amount"], line["currency"]) for line in lines] == [
            (line["product"], line["amount"], line["currency"]) for line in quoted[id]
        ]


def test_who_agreed_to_what_stays_as_evidence(tmp_path: Path) -> None:
    shop = town(tmp_path)
    let_them_speak(shop)
    id = shop.ids()[ANN]
    go(shop)
    log = [row for row in shop.rows(consent_log) if row["customer_id"] == id]
    assert [(row["given"], row["touchpoint"], row["wording"]) for row in log] == [
        (True, "till", "Yes, please."),
        (False, "told through outbox", ""),
    ]
    # Who has the key of the digests and is told the name finds whose it was.
    (row,) = [row for row in shop.rows(customers) if row["id"] == id]
    by = forgotten.Digests(b"a key of digests")
    assert row["key"] == by.of_customer(ANN)
    assert forgotten.Digests(b"another").of_customer(ANN) != row["key"]


def test_what_waits_never_leaves(tmp_path: Path) -> None:
    shop = town(tmp_path)
    shop.add(event(ANN, "Signed Up", LATER, ref="again"), event("bob2", "Signed Up", LATER))
    shop.plan(LATER)
    sent = len(shop.sent())
    done = go(shop)
    assert answers(done) == {"cancelled": 1}
    assert shop.ledger()["hello", by_digest(ANN)][-1] == ("cancelled", "forgotten")
    shop.run(LATER, LATER + 5 * DAY, 6 * timedelta(hours=1))
    new = shop.sent()[sent:]
    assert new
    assert not any(MARK in (record.address or "") for record in new)


def by_digest(key: str) -> str:
    return forgotten.Digests(b"a key of digests").of_customer(key)


def test_what_is_being_written_is_too_late_and_erased_once_it_is_over(tmp_path: Path) -> None:
    shop = town(tmp_path)
    mine = messages.c.customer_id == shop.ids()[ANN]
    sending = messages.update().where(mine, messages.c.state == State.ACCEPTED)
    shop.execute(sending.values(state=State.SENDING, token="t", lease_until=LATER + MINUTE))
    done = go(shop)
    assert answers(done)["too late"] == 1
    assert "messages.address" in found(shop)
    # Its worker never answers: nobody looks for it, for there is nothing to look by.
    shop.tick(LATER + 2 * MINUTE)
    assert found(shop) == set()
    assert ("unknown_final", "forgotten") in [
        (row["state"], row["reason"]) for row in shop.rows(messages)
    ]


def test_what_others_had_begun_before_is_erased_afterwards(tmp_path: Path) -> None:
    """A planner, or a worker that keeps what it has rendered, may still write of them."""
    shop = town(tmp_path)
    id = shop.ids()[ANN]
    go(shop)
    shop.execute(
        messages.update()
        .where(messages.c.customer_id == id, messages.c.tries == 0)
        .values(state=State.PLANNED, reason=None, ended_at=None, address=MARK)
    )
    (some, *_) = [row["id"] for row in shop.rows(messages) if row["customer_id"] == id]
    late = {"message_id": some, "at": LATER, "what": "render_failed", "detail": MARK}
    shop.execute(message_log.insert(), late)
    shop.tactful.reconcile(LATER + LONGEST - MINUTE)
    assert "message_log.detail" in found(shop)
    shop.tactful.reconcile(LATER + LONGEST)
    assert found(shop) == set()
    assert shop.rows(forgetting) == []
    assert not any(row["state"] == State.PLANNED for row in shop.rows(messages)
                   if row["customer_id"] == id)  # fmt: skip


def test_a_process_that_dies_half_way_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = town(tmp_path)
    let_them_speak(shop)

    def dies(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "ERASED", {**erasing.ERASED, "contents": dies})
        with pytest.raises(KeyboardInterrupt):
            go(shop)
    assert "contents.text" in found(shop)
    assert go(shop).before
    erase_what_is_left(shop.engine, LATER)
    assert found(shop) == set()


def test_each_transaction_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = town(tmp_path)
    more = [event(ANN, "Product Viewed", NOW, id=f"{MARK}-{n}", theme=MARK) for n in range(25)]
    shop.add(*more)
    monkeypatch.setattr("orchestrator.flow.forgetting.ROWS_AT_ONCE", 10)
    seen: list[int] = []
    erase = erasing.ERASED["events"]

    def counted(*args: Any) -> int:
        seen.append(erase(*args))
        return seen[-1]

    monkeypatch.setattr(erasing, "ERASED", {**erasing.ERASED, "events": counted})
    done = go(shop)
    assert seen == [10, 10, 7]
    assert done.erased["events"] == 27


def test_it_is_said_once_and_known_twice(tmp_path: Path) -> None:
    shop = town(tmp_path)
    assert forget(shop.engine, "nobody", "x", LATER) is None
    assert not go(shop).before
    again = go(shop, now=LATER + DAY)
    assert (again.before, again.at) == (True, LATER)


# --- coming back ----------------------------------------------------------------------------------


def told_again() -> list[tuple[str, dict[str, Any]]]:
    return [
        customer(ANN, who=MARK, phone=None),
        consent(ANN),
        event(ANN, "Signed Up", NOW, id="signed-again"),
        event(ANN, "Signed Up", LATER + MINUTE, id="new"),
    ]


def test_an_import_brings_nothing_back(tmp_path: Path) -> None:
    shop = town(tmp_path)
    go(shop)
    sent = len(shop.sent())
    shop.add(*told_again())
    assert found(shop) == set()
    shop.tick(LATER + 2 * MINUTE)
    assert [r for r in shop.sent()[sent:] if MARK in r.address] == []


def test_whoever_agrees_anew_is_a_new_customer(tmp_path: Path) -> None:
    shop = town(tmp_path)
    go(shop)
    agreed = consent(ANN, at=LATER + MINUTE)
    shop.add(*told_again(), agreed)
    id = shop.ids()[ANN]
    assert [row["key"] for row in shop.rows(events) if row["customer_id"] == id] == ["new"]
    (said_so,) = [row for row in shop.rows(consent_log) if row["customer_id"] == id]
    assert said_so["at"] == LATER + MINUTE
    assert shop.rows(suppressions) == []
    sent = len(shop.sent())
    shop.tick(LATER + 2 * MINUTE)
    assert any(MARK in record.address for record in shop.sent()[sent:])


def test_the_address_alone_may_not_be_written_to(tmp_path: Path) -> None:
    """Imported anew as somebody else, with a consent from before."""
    shop = town(tmp_path)
    go(shop)
    shop.add(
        customer("carl3", email=f"{ANN}@example.com", phone=None),
        consent("carl3", at=NOW),
        event("carl3", "Signed Up", LATER),
    )
    assert [row["reason"] for row in shop.rows(suppressions)] == ["forgotten"]
    assert shop.plan(LATER)["hello"] == {"suppressed": 1}
    # Who agrees after that, by this address, may be written to again.
    shop.add(consent("carl3", at=LATER + MINUTE), event("carl3", "Signed Up", LATER + MINUTE))
    assert shop.rows(suppressions) == []
    assert shop.plan(LATER + MINUTE)["hello"]["planned"] == 1


def test_an_objection_outlives_both(tmp_path: Path) -> None:
    shop = town(tmp_path)
    (mine,) = [r["id"] for r in shop.rows(messages)
               if r["customer_id"] == shop.ids()[ANN] and r["tries"]]  # fmt: skip
    complaint = own(FeedbackKind.complained, mine, "c1", NOW)
    hear(shop.engine, shop.tactful.shop, "outbox", [complaint], NOW)
    assert len(shop.rows(suppressions)) == 1
    go(shop)
    assert shop.rows(suppressions) == []  # the plain digest could be found by trying addresses
    shop.add(*told_again(), consent(ANN, at=LATER + MINUTE))
    assert [(r["scope"], r["reason"]) for r in shop.rows(suppressions)] == [
        ("marketing", "complained")
    ]


def test_whoever_shares_an_address_is_left_in_peace_there_too(tmp_path: Path) -> None:
    shop = town(tmp_path)
    shop.add(customer("dora4", email=f"{ANN}@example.com", phone=None), consent("dora4"))
    go(shop)
    assert [row["scope"] for row in shop.rows(suppressions)] == ["all"]
    shop.add(event("dora4", "Signed Up", LATER))
    assert shop.plan(LATER)["hello"] == {"suppressed": 1}


def test_whoever_goes_twice_comes_back_as_a_third(tmp_path: Path) -> None:
    shop = town(tmp_path)
    go(shop)
    shop.add(*told_again(), consent(ANN, at=LATER + MINUTE))
    go(shop, now=LATER + DAY)
    assert found(shop) == set()
    shop.add(*told_again(), consent(ANN, at=LATER + MINUTE))
    assert found(shop) == set()
    shop.add(*told_again(), consent(ANN, at=LATER + 2 * DAY))
    assert ANN in shop.ids()
    assert shop.rows(suppressions) == []


# --- what comes in late ---------------------------------------------------------------------------


def test_their_links_lead_nowhere_and_their_inbox_is_empty(tmp_path: Path) -> None:
    shop = town(tmp_path)
    mine = next(r["id"] for r in shop.rows(messages) if r["customer_id"] == shop.ids()[ANN])
    assert pages.person_of(shop.engine, mine, LATER) is not None
    go(shop)
    assert pages.person_of(shop.engine, mine, LATER) is None
    assert pages.unsubscribe(shop.engine, mine, "page", "words", LATER) is None
    assert feed(shop.engine, ANN, LATER) == {"messages": [], "unseen": 0, "next": None}


def test_what_comes_back_late_is_counted_and_not_kept(tmp_path: Path) -> None:
    shop = town(tmp_path)
    mine = next(r["id"] for r in shop.rows(messages)
                if r["customer_id"] == shop.ids()[ANN] and r["tries"])  # fmt: skip
    go(shop)
    words = shop.tactful.shop
    said = [
        own(FeedbackKind.delivered, mine, "d", LATER, f"to {ANN}@example.com"),
        own(FeedbackKind.unsubscribed, mine, f"<{MARK}@mail.example.com>", LATER, f"{MARK}: stop"),
        own(FeedbackKind.bounced_hard, mine, "b", LATER, f"no {MARK}"),
        Feedback(
            FeedbackKind.replied,
            f"r-{MARK}",
            LATER,
            address=f"{ANN}@example.com",
            detail=f"It is me, {MARK}",
        ),
    ]
    hear(shop.engine, words, "outbox", said, LATER)
    assert found(shop) == set()
    noted = {row["what"] for row in shop.rows(message_log)}
    assert noted == {"delivered", "unsubscribed", "bounced_hard"}
    assert {row["id"]: row["state"] for row in shop.rows(messages)}[mine] == "bounced"
    assert len(shop.rows(feedback)) == 4
    assert {row["address_key"] for row in shop.rows(feedback)} == {None}
    assert all(row["read_at"] for row in shop.rows(feedback))
    assert [row["given"] for row in shop.rows(consent_log)] == [True, True]


def test_what_bob_says_is_kept_all_the_same(tmp_path: Path) -> None:
    shop = town(tmp_path)
    go(shop)
    his = next(r["id"] for r in shop.rows(messages)
               if r["customer_id"] == shop.ids()["bob2"] and r["tries"])  # fmt: skip
    bye = own(FeedbackKind.unsubscribed, his, "bye", LATER, "stop, says Bob")
    hear(shop.engine, shop.tactful.shop, "outbox", [bye], LATER)
    assert [row["wording"] for row in shop.rows(consent_log)][-1] == "stop, says Bob"
