"""Each gate alone: a situation, and the reason that it gives."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, literal, select, update

from orchestrator.flow.ingest import bucket
from orchestrator.rules.holdout import PRIME, held_out
from orchestrator.store.consents import suppress
from orchestrator.store.controls import pause, resume
from orchestrator.store.database import open_database, reading, writing
from orchestrator.tables import addresses, controls, messages, products
from tests.support.shop import (
    BEFORE,
    NOW,
    Small,
    consent,
    customer,
    event,
    price,
    product,
    stock,
)

pytestmark = pytest.mark.usefixtures("databases")

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def asked(shop: Small, *keys: str, at: datetime = NOW, ref: str = "") -> None:
    """These customers sign up, which is what the campaigns wait for."""
    for key in keys:
        shop.add(event(key, "Signed Up", at, id=f"{key}/{at.isoformat()}/{ref}"))


def reason(shop: Small, campaign: str = "hello", now: datetime = NOW) -> str:
    """The one verdict; planned for one customer, and for all, it is the same."""
    (counted,) = shop.plan(now)[campaign].items()
    assert counted[1] == 1
    return counted[0]


def one(folder: Path, campaign: dict[str, Any] | None = None, *more: Any, **shop: Any) -> Small:
    """A shop whose one campaign is asked for by ann1, who agreed to everything."""
    small = Small(folder, {"hello": campaign or {}}, shop=shop)
    small.add(customer("ann1"), consent("ann1"), consent("ann1", "sms"), *more)
    asked(small, "ann1")
    return small


def test_with_nothing_against_it_a_message_is_planned(tmp_path: Path) -> None:
    assert reason(one(tmp_path)) == "planned"


# --- address, suppression, consent --------------------------------------------------------------


def key_of(shop: Small, kind: str) -> str:
    (row,) = (r for r in shop.rows(addresses) if r["kind"] == kind)
    return str(row["address_key"])


def test_no_address(tmp_path: Path) -> None:
    assert reason(one(tmp_path, None, customer("ann1", email=None))) == "no_address"


@pytest.mark.parametrize(
    ("scope", "purpose", "answer"),
    [
        ("all", "help", "suppressed"),
        ("marketing", "help", "suppressed"),
        ("all", "service", "suppressed"),
        ("marketing", "service", "planned"),
    ],
)
def test_suppressed(tmp_path: Path, scope: Any, purpose: str, answer: str) -> None:
    shop = one(tmp_path, {"purpose": purpose})
    key = key_of(shop, "email")
    with writing(shop.engine) as connection:
        suppress(connection, key, scope, "test", NOW)
    assert reason(shop) == answer


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        ([], "no_consent"),
        ([consent("bob1", "sms")], "no_consent"),
        ([consent("bob1", topic="offers")], "no_consent"),
        ([consent("bob1", topic="tips")], "planned"),
        ([consent("bob1"), consent("bob1", topic="tips", given=False)], "no_consent"),
        ([consent("bob1"), consent("bob1", topic="tips", given=False, at=NOW)], "no_consent"),
        ([consent("bob1", topic="tips"), consent("bob1", given=False, at=NOW)], "no_consent"),
        ([consent("bob1", given=False), consent("bob1", topic="tips", at=NOW)], "planned"),
        ([consent("bob1", until=NOW)], "no_consent"),
        ([consent("bob1", until=NOW + TICK)], "planned"),
        ([consent("bob1", at=NOW + TICK)], "no_consent"),
        ([consent("bob1", at=NOW)], "planned"),
    ],
)
def test_no_consent(tmp_path: Path, statements: list[Any], answer: str) -> None:
    shop = Small(tmp_path, {"hello": {}})
    shop.add(customer("bob1"), *statements)
    asked(shop, "bob1")
    assert reason(shop) == answer


def test_service_messages_need_no_consent(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"purpose": "service"}})
    shop.add(customer("bob1"))
    asked(shop, "bob1")
    assert reason(shop) == "planned"


# --- channels -----------------------------------------------------------------------------------


def channel_of(shop: Small) -> str:
    (row,) = shop.rows(messages)
    return str(row["channel"])


@pytest.mark.parametrize(
    ("channels", "prefers", "lacking", "taken"),
    [
        (["sms", "email"], None, (), "sms"),
        (["sms", "email"], "email", (), "sms"),
        (["email", "sms"], None, (), "email"),
        (["email", "sms"], None, ("email",), "sms"),
        (["preferred", "sms", "email"], None, (), "sms"),
        (["preferred", "sms", "email"], "email", (), "email"),
        (["preferred", "sms", "email"], "email", ("email",), "sms"),
        (["preferred", "sms"], "email", (), "email"),
        (["preferred", "sms"], "email", ("email",), "sms"),
        (["preferred", "sms"], None, ("phone",), "-"),
        (["preferred"], "sms", (), "sms"),
        (["preferred"], None, (), "-"),
        ([], "sms", (), "sms"),
        ([], None, (), "email"),
    ],
)
def test_the_first_channel_that_passes_is_taken_and_the_preferred_one_before(
    tmp_path: Path, channels: list[str], prefers: str | None, lacking: tuple[str, ...], taken: str
) -> None:
    without = dict.fromkeys(lacking)
    shop = one(
        tmp_path, {"channels": channels}, customer("ann1", preferred_channel=prefers, **without)
    )
    shop.plan()
    assert channel_of(shop) == taken


def test_the_reason_is_that_of_the_channel_that_came_furthest(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"channels": ["sms", "email"]}})
    shop.add(customer("ann1", email=None), customer("bob1"), consent("bob1", "email"))
    shop.add(consent("bob1", "sms", given=False), consent("bob1", given=False))
    asked(shop, "ann1", "bob1")
    shop.plan()
    assert shop.ledger() == {
        ("hello", "ann1"): [("skipped", "no_consent")],
        ("hello", "bob1"): [("skipped", "no_consent")],
    }
    full = Small(tmp_path, {"hello": {"channels": ["sms", "email"], "caps": ["0 per 1d"]}})
    full.add(customer("ann1", phone=None), consent("ann1"))
    asked(full, "ann1")
    assert reason(full) == "campaign_cap"


# --- time ---------------------------------------------------------------------------------------


def test_no_time_zone(tmp_path: Path) -> None:
    nowhere = customer("ann1", zone=None, country=None, region=None, phone=None)
    assert reason(one(tmp_path, {}, nowhere, quiet_hours="21:00-09:00")) == "no_time_zone"


def test_without_hours_no_zone_is_needed_for_email(tmp_path: Path) -> None:
    nowhere = customer("ann1", zone=None, country=None, region=None, phone=None)
    assert reason(one(tmp_path, {}, nowhere)) == "planned"


def test_quiet_hours_hold_a_message_until_they_end(tmp_path: Path) -> None:
    night = datetime(2017, 11, 22, 3, tzinfo=UTC)  # ten at night in New York
    shop = Small(tmp_path, {"hello": {}}, shop={"quiet_hours": "21:00-09:00"})
    shop.add(customer("ann1"), consent("ann1"))
    asked(shop, "ann1", at=night)
    assert reason(shop, now=night) == "planned"
    (row,) = shop.rows(messages)
    opens = datetime(2017, 11, 22, 14, tzinfo=UTC)
    assert row["counts_at"] == opens
    assert opens <= row["send_after"] < opens + timedelta(minutes=10)
    assert not shop.dispatch(row["send_after"] - TICK)
    assert shop.dispatch(row["send_after"]) == Counter(accepted=1)


def test_quiet_hours_that_outlast_the_message_end_it(tmp_path: Path) -> None:
    night = datetime(2017, 11, 22, 3, tzinfo=UTC)
    shop = Small(tmp_path, {"hello": {"expires": "11h"}}, shop={"quiet_hours": "21:00-09:00"})
    shop.add(customer("ann1"), consent("ann1"))
    asked(shop, "ann1", at=night)
    assert reason(shop, now=night) == "quiet_hours"


@pytest.mark.parametrize(
    ("old", "answer"),
    [
        (timedelta(hours=2) - timedelta(seconds=16), "planned"),
        (timedelta(hours=2) - TICK, "quiet_hours"),  # a write may take 15 seconds
        (timedelta(hours=2), "expired"),
    ],
)
def test_what_is_no_longer_news_is_told(tmp_path: Path, old: timedelta, answer: str) -> None:
    shop = Small(tmp_path, {"hello": {"expires": "2h"}})
    shop.add(customer("ann1"), consent("ann1"))
    asked(shop, "ann1", at=NOW - old)
    assert shop.plan() == {"hello": Counter([answer])}


def test_a_step_may_be_news_for_a_shorter_time_than_its_campaign(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"expires": "2h", "steps": [{"send": {"expires": "1h"}}]}})
    shop.add(customer("ann1"), consent("ann1"))
    asked(shop, "ann1", at=NOW - timedelta(hours=1))
    assert reason(shop) == "expired"


# --- audience, repetition, holdout --------------------------------------------------------------


def test_not_in_audience(tmp_path: Path) -> None:
    audience = {"audience": {"trait": "city", "is": "Paris"}}
    assert reason(one(tmp_path / "a", audience)) == "not_in_audience"
    assert reason(one(tmp_path / "b", audience, customer("ann1", city="Paris"))) == "planned"


def test_already_messaged_for_this_occasion(tmp_path: Path) -> None:
    shop = one(tmp_path)
    assert reason(shop) == "planned"
    assert shop.plan() == {}, "the occasion is decided"
    shop.tick()
    assert shop.plan(NOW + timedelta(hours=1)) == {}


@pytest.mark.parametrize(
    ("later", "answer"),
    [
        (7 * DAY - TICK, "too_soon_again"),
        (7 * DAY, "too_soon_again"),  # a write may take 15 seconds
        (7 * DAY + timedelta(seconds=15), "planned"),
    ],
)
def test_too_soon_again(tmp_path: Path, later: timedelta, answer: str) -> None:
    shop = one(tmp_path, {"again_after": "7d"})
    shop.tick()
    asked(shop, "ann1", at=NOW + later)
    assert reason(shop, now=NOW + later) == answer


@pytest.mark.parametrize(
    ("limit", "answer"),
    [({"again_after": "7d"}, "too_soon_again"), ({"caps": ["1 per 7d"]}, "campaign_cap")],
)
def test_who_is_left_out_counts_as_if_written_to(
    tmp_path: Path, limit: dict[str, Any], answer: str
) -> None:
    """Else the left out would be asked again and again, and could not be compared."""
    shop = one(tmp_path, {**limit, "holdout": "50%"})
    held = next(f"c{n}" for n in range(99) if _held(f"c{n}"))
    shop.add(customer(held, phone=None), consent(held))
    asked(shop, held)
    shop.plan()
    assert shop.ledger()["hello", held] == [("held_out", "holdout")]
    asked(shop, held, ref="again", at=NOW + DAY)
    shop.plan(NOW + DAY)
    assert ("skipped", answer) in shop.ledger()["hello", held]


def test_two_occasions_at_once_are_one_message_where_it_must_not_come_again(tmp_path: Path) -> None:
    shop = one(tmp_path, {"again_after": "7d"})
    asked(shop, "ann1", ref="twice")
    shop.tick()
    assert shop.told() == ["hello for ann1"]
    assert sorted(shop.ledger()["hello", "ann1"]) == [
        ("accepted", None),
        ("capped", "too_soon_again"),
    ]


def test_holdouts_are_the_share_that_was_asked_for_and_others_in_each_campaign(
    tmp_path: Path,
) -> None:
    campaigns = {name: {"holdout": "20%"} for name in ("one", "two")}
    shop = Small(tmp_path, campaigns)
    people = [f"c{n}" for n in range(1500)]
    shop.add(*(customer(key, phone=None) for key in people), *(consent(key) for key in people))
    shop.add(*(event(key, "Signed Up", NOW) for key in people))
    counts = shop.plan()
    # Five standard deviations of a binomial: 1 in 1.7 million.
    bound = 5 * (1500 * 0.2 * 0.8) ** 0.5
    for name in campaigns:
        assert abs(counts[name]["holdout"] - 300) < bound
        assert counts[name]["planned"] == 1500 - counts[name]["holdout"]
    held: dict[str, set[int]] = {name: set() for name in campaigns}
    for row in shop.rows(messages):
        if row["state"] == "held_out":
            held[row["campaign"]].add(row["customer_id"])
    both = len(held["one"] & held["two"])
    assert abs(both - 60) < 5 * (1500 * 0.04 * 0.96) ** 0.5, "independent of one another"
    # The same customers the next time.
    shop.add(*(event(key, "Signed Up", NOW + DAY) for key in people))
    again = shop.plan(NOW + DAY)
    assert again["one"]["holdout"] == counts["one"]["holdout"]


def test_a_bucket_depends_on_the_key_alone() -> None:
    assert bucket("ann") == bucket("ann") != bucket("bob")
    assert all(0 <= bucket(str(n)) <= PRIME for n in range(1000))


def test_who_is_held_out_is_counted_and_not_sent(tmp_path: Path) -> None:
    shop = one(tmp_path, {"holdout": "50%"})
    shop.add(*(customer(f"c{n}", phone=None) for n in range(40)))
    shop.add(*(consent(f"c{n}") for n in range(40)))
    asked(shop, *(f"c{n}" for n in range(40)))
    shop.tick()
    states = Counter(row["state"] for row in shop.rows(messages))
    assert states.keys() == {"accepted", "held_out"}
    assert len(shop.sent()) == states["accepted"]


# --- caps ---------------------------------------------------------------------------------------


def again(shop: Small, at: datetime) -> str:
    asked(shop, "ann1", at=at)
    verdict = reason(shop, now=at)
    shop.dispatch(at)
    return verdict


@pytest.mark.parametrize(
    ("campaign", "words", "answer"),
    [
        ({"caps": ["2 per 7d"]}, {}, "campaign_cap"),
        ({}, {"caps": {"overall": ["2 per 7d"]}}, "overall_cap"),
        ({}, {"caps": {"channel": {"email": ["2 per 7d"]}}}, "channel_cap"),
        ({}, {"caps": {"topic": {"tips": ["2 per 7d"]}}}, "topic_cap"),
        ({"caps": ["9 per 7d", "2 per 7d"]}, {}, "campaign_cap"),
    ],
)
def test_caps_are_full_after_so_many(
    tmp_path: Path, campaign: dict[str, Any], words: dict[str, Any], answer: str
) -> None:
    shop = one(tmp_path, campaign, **words)
    hold = timedelta(seconds=15)
    assert [again(shop, NOW + n * DAY) for n in range(4)] == ["planned", "planned", answer, answer]
    assert again(shop, NOW + 7 * DAY + hold - TICK) == answer
    assert again(shop, NOW + 7 * DAY + hold) == "planned"
    assert again(shop, NOW + 7 * DAY + hold + TICK) == answer


@pytest.mark.parametrize(
    "words",
    [
        {"caps": {"channel": {"sms": ["0 per 7d"]}}},
        {"caps": {"topic": {"offers": ["0 per 7d"]}}},
    ],
)
def test_caps_of_other_channels_and_topics_do_not_count(
    tmp_path: Path, words: dict[str, Any]
) -> None:
    assert reason(one(tmp_path, {}, **words)) == "planned"


def test_none_at_all_is_none_at_all(tmp_path: Path) -> None:
    assert reason(one(tmp_path, {"caps": ["0 per 1d"]})) == "campaign_cap"


@pytest.mark.parametrize(("most", "answers"), [(0, 0), (1, 1), (2, 2)])
def test_customers_wish_for_a_week(tmp_path: Path, most: int, answers: int) -> None:
    shop = one(tmp_path, {}, customer("ann1", max_per_week=most))
    verdicts = [again(shop, NOW + n * DAY) for n in range(3)]
    assert verdicts == ["planned"] * answers + ["customers_wish"] * (3 - answers)


def test_service_messages_neither_fill_caps_nor_meet_them(tmp_path: Path) -> None:
    shop = Small(
        tmp_path,
        {"bill": {"purpose": "service"}, "hello": {}},
        shop={"caps": {"overall": ["1 per 7d"]}},
    )
    shop.add(customer("ann1"), consent("ann1"))
    for n in range(3):
        asked(shop, "ann1", at=NOW + n * DAY)
        shop.tick(NOW + n * DAY)
    assert Counter(shop.told()) == Counter({"bill for ann1": 3, "hello for ann1": 1})


def test_the_law_of_the_place_caps_texts_of_one_subject(tmp_path: Path) -> None:
    miami = customer("ann1", region="FL")
    shop = one(tmp_path, {"channels": ["sms"], "expires": "1h"}, miami)
    times = [NOW + timedelta(hours=n) for n in range(4)]
    assert [again(shop, at) for at in times] == ["planned"] * 3 + ["legal_cap"]
    elsewhere = one(tmp_path / "ny", {"channels": ["sms"], "expires": "1h"})
    assert [again(elsewhere, at) for at in times] == ["planned"] * 4


def test_an_address_that_two_customers_share_is_counted_once_for_both(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}}, shop={"caps": {"overall": ["1 per 7d"]}})
    same = {"email": "home@example.com", "phone": None}
    shop.add(customer("ann1", **same), consent("ann1"), customer("bob1", **same), consent("bob1"))
    asked(shop, "ann1", "bob1")
    shop.tick()
    assert len(shop.sent()) == 1
    asked(shop, "bob1", at=NOW + DAY)
    assert reason(shop, now=NOW + DAY) == "overall_cap"


def test_when_full_defer_waits_for_room_and_gives_up_when_it_expires(tmp_path: Path) -> None:
    shop = one(tmp_path, {"caps": ["1 per 1d"], "when_full": "defer", "expires": "12h"})
    shop.tick()
    late, soon = NOW + DAY - timedelta(hours=4), NOW + timedelta(hours=2)
    asked(shop, "ann1", at=late, ref="there will be room")
    asked(shop, "ann1", at=soon, ref="there will be none")
    shop.run(NOW, NOW + 2 * DAY, timedelta(hours=1))
    ends = {row["occasion"]: row["state"] for row in shop.rows(messages)}
    assert ends.pop(f"event:ann1/{soon.isoformat()}/there will be none") == "expired"
    assert set(ends.values()) == {"accepted"}
    assert [r.at for r in shop.sent()] == [NOW, NOW + DAY + timedelta(hours=1)]


# --- arbitration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one_", "two", "winner"),
    [
        ({"priority": 60}, {"priority": 50}, "one"),
        ({"priority": 50}, {"priority": 60}, "two"),
        ({"expires": "24h"}, {"expires": "13h"}, "two"),
        ({"expires": "13h"}, {"expires": "24h"}, "one"),
        ({}, {}, "one"),
        ({"priority": 60, "expires": "24h"}, {"expires": "13h"}, "one"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_campaigns_that_want_one_slot(
    tmp_path: Path, one_: dict[str, Any], two: dict[str, Any], winner: str, at_once: bool
) -> None:
    """By priority, then the nearer deadline, then the name; whoever is planned first."""
    night = datetime(2017, 11, 22, 3, tzinfo=UTC)
    words = {"caps": {"overall": ["1 per 7d"]}, "quiet_hours": "21:00-09:00"}
    both = {"one": one_, "two": two}
    loser = "two" if winner == "one" else "one"
    first = both if at_once else {loser: both[loser]}
    shop = Small(tmp_path, first, shop=words)
    shop.add(customer("ann1"), consent("ann1"))
    asked(shop, "ann1", at=night)
    shop.plan(night)
    shop = Small(tmp_path, both, shop=words, database=shop.engine)
    shop.run(night, night + timedelta(hours=24), timedelta(hours=1))
    assert shop.told() == [f"{winner} for ann1"]
    ((_, why),) = shop.ledger()[loser, "ann1"]
    assert why in ("overall_cap", "overall_cap_lost")


# --- pauses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [("everything", "*"), ("campaign", "hello")])
def test_paused(tmp_path: Path, scope: tuple[str, str]) -> None:
    shop = one(tmp_path)
    with writing(shop.engine) as connection:
        assert pause(connection, *scope, "test", NOW)
        assert not pause(connection, *scope, "again", NOW)
    assert shop.plan() == {}
    assert shop.decide("ann1") == {}
    with writing(shop.engine) as connection:
        assert resume(connection, *scope)
    assert reason(shop) == "planned"


@pytest.mark.parametrize("scope", [("channel", "email"), ("provider", "outbox")])
def test_a_paused_channel_loses_nobody(tmp_path: Path, scope: tuple[str, str]) -> None:
    shop = one(tmp_path)
    with writing(shop.engine) as connection:
        pause(connection, *scope, "test", NOW)
    shop.tick()
    assert shop.sent() == []
    shop.execute(delete(controls))
    shop.tick(NOW + timedelta(hours=1))
    assert shop.told() == ["hello for ann1"]


def test_a_paused_channel_gives_way_to_the_next(tmp_path: Path) -> None:
    shop = one(tmp_path, {"channels": ["sms", "email"]})
    with writing(shop.engine) as connection:
        pause(connection, "channel", "sms", "test", NOW)
    shop.tick()
    assert [r.kind for r in shop.sent()] == ["email"]


@pytest.mark.parametrize("trigger", [{"event": "Signed Up"}, {"cron": "0 12 * * *"}])
@pytest.mark.parametrize("way", [["email", "sms"], ["sms", "email"]])
def test_who_cannot_be_reached_elsewhere_waits_for_the_paused_channel(
    tmp_path: Path, way: list[str], trigger: dict[str, str]
) -> None:
    since = NOW - timedelta(hours=2)
    campaign = {"trigger": trigger, "channels": way}
    shop = Small(tmp_path, {"hello": campaign}, since=since)
    shop.add(customer("ann1"), consent("ann1", "email"))
    asked(shop, "ann1")
    with writing(shop.engine) as connection:
        pause(connection, "channel", "email", "test", NOW)
    assert reason(shop) == "channel_paused"
    shop.execute(delete(controls))
    shop.tick(NOW + timedelta(hours=1))
    assert shop.told() == ["hello for ann1"]


def test_who_does_not_prefer_the_paused_channel_does_not_wait_for_it(tmp_path: Path) -> None:
    shop = one(tmp_path, {"channels": ["preferred", "email"]}, consent("ann1", given=False))
    with writing(shop.engine) as connection:
        pause(connection, "channel", "sms", "test", NOW)
    assert reason(shop) == "no_consent"


def test_a_scheduled_pass_on_a_paused_channel_is_not_done(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"trigger": {"cron": "0 12 * * *"}}})
    shop.add(customer("ann1"), consent("ann1"))
    with writing(shop.engine) as connection:
        pause(connection, "channel", "email", "test", NOW)
    shop.tick(NOW)
    shop.execute(delete(controls))
    shop.tick(NOW + timedelta(hours=1))
    assert shop.told() == ["hello for ann1"]


# --- offers -------------------------------------------------------------------------------------

OFFER: dict[str, Any] = {
    "purpose": "offer",
    "topic": "offers",
    "offer": {"products": {"from": "listed", "ids": ["p1"]}},
}


@pytest.mark.parametrize(
    ("records", "answer"),
    [
        ([price("p1", "2.49")], "planned"),
        ([], "nothing_to_offer"),
        ([price("p1", "2.49", currency="EUR")], "nothing_to_offer"),
        ([price("p1", "2.49", at=NOW + TICK)], "nothing_to_offer"),
        ([price("p1", "2.49", at=NOW)], "planned"),
        ([price("p1", "2.49", until=NOW)], "nothing_to_offer"),
        ([price("p1", "2.49", until=NOW + TICK)], "planned"),
        # A price that has run out gives way to the one beneath it.
        ([price("p1", "2.00"), price("p1", "1.00", at=NOW - DAY, until=NOW)], "planned"),
        ([price("p1", "2.49"), stock("p1", 0, NOW)], "nothing_to_offer"),
        ([price("p1", "2.49"), stock("p1", 1, NOW)], "planned"),
    ],
)
def test_nothing_to_offer(tmp_path: Path, records: list[Any], answer: str) -> None:
    assert reason(one(tmp_path, OFFER, product("p1"), *records)) == answer


@pytest.mark.parametrize(
    ("bought_at", "answer"),
    [
        (NOW - 30 * DAY, "planned"),
        (NOW - 30 * DAY + TICK, "nothing_to_offer"),
        (NOW, "nothing_to_offer"),
    ],
)
def test_what_was_bought_lately_is_not_proposed_again(
    tmp_path: Path, bought_at: datetime, answer: str
) -> None:
    offer = {**OFFER, "offer": {"products": {"from": "bestsellers"}}}
    records = [product("p1"), price("p1", "2.49")]
    shop = one(
        tmp_path, offer, *records, event("ann1", "Order Completed", bought_at, products=["p1"])
    )
    shop.execute(update(products).values(popularity=5))
    assert reason(shop) == answer


# --- the order of reasons -----------------------------------------------------------------------


def test_reasons_stand_in_one_order(tmp_path: Path) -> None:
    """Whoever fails everything hears of the first; mended one by one, of the next."""
    campaign = {
        **OFFER,
        "trigger": {"event": "Cart Updated"},
        "audience": {"trait": "city", "is": "Paris"},
        "again_after": "30d",
        "caps": ["0 per 1d"],
        "holdout": "50%",
        "steps": [{"send": {"expires": "1h"}}],
    }  # fmt: skip
    held = next(f"c{n}" for n in range(99) if _held(f"c{n}"))
    mended: list[Any] = []
    seen = []
    for step, mend in enumerate(
        [
            None,
            {"again_after": None},
            {"steps": [{"send": {"expires": "24h"}}]},
            {"audience": None},
            [product("p1"), price("p1", "2")],
            [customer(held, phone=None)],
            "suppressions",
            [consent(held)],
            {"caps": []},
        ]
    ):
        if isinstance(mend, dict):
            campaign = {k: v for k, v in {**campaign, **mend}.items() if v is not None}
        elif isinstance(mend, list):
            mended += mend
        shop = Small(tmp_path / f"step{step}", {"hello": campaign})
        shop.add(customer(held, email=None, phone=None), product("p1"))
        at = NOW - timedelta(hours=3)
        shop.add(event(held, "Cart Updated", at))
        shop.add(*mended)
        if step == 0:
            _another_occasion(shop, held)
        if step < 6:
            _suppress_all(shop)
        (verdict,) = shop.plan()["hello"]
        seen.append(verdict)
    assert seen == [
        "too_soon_again", "expired", "not_in_audience", "nothing_to_offer",
        "no_address", "suppressed", "no_consent", "campaign_cap", "holdout",
    ]  # fmt: skip


def _held(key: str) -> bool:
    engine = open_database(":memory:")
    with reading(engine) as connection:
        return bool(connection.scalar(select(held_out(literal(bucket(key)), "hello", 50))))


def _another_occasion(shop: Small, key: str) -> None:
    (version,) = shop.tactful.versions
    shop.execute(
        insert(messages).values(
            campaign="hello", version=version.digest, customer_id=shop.ids()[key],
            occasion="another", step=0, channel="email", state="accepted", marketing=True,
            topic="tips", priority=1, due_at=NOW, planned_at=NOW - 2 * DAY, send_after=NOW - DAY,
            expires_at=NOW, counts_at=NOW - DAY,
        )
    )  # fmt: skip


def _suppress_all(shop: Small) -> None:
    known = shop.rows(addresses)
    with writing(shop.engine) as connection:
        for row in known:
            suppress(connection, row["address_key"], "all", "test", BEFORE)
