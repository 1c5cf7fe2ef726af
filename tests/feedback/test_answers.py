"""STOP, START and HELP are answered: once for a wish, at any hour, and nobody hears more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from channels.contract import Accepted, Feedback, FeedbackKind, Outcome, Unknown
from orchestrator.flow.answer_words import ANSWERS, words
from orchestrator.flow.explain import explain_message
from orchestrator.flow.feedback import settle
from orchestrator.flow.load import load
from orchestrator.model.answer import ANSWER_WITHIN, WISHES, Answers
from orchestrator.model.sms import fold, segments
from orchestrator.tables import controls, feedback, messages
from tests.feedback.stage import TEXT, agreed, listen, number, told
from tests.support.shop import NOW, Small, consent, customer, event

STOP, START, HELP = (
    FeedbackKind.unsubscribed,
    FeedbackKind.resubscribed,
    FeedbackKind.asked_help,
)
MIDNIGHT = NOW + timedelta(hours=12)
SECOND = timedelta(seconds=1)
ANSWERED = "answer-to-stop"

on_both = pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    """Two customers, on either database."""
    on = getattr(request, "param", "sqlite")
    url = None if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = small(tmp_path, url)
    yield made
    made.engine.dispose()


def small(folder: Path, database: str | None = None, **more: Any) -> Small:
    """Ann and Bob have agreed to texts, and nobody has written to them yet."""
    made = Small(folder, {"text": TEXT}, database=database, shop=more)
    for key in ("ann1", "bob2"):
        made.add(customer(key, phone=number(key)), consent(key, "sms"))
    return made


def says(
    shop: Small,
    kind: FeedbackKind,
    id: str = "e1",
    now: datetime = NOW,
    whose: str = "ann1",
    **more: Any,
) -> None:
    """A customer writes, and the provider leaves the answer to us."""
    listen(shop, word(kind, id, now, whose, **more), now=now)


def word(kind: FeedbackKind, id: str, at: datetime, whose: str = "ann1", **more: Any) -> Feedback:
    plain = {"address": number(whose), "answer_by": "sms", "detail": "a word"}
    return told(kind, id, None, at=at, **{**plain, **more})


def answers(shop: Small) -> list[tuple[str, str]]:
    """Campaign and state of each answer, in order."""
    return [
        (row["campaign"], row["state"])
        for row in shop.rows(messages)
        if row["campaign"].startswith("answer-to-")
    ]


def texts(shop: Small) -> list[str]:
    """What was sent by telephone."""
    return [record.text for record in shop.sent() if record.kind == "sms"]


@on_both
def test_stop_is_confirmed_once_and_nothing_else_leaves(shop: Small) -> None:
    shop.add(event("ann1", "Cart Updated", NOW))
    shop.plan(NOW)
    says(shop, STOP)
    assert agreed(shop, "ann1")["sms", "*"] is False
    shop.add(event("ann1", "Cart Updated", NOW + SECOND))
    shop.tick(NOW + 2 * SECOND)
    assert texts(shop) == [ANSWERS["stop"]["en"].format(brand="Corner Shop")]
    assert shop.ledger()["text", "ann1"] == [
        ("suppressed", "no_consent"),
        ("skipped", "no_consent"),
    ]
    for turn in range(3):
        says(shop, STOP, f"again {turn}", NOW + (turn + 1) * timedelta(hours=1))
        shop.tick(NOW + (turn + 1) * timedelta(hours=1))
    assert answers(shop) == [(ANSWERED, "accepted")]


def test_the_same_event_twice_is_answered_once(shop: Small) -> None:
    says(shop, STOP)
    says(shop, STOP)
    assert answers(shop) == [(ANSWERED, "planned")]


def test_many_processes_that_hear_of_it_give_one_answer(tmp_path: Path, postgres_url: str) -> None:
    shop = small(tmp_path, postgres_url)
    ready = Barrier(4)

    def hear_of(turn: int) -> None:
        ready.wait()
        says(shop, STOP, f"s{turn}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(hear_of, range(4)))
    settle(shop.engine, shop.tactful.shop, NOW, shop.tactful.answering)
    assert answers(shop) == [(ANSWERED, "planned")]
    assert len(shop.rows(feedback)) == 4
    shop.engine.dispose()


@on_both
def test_an_answer_leaves_at_any_hour_and_to_anybody(shop: Small) -> None:
    says(shop, STOP, now=MIDNIGHT)
    says(shop, HELP, now=MIDNIGHT, id="h", whose="bob2")
    shop.tick(MIDNIGHT + SECOND)
    assert {state for _, state in answers(shop)} == {"accepted"}
    assert sorted(texts(shop)) == [
        "Corner Shop: For help, care@example.com. Reply STOP to end marketing messages. "
        "Message and data rates may apply.",
        ANSWERS["stop"]["en"].format(brand="Corner Shop"),
    ]


def test_start_is_answered_where_it_begins_something_again(shop: Small) -> None:
    says(shop, START, "at first")
    assert answers(shop) == []
    says(shop, STOP, "1", NOW + SECOND)
    says(shop, START, "2", NOW + 2 * SECOND)
    says(shop, START, "3", NOW + 3 * SECOND)
    says(shop, STOP, "4", NOW + 4 * SECOND)
    assert [campaign for campaign, _ in answers(shop)] == [ANSWERED, "answer-to-start", ANSWERED]


def test_the_same_wish_is_confirmed_again_the_next_day(shop: Small) -> None:
    says(shop, STOP)
    says(shop, STOP, "2", NOW + timedelta(hours=24))
    says(shop, HELP, "3", NOW)
    says(shop, HELP, "4", NOW + timedelta(minutes=9))
    says(shop, HELP, "5", NOW + timedelta(minutes=10))
    found = [campaign for campaign, _ in answers(shop)]
    assert found == [ANSWERED, ANSWERED, "answer-to-help", "answer-to-help"]


def test_two_who_share_a_telephone_get_one_answer(shop: Small) -> None:
    shop.add(("customers", {"id": "bob2", "phone": number("ann1")}))
    says(shop, STOP)
    assert [agreed(shop, key)["sms", "*"] for key in ("ann1", "bob2")] == [False, False]
    shop.tick(NOW)
    assert len(texts(shop)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"answer_by": None},
        {"answer_by": "whatsapp"},
        {"answer_by": "nonsense"},
        {"address": "+12125559999"},
        {"at": NOW - ANSWER_WITHIN},
    ],
)
def test_whoever_is_answered_already_or_cannot_be_hears_nothing(
    shop: Small, more: dict[str, Any]
) -> None:
    given = {"at": NOW, **more}
    listen(shop, word(STOP, "e", given.pop("at"), **given), now=NOW)
    assert answers(shop) == []


def test_another_provider_of_the_channel_does_not_answer(shop: Small) -> None:
    listen(shop, word(STOP, "e", NOW), now=NOW, source="email_smtp")
    assert answers(shop) == []


def test_a_reply_gets_no_answer(shop: Small) -> None:
    says(shop, FeedbackKind.replied)
    assert answers(shop) == []


def test_too_late_is_never(shop: Small) -> None:
    says(shop, STOP)
    shop.tick(NOW + ANSWER_WITHIN)
    assert answers(shop) == [(ANSWERED, "expired")]
    assert texts(shop) == []


def test_the_kill_switch_holds_answers_too(shop: Small) -> None:
    stopped = {"scope": "everything", "name": "*", "reason": "look", "at": NOW}
    shop.execute(controls.insert(), stopped)
    says(shop, STOP)
    shop.tick(NOW)
    assert answers(shop) == [(ANSWERED, "planned")]


def test_a_lost_answer_is_not_given_twice(shop: Small) -> None:
    shop.recording.script = lambda item: Unknown("lost")
    shop.recording.knows = False
    says(shop, STOP)
    shop.tick(NOW)
    taken: list[Outcome] = []
    shop.recording.script = lambda item: taken.append(Accepted("x"))
    shop.run(NOW + SECOND, NOW + timedelta(hours=1), timedelta(minutes=3))
    assert taken == []
    assert answers(shop) == [(ANSWERED, "unknown_final")], "it may have arrived"


@pytest.mark.parametrize(
    ("locale", "begins"),
    [
        ("de_DE", "Corner Shop: Sie sind abgemeldet"),
        ("fr_FR", "Corner Shop : c'est noté"),
        ("es_MX", "Corner Shop: Baja"),
        ("ja_JP", "Corner Shop: 配信"),
        ("it_IT", "Corner Shop: You are unsubscribed"),
    ],
)
def test_in_the_customers_language(shop: Small, locale: str, begins: str) -> None:
    shop.add(("customers", {"id": "ann1", "locale": locale}))
    says(shop, STOP)
    shop.tick(NOW)
    (text,) = texts(shop)
    assert text.startswith(begins)


def test_in_the_shops_own_words(tmp_path: Path) -> None:
    own = {"stop": {"en": "{brand}: bye! Ask {contact}.", "it": "{brand}: ciao."}}
    shop = small(tmp_path, answers=own)
    shop.add(("customers", {"id": "bob2", "locale": "it_IT"}))
    says(shop, STOP)
    says(shop, STOP, "2", whose="bob2")
    shop.tick(NOW)
    assert sorted(texts(shop)) == ["Corner Shop: bye! Ask care@example.com.", "Corner Shop: ciao."]


@pytest.mark.parametrize("wish", WISHES)
def test_each_fits_one_segment(wish: Any) -> None:
    for language, text in words(Answers(), wish).items():
        filled = fold(text.format(brand="Corner Shop", contact="+13125550123"))
        counted = segments(filled)
        assert counted.count == 1, (language, len(filled))
        assert (counted.alphabet == "GSM-7") is (language != "ja"), language


@pytest.mark.parametrize(
    "text",
    ["", "no name", "{brand} {{ shop.contact }}", "{brand} {%", "{brand} {name}", "{brand:>9}"],
)
def test_words_that_cannot_be_filled_in_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brand|character"):
        Answers.model_validate({"stop": {"en": text}})


def test_the_names_of_answers_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "campaigns" / "answer-to-stop"
    folder.mkdir(parents=True)
    (folder / "campaign.yaml").write_text("purpose: service\n")
    assert any("Tactful itself uses" in problem.what for problem in load(tmp_path).problems)


def test_an_answer_is_explained_by_a_process_that_never_wrote_it(tmp_path: Path) -> None:
    database = str(tmp_path / "t.db")
    shop = small(tmp_path, database)
    says(shop, STOP)
    shop.tick(NOW + ANSWER_WITHIN)
    (last,) = [row["id"] for row in shop.rows(messages) if row["campaign"] == ANSWERED]
    other = Small(tmp_path, {}, shop={"zone": "UTC"}, database=database)
    found = explain_message(other.tactful, last)
    assert found.message.state == "expired"
    assert found.why is not None
    for one in (shop, other):
        one.engine.dispose()
