"""From planned to whatever came of it, through the vendors' SDKs, signed callbacks and the web."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator.store.database import reading
from orchestrator.store.reports import maybe_twice
from orchestrator.tables import accounts, attempts, feedback, messages, suppressions
from tests.emulator.fixtures import sendgrid, twilio
from tests.emulator.sendgrid import Letter, SendGrid
from tests.emulator.server import Callback, Fault, make
from tests.emulator.twilio import Twilio
from tests.feedback.stage import agreed, number
from tests.feedback.vendors import Vendors, soon, vendors
from tests.support.shop import NOW

__all__ = ["sendgrid", "twilio"]

TEXT, LETTER = "Cart Updated", "Signed Up"
TEXTED_BILL, BILL = "Product Viewed", "Order Completed"
TURN = timedelta(minutes=30)

TWENTY = (
    *("STOP", "stop", "Stop.", " STOP \n", "S.T.O.P", "ＳＴＯＰ", "STOP 🛑", "Stopall", "END"),
    *("unsubscribe", "Cancel", "Quit", "revoke", "OPT OUT", "Opt-Out", "please stop this"),
    *("Stop texting me!", "ARRÊT", "Abmelden", "СТОП"),
)


@pytest.fixture
def both(tmp_path: Path, twilio: Twilio, sendgrid: SendGrid) -> Iterator[Vendors]:
    """Both vendors, and two customers."""
    with vendors(tmp_path, twilio, sendgrid, "ann1", "bob2", database=str(tmp_path / "t")) as one:
        yield one


@pytest.fixture
def losing(tmp_path: Path, twilio: Twilio, sendgrid: SendGrid) -> Iterator[Vendors]:
    """Vendors who are given up on after half a second, and customers enough to lose answers on."""
    keys = [f"c{n}" for n in range(1, 7)]
    at = str(tmp_path / "t")
    with vendors(tmp_path, twilio, sendgrid, *keys, database=at, timeout_s=0.5) as one:
        yield one


def states(both: Vendors) -> dict[str, tuple[str, str | None]]:
    """State and reason of each customer's last message."""
    return {customer: told[-1] for (_, customer), told in both.shop.ledger().items()}


def given(both: Vendors) -> list[str | None]:
    """The provider's names for the messages, in order."""
    return [row["provider_ref"] for row in both.shop.rows(messages)]


def of(both: Vendors, key: str) -> list[Letter]:
    """What SendGrid has taken for a customer."""
    return [one for one in both.sendgrid.letters if one.to == f"{key}@example.com"]


def to(both: Vendors, key: str) -> list[str]:
    """What Twilio has taken for a customer: SIDs."""
    return [one.sid for one in both.twilio.messages if one.to == number(key)]


def doubled(both: Vendors) -> int:
    """How many messages may have come twice, as reports count them."""
    with reading(both.shop.engine) as connection:
        return sum(maybe_twice(connection).values())


def test_a_text_from_planned_to_delivered(both: Vendors) -> None:
    both.happens(TEXT, "ann1", NOW)
    (sid,) = to(both, "ann1")
    assert (states(both)["ann1"], given(both)) == (("accepted", None), [sid])
    calls = [both.twilio.report(sid, status) for status in ("queued", "sent", "delivered")]
    assert set(make(calls, Random(5), repeat=3)) <= {202, 204}
    assert states(both)["ann1"] == ("delivered", None)
    assert len(both.shop.rows(feedback)) == 3
    forged = Callback(calls[0].url, calls[0].body + b"&x=1", calls[0].headers)
    assert make([forged]) == [403]


@pytest.mark.parametrize(
    ("code", "end", "suppressed", "blocked"),
    [
        (30003, ("accepted", "bounced_soft"), [], False),
        (30006, ("bounced", "bounced_hard"), ["all"], False),
        (30007, ("accepted", "bounced_soft"), [], True),
    ],
)
def test_a_text_that_is_not_delivered(
    both: Vendors, code: int, end: Any, suppressed: list[str], blocked: bool
) -> None:
    both.happens(TEXT, "ann1", NOW)
    assert make([both.twilio.report(to(both, "ann1")[0], "undelivered", code)]) == [204]
    assert states(both)["ann1"] == end
    assert [row["scope"] for row in both.shop.rows(suppressions)] == suppressed
    stopped = [row["plugin"] for row in both.shop.rows(accounts) if row["open_until"] is not None]
    assert bool(stopped) is blocked


def test_letters_from_planned_to_whatever_came_of_them(both: Vendors) -> None:
    for key in ("ann1", "bob2"):
        both.happens(LETTER, key, NOW)
    (first,), (second,) = of(both, "ann1"), of(both, "bob2")
    tell = both.sendgrid.event
    names = ("processed", "delivered", "open", "click")
    events = [tell(first, name, url="https://shop.example.com/tea") for name in names]
    calls = [both.posted(one) for one in events]
    assert set(make(calls, Random(7), repeat=3)) <= {202, 204}
    assert states(both)["ann1"] == ("delivered", None)
    kinds = [row["kind"] for row in both.shop.rows(feedback)]
    assert sorted(kinds) == ["accepted", "clicked", "delivered", "opened"]
    assert both.tells(tell(first, "spamreport"), repeat=2) == [204, 202]
    assert states(both)["ann1"] == ("complained", "complained")
    hard = tell(second, "bounce", type="bounce", status="5.1.1")
    assert both.tells(hard, tell(second, "processed")) == [204]
    assert states(both)["bob2"] == ("bounced", "bounced_hard")
    scopes = [row["scope"] for row in both.shop.rows(suppressions)]
    assert sorted(scopes) == ["all", "marketing"]


