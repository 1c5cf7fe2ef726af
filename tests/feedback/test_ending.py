"""Whoever asks for an end gets one: at once, for good, and with evidence."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from channels.contract import Feedback, Reason, Rejected
from orchestrator.flow.dispatch import Dispatcher
from orchestrator.tables import consent_log, feedback
from tests.feedback.stage import LATER, agreed, history, listen, number, stage, standing, told
from tests.support.shop import BEFORE, NOW, Small, consent, customer, event

on_both = pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    on = getattr(request, "param", "sqlite")
    url = None if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = stage(tmp_path, "ann1", "bob2", database=url)
    made.add(event("ann1", "Cart Updated", NOW))
    made.tick(NOW)  # message 3 is a text to ann1
    yield made
    made.engine.dispose()


def reply(text: str, key: str = "r", **more: object) -> Feedback:
    kind = {"STOP": "unsubscribed", "START": "resubscribed"}.get(text, "replied")
    return told(kind, key, None, address=number("ann1"), detail=text, **more)


@on_both
def test_stop_by_text_ends_texts_and_nothing_else(shop: Small) -> None:
    before = agreed(shop, "ann1")
    assert listen(shop, reply("STOP")).known == 1
    assert agreed(shop, "ann1") == {**before, ("sms", "*"): False}
    assert agreed(shop, "bob2") == before
    said = [row for row in shop.rows(consent_log) if not row["given"]]
    assert [(r["channel"], r["topic"], r["at"], r["wording"]) for r in said] == [
        ("sms", "*", NOW, "STOP")
    ]
    assert said[0]["touchpoint"] == "told through outbox"
    assert history(shop, 3) == ["unsubscribed"]
    shop.add(*(event("ann1", "Cart Updated", LATER, id=f"{n}") for n in range(3)))
    assert shop.plan(LATER)["text"] == {"no_consent": 3}


@on_both
def test_it_counts_for_everyone_with_that_number(shop: Small) -> None:
    shop.add(customer("cy3", phone=number("ann1")), consent("cy3", "sms"))
    listen(shop, reply("STOP"))
    assert agreed(shop, "cy3")["sms", "*"] is False


@pytest.mark.parametrize("other", ["messenger", "social", "webhook", "inbox"])
def test_a_number_is_a_number_whatever_else_its_plugin_carries(tmp_path: Path, other: str) -> None:
    """Twilio brings texts and Messenger; who writes STOP does so from a telephone."""
    through = {"through": "outbox"}
    ways = {"email": {**through, "sender": "a@example.com"}, "sms": through, other: through}
    shop = Small(tmp_path, {}, shop={"channels": ways})
    shop.add(customer("ann1", phone=number("ann1")), consent("ann1", "sms"))
    assert listen(shop, reply("STOP")).known == 1
    assert agreed(shop, "ann1")["sms", "*"] is False


def test_who_writes_by_messenger_is_known_by_the_page_s_number(tmp_path: Path) -> None:
    through = {"through": "outbox"}
    ways = {"email": {**through, "sender": "a@example.com"}, "sms": through, "messenger": through}
    shop = Small(tmp_path, {}, shop={"channels": ways})
    shop.add(("customers", {"id": "ann1", "addresses": {"messenger": "4242424242424242"}}))
    shop.add(consent("ann1", "messenger"))
    listen(shop, told("unsubscribed", "r", None, address="4242424242424242"))
    assert agreed(shop, "ann1")["messenger", "*"] is False


def test_an_unsubscription_ends_the_channel_of_its_message(shop: Small) -> None:
    listen(shop, told("unsubscribed", "u", 1))
    assert agreed(shop, "ann1") == {("email", "*"): False, ("sms", "*"): True}
    assert standing(shop) == ("accepted", None)


def test_other_replies_are_kept_with_the_message(shop: Small) -> None:
    before = agreed(shop, "ann1")
    listen(shop, reply("Do you have it in blue?"))
    assert history(shop, 3) == ["replied"]
    assert agreed(shop, "ann1") == before
    assert [row["detail"] for row in shop.rows(feedback)] == ["Do you have it in blue?"]


@on_both
def test_start_gives_back_what_stop_took_and_no_more(shop: Small) -> None:
    shop.add(consent("ann1", "sms", "offers", given=False, at=BEFORE + timedelta(days=1)))
    before = agreed(shop, "ann1")
    listen(shop, reply("STOP", "1"))
    assert not any(given for (name, _), given in agreed(shop, "ann1").items() if name == "sms")
    listen(shop, reply("START", "2", at=NOW + timedelta(minutes=1)))
    assert agreed(shop, "ann1") == before
    assert not before["sms", "offers"]


@on_both
def test_start_takes_back_a_stop_that_was_said_twice(shop: Small) -> None:
    """Twilio reports the opt-out once more with each text that it then refuses."""
    before = agreed(shop, "ann1")
    listen(shop, reply("STOP", "1"))
    listen(shop, reply("STOP", "2", at=NOW + timedelta(minutes=1)))
    listen(shop, told("unsubscribed", "3", 3, at=NOW + timedelta(minutes=2)))
    listen(shop, reply("START", "4", at=NOW + timedelta(minutes=3)))
    assert agreed(shop, "ann1") == before


def test_start_is_no_consent(shop: Small) -> None:
    shop.add(customer("dee4", phone=number("dee4")))
    listen(shop, told("resubscribed", "1", None, address=number("dee4")))
    assert agreed(shop, "dee4") == {}
    shop.add(consent("bob2", "sms", given=False, at=NOW))  # at the till, not by text
    listen(shop, told("resubscribed", "2", None, address=number("bob2"), at=LATER))
    assert agreed(shop, "bob2")["sms", "*"] is False


def texts(shop: Small, key: str, *, after: timedelta) -> dict[str, int]:
    """What planning a text to a customer comes to, a while later."""
    now = LATER + after
    shop.add(event(key, "Cart Updated", now))
    return shop.plan(now)["text"]


@on_both
def test_stop_from_a_number_that_nobody_has_counts_for_whoever_gets_it(shop: Small) -> None:
    nobody = number("eve5")
    assert listen(shop, told("unsubscribed", "1", None, address=nobody)).known == 0
    shop.add(customer("eve5", phone=nobody), consent("eve5", "sms"))
    assert texts(shop, "eve5", after=timedelta(hours=1)) == {"suppressed": 1}
    again = LATER + timedelta(hours=2)
    listen(shop, told("resubscribed", "2", None, address=nobody, at=again), now=again)
    assert texts(shop, "eve5", after=timedelta(hours=3)) == {"planned": 1}


@on_both
def test_start_takes_back_an_end_that_only_the_provider_was_told(shop: Small) -> None:
    shop.recording.script = lambda item: Rejected(Reason.unsubscribed, "21610")
    shop.add(event("ann1", "Cart Updated", LATER))
    shop.tick(LATER)
    shop.recording.script = lambda item: None
    assert texts(shop, "ann1", after=timedelta(hours=1)) == {"suppressed": 1}
    before, after = NOW, LATER + timedelta(hours=2)
    listen(shop, reply("START", "1", at=before), now=after)
    assert texts(shop, "ann1", after=timedelta(hours=3)) == {"suppressed": 1}
    listen(shop, reply("START", "2", at=after), now=after)
    assert texts(shop, "ann1", after=timedelta(hours=4)) == {"planned": 1}


@pytest.mark.parametrize("kind", ["complained", "bounced_hard"])
def test_start_does_not_take_back_a_complaint_nor_mend_a_number(shop: Small, kind: str) -> None:
    listen(shop, told(kind, "c", 3))
    listen(shop, reply("START", "s", at=LATER), now=LATER + timedelta(minutes=1))
    assert texts(shop, "ann1", after=timedelta(hours=1)) == {"suppressed": 1}


def test_a_late_stop_does_not_end_what_was_agreed_to_after_it(shop: Small) -> None:
    shop.add(consent("ann1", "sms", at=LATER))
    listen(shop, reply("STOP", at=NOW), now=LATER + timedelta(days=1))
    assert agreed(shop, "ann1")["sms", "*"] is True


def test_a_clock_that_is_ahead_does_not_put_an_end_off(shop: Small) -> None:
    listen(shop, reply("STOP", at=LATER + timedelta(days=2)))
    shop.add(event("ann1", "Cart Updated", LATER, id="x"))
    assert shop.plan(LATER + timedelta(minutes=1))["text"] == {"no_consent": 1}


def test_nothing_is_admitted_once_an_end_is_recorded(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while a batch is between rendering and admitting; and the other way round."""
    shop = stage(tmp_path, "ann1", "bob2", database=postgres_url)
    shop.add(*(event(key, "Cart Updated", NOW) for key in ("ann1", "bob2")))
    shop.plan(NOW)
    compose = Dispatcher._compose

    def stops_meanwhile(self: Dispatcher, *asked: object) -> object:
        made = compose(self, *asked)  # type: ignore[arg-type]
        listen(shop, reply("STOP"), now=NOW)
        return made

    monkeypatch.setattr(Dispatcher, "_compose", stops_meanwhile)
    shop.dispatch(NOW)
    assert [line for line in shop.told() if line.startswith("text")] == ["text for bob2"]
    assert shop.ledger()["text", "ann1"] == [("suppressed", "no_consent")]
    shop.engine.dispose()


def test_an_end_waits_for_who_is_admitting(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stage(tmp_path, "ann1", database=postgres_url)
    shop.add(event("ann1", "Cart Updated", NOW))
    shop.plan(NOW)
    stopped = Dispatcher._checked
    ends = threading.Thread(target=lambda: listen(shop, reply("STOP"), now=NOW))
    seen: list[bool] = []

    def meanwhile(self: Dispatcher, *asked: object) -> object:
        ends.start()
        ends.join(0.3)
        seen.append(ends.is_alive())
        return stopped(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(Dispatcher, "_checked", meanwhile)
    shop.dispatch(NOW)
    ends.join()
    assert seen == [True]
    assert agreed(shop, "ann1")["sms", "*"] is False
    assert [line for line in shop.told() if line.startswith("text")] == ["text for ann1"]
    shop.engine.dispose()