def test_an_unsubscribe_at_sendgrid_ends_it_here(both: Vendors) -> None:
    both.happens(LETTER, "ann1", NOW)
    assert both.tells(both.sendgrid.event(of(both, "ann1")[0], "unsubscribe")) == [204]
    assert agreed(both.shop, "ann1") == {("email", "*"): False, ("sms", "*"): True}


def test_texts_whose_answer_was_lost(losing: Vendors) -> None:
    """Marketing by Twilio: found by callback, by search, found not to be there, or given up."""
    twilio = losing.twilio
    fates = {
        "c1": Fault.drop_after,  # a callback comes late
        "c2": Fault.drop_after,  # no callback comes: the search finds it
        "c3": Fault.silence,  # taken, and the answer timed out
        "c4": Fault.drop,  # never taken: once that is certain it is sent
        "c5": Fault.error_after,  # taken, and neither callback nor search tells
        "c6": Fault.cut_short,  # half an answer
    }
    for turn, (key, fault) in enumerate(fates.items()):
        at = NOW + turn * TURN
        twilio.meet(fault)
        losing.happens(TEXT, key, at)
        assert states(losing)[key][0] == "unknown", key
        if key == "c1":
            assert make([twilio.report(to(losing, key)[0], "sent")]) == [204]
        if key == "c5":
            twilio.was_created(to(losing, key)[0], NOW - TURN)
            assert twilio.now == at
            for minute in range(5, 26, 5):  # a provider whose clock stands still is never sure
                losing.shop.tick(at + timedelta(minutes=minute))
            twilio.now = at
            continue
        losing.goes_on(at)
    found = states(losing)
    assert {key: found[key][0] for key in ("c1", "c2", "c3", "c4", "c6")} == dict.fromkeys(
        ("c1", "c2", "c3", "c4", "c6"), "accepted"
    )
    assert found["c5"][0] == "unknown_final"
    assert {key: len(to(losing, key)) for key in fates} == dict.fromkeys(fates, 1)
    # Very late, the truth.
    assert make([twilio.report(to(losing, "c5")[0], "delivered")]) == [204]
    assert states(losing)["c5"] == ("delivered", None)
    assert given(losing) == [to(losing, key)[0] for key in fates]
    assert doubled(losing) == 0


def test_letters_whose_answer_was_lost(losing: Vendors) -> None:
    """Marketing by SendGrid, which has no search: only an event can tell."""
    tell = losing.sendgrid.event
    fates = {
        "c1": Fault.drop_after,  # `processed` comes before anybody gives up
        "c2": Fault.silence,  # it comes very late
        "c3": Fault.error_after,  # it never comes
        "c4": Fault.drop,  # never taken, and nobody can know
    }
    for turn, (key, fault) in enumerate(fates.items()):
        at = NOW + turn * TURN
        losing.sendgrid.meet(fault)
        losing.happens(LETTER, key, at)
        assert states(losing)[key][0] == "unknown", key
        if key == "c1":
            assert losing.tells(tell(of(losing, key)[0], "processed")) == [204]
        losing.goes_on(at)
    found = {key: states(losing)[key][0] for key in fates}
    assert found == {"c1": "accepted"} | dict.fromkeys(("c2", "c3", "c4"), "unknown_final")
    assert losing.tells(tell(of(losing, "c2")[0], "delivered"), repeat=2) == [204, 202]
    assert states(losing)["c2"] == ("delivered", None)
    assert [len(of(losing, key)) for key in fates] == [1, 1, 1, 0]
    assert doubled(losing) == 0


def test_messages_of_service_whose_answer_was_lost(losing: Vendors) -> None:
    """At least once: sent again where nobody can tell, and that is counted."""
    losing.twilio.meet(Fault.drop_after)
    losing.happens(TEXTED_BILL, "c1", NOW)
    losing.goes_on(NOW)
    assert (states(losing)["c1"], len(to(losing, "c1"))) == (("accepted", None), 1)
    losing.sendgrid.meet(Fault.drop_after)
    losing.happens(BILL, "c2", NOW + TURN)
    assert losing.tells(losing.sendgrid.event(of(losing, "c2")[0], "processed")) == [204]
    losing.goes_on(NOW + TURN)
    assert (states(losing)["c2"], len(of(losing, "c2"))) == (("accepted", None), 1)
    assert doubled(losing) == 0
    losing.sendgrid.meet(Fault.drop_after)
    losing.happens(BILL, "c3", NOW + 2 * TURN)
    losing.goes_on(NOW + 2 * TURN)
    assert (states(losing)["c3"], len(of(losing, "c3"))) == (("accepted", None), 2)
    assert doubled(losing) == 1
    outcomes = [row["outcome"] for row in losing.shop.rows(attempts)][-2:]
    assert outcomes == ["unknown", "accepted"]


def test_stop_in_twenty_spellings_is_confirmed_once(both: Vendors) -> None:
    both.happens(TEXT, "ann1", NOW)
    assert len(TWENTY) == len(set(TWENTY)) == 20
    for spelling in TWENTY:
        assert both.says("ann1", spelling) == [204]
    assert {row["kind"] for row in both.shop.rows(feedback)} == {"unsubscribed"}
    assert agreed(both.shop, "ann1") == {("email", "*"): True, ("sms", "*"): False}
    both.shop.tick(soon())
    both.shop.tick(soon())
    _, *confirmed = both.twilio.messages
    assert [one.body.partition(":")[0] for one in confirmed] == ["Corner Shop"]
    assert "unsubscribed" in confirmed[0].body
