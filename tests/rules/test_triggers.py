"""Each kind of trigger: who asks, when, and how often."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.tables import messages, product_changes, products
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

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)


def shop_of(folder: Path, trigger: dict[str, Any], *records: Any, **campaign: Any) -> Small:
    """A shop with one campaign; ann1 agreed to everything."""
    since = campaign.pop("since", BEFORE)
    words = campaign.pop("shop", {})
    shop = Small(folder, {"hello": {"trigger": trigger, **campaign}}, since=since, shop=words)
    shop.add(customer("ann1"), consent("ann1"), *records)
    return shop


def planned_at(shop: Small, *times: datetime) -> list[int]:
    """How many messages each planning adds."""
    return [shop.plan(now).get("hello", Counter())["planned"] for now in times]


# --- event --------------------------------------------------------------------------------------

CART = {
    "event": "Cart Updated",
    "where": {"items": {"at_least": 1}},
    "wait": "4h",
    "unless": {"event": "Order Completed", "same": "cart_id"},
}


def cart(at: datetime = NOW, cart_id: str | None = "k1", items: int = 2, id: str = "e1") -> Any:
    return event("ann1", "Cart Updated", at, id=id, cart_id=cart_id, items=items)


def test_an_event_asks_once_its_wait_is_over(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, CART, cart())
    times = (NOW, NOW + 4 * HOUR - TICK, NOW + 4 * HOUR, NOW + 5 * HOUR)
    assert planned_at(shop, *times) == [0, 0, 1, 0]
    (row,) = shop.rows(messages)
    assert row["due_at"] == NOW + 4 * HOUR
    assert row["expires_at"] == NOW + 28 * HOUR


def test_only_events_that_pass_the_filter_ask(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, CART, cart(items=0))
    assert planned_at(shop, NOW + 4 * HOUR) == [0]


@pytest.mark.parametrize(
    ("at", "cart_id", "planned"),
    [
        (NOW + HOUR, "k1", 0),
        (NOW + 4 * HOUR, "k1", 0),
        (NOW + HOUR, "k2", 1),
        (NOW + HOUR, None, 1),
        (NOW - TICK, "k1", 1),
        # Coarse clocks: the order of a cart that was updated in the same second.
        (NOW, "k1", 0),
    ],
)
def test_nothing_is_due_where_the_exception_came(
    tmp_path: Path, at: datetime, cart_id: str | None, planned: int
) -> None:
    shop = shop_of(tmp_path, CART, cart())
    shop.add(event("ann1", "Order Completed", at, cart_id=cart_id))
    assert planned_at(shop, NOW + 4 * HOUR) == [planned]


def test_the_exception_of_another_customer_says_nothing(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, CART, cart(), customer("bob1"))
    shop.add(event("bob1", "Order Completed", NOW + HOUR, cart_id="k1"))
    assert planned_at(shop, NOW + 4 * HOUR) == [1]


def test_the_exception_that_comes_before_the_message_leaves_stops_it(tmp_path: Path) -> None:
    night = datetime(2017, 11, 21, 23, tzinfo=UTC)  # 18:00 in New York, due at 22:00
    shop = shop_of(tmp_path, CART, cart(night), shop={"quiet_hours": "21:00-09:00"})
    shop.tick(night + 4 * HOUR)
    shop.add(event("ann1", "Order Completed", night + 5 * HOUR, cart_id="k1"))
    shop.run(night + 4 * HOUR, night + 24 * HOUR, HOUR)
    assert shop.sent() == []
    assert shop.ledger() == {("hello", "ann1"): [("stale", "trigger_gone")]}


def test_waiting_begins_anew_with_each_event_that_puts_it_off(tmp_path: Path) -> None:
    again = {"event": "Cart Updated", "wait": "4h", "unless": {"event": "Cart Updated"}}
    shop = shop_of(tmp_path, again, *(cart(NOW + n * HOUR, id=f"e{n}") for n in range(3)))
    shop.add(cart(NOW + 2 * HOUR, id="at the same instant"))
    times = [NOW + n * HOUR for n in range(9)]
    assert planned_at(shop, *times) == [0, 0, 0, 0, 0, 0, 1, 0, 0]


def test_what_was_due_before_the_campaign_was_put_to_work_is_none_of_its_business(
    tmp_path: Path,
) -> None:
    trigger = {"event": "Cart Updated", "wait": "4h"}
    shop = shop_of(tmp_path, trigger, since=NOW + 4 * HOUR)
    shop.add(cart(NOW), cart(NOW + TICK, id="e2"))
    assert planned_at(shop, NOW + 5 * HOUR) == [1]
    (row,) = shop.rows(messages)
    assert row["occasion"] == "event:e2"


def test_after_a_long_stop_only_what_is_still_news_is_caught_up(tmp_path: Path) -> None:
    trigger = {"event": "Cart Updated"}
    shop = shop_of(tmp_path, trigger, *(cart(NOW + n * HOUR, id=f"e{n}") for n in range(72)))
    (count,) = planned_at(shop, NOW + 71 * HOUR + TICK)
    assert count == 24


# --- inactive -----------------------------------------------------------------------------------


def test_inactivity_asks_once_for_each_lapse(tmp_path: Path) -> None:
    orders = [event("ann1", "Order Completed", NOW + n * DAY) for n in (0, 3, 20)]
    shop = shop_of(tmp_path, {"inactive": "Order Completed", "for": "7d"}, *orders)
    days = [n for n in range(35) if planned_at(shop, NOW + n * DAY) == [1]]
    assert days == [10, 27]


def test_two_orders_of_one_instant_are_one_lapse(tmp_path: Path) -> None:
    orders = [event("ann1", "Order Completed", NOW, id=f"o{n}") for n in range(3)]
    shop = shop_of(tmp_path, {"inactive": "Order Completed", "for": "7d"}, *orders)
    assert planned_at(shop, NOW + 7 * DAY, NOW + 7 * DAY + HOUR) == [1, 0]


# --- schedules ----------------------------------------------------------------------------------


def test_cron_in_the_customers_zone_happens_once_on_the_nights_of_the_change(
    tmp_path: Path,
) -> None:
    """01:30 comes twice in New York on 5 November 2017, and 02:30 not at all on 11 March 2018."""
    tokyo = customer("yumi1", zone="Asia/Tokyo", country="JP", region=None)
    for name, cron, start in (
        ("autumn", "30 1 * * *", datetime(2017, 11, 4, tzinfo=UTC)),
        ("spring", "30 2 * * *", datetime(2018, 3, 10, tzinfo=UTC)),
    ):
        shop = shop_of(tmp_path / name, {"cron": cron}, tokyo, consent("yumi1"), expires="1h")
        now = start
        while now < start + 3 * DAY:
            shop.plan(now)
            now += timedelta(minutes=30)
        ids = {id: key for key, id in shop.ids().items()}
        found = Counter(
            (ids[row["customer_id"]], row["occasion"][5:15]) for row in shop.rows(messages)
        )
        assert set(found.values()) == {1}, name
        assert Counter(key for key, _ in found) == Counter({"ann1": 3, "yumi1": 3}), name


def test_cron_in_the_shops_zone_is_one_instant_for_all(tmp_path: Path) -> None:
    tokyo = customer("yumi1", zone="Asia/Tokyo", country="JP", region=None)
    trigger = {"cron": "0 12 * * *", "zone": "shop"}
    shop = shop_of(tmp_path, trigger, tokyo, consent("yumi1"))
    assert planned_at(shop, NOW - TICK, NOW, NOW + TICK) == [0, 2, 0]


def test_a_schedule_looks_back_no_further_than_expires_and_since(tmp_path: Path) -> None:
    hourly = {"cron": "0 * * * *"}
    assert planned_at(shop_of(tmp_path / "a", hourly, expires="3h"), NOW) == [3]
    recent = shop_of(tmp_path / "b", hourly, since=NOW - 2 * HOUR)
    assert planned_at(recent, NOW) == [2]


def test_one_time_only(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"once": "2017-11-21 12:00"}, expires="2h")
    times = [NOW + n * HOUR for n in (-1, 0, 1, 24, 24 * 365)]
    assert planned_at(shop, *times) == [0, 1, 0, 0, 0]


def test_who_comes_after_the_pass_is_not_asked_about_again(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"cron": "0 12 * * *"})
    assert planned_at(shop, NOW) == [1]
    shop.add(customer("bob1"), consent("bob1"))
    assert planned_at(shop, NOW + HOUR) == [0]
    assert planned_at(shop, NOW + DAY) == [2]


# --- dates --------------------------------------------------------------------------------------


def dates(folder: Path, day: str, times: list[datetime], **trigger: Any) -> list[datetime]:
    """At which of the times the trait's day asks."""
    shop = shop_of(folder, {"date": "birthday", "at": "10:00", **trigger}, expires="2h")
    shop.add(customer("ann1", birthday=day))
    return [at for at in times if planned_at(shop, at) == [1]]


def ten(*day: int) -> datetime:
    """Ten in the morning in New York, in winter."""
    return datetime(*day, 15, tzinfo=UTC)  # type: ignore[misc]


def test_a_birthday_comes_every_year_and_an_anniversary_only_once(tmp_path: Path) -> None:
    times = [ten(year, 11, day) for year in (2017, 2018) for day in (21, 22, 23)]
    yearly = dates(tmp_path / "a", "1980-11-22", times, every="year")
    assert yearly == [ten(2017, 11, 22), ten(2018, 11, 22)]
    assert dates(tmp_path / "b", "2018-11-22", times) == [ten(2018, 11, 22)]


@pytest.mark.parametrize(("offset", "first"), [("0d", 22), ("-7d", 15), ("3d", 25)])
def test_no_year_asks_before_the_day_itself(tmp_path: Path, offset: str, first: int) -> None:
    times = [ten(year, 11, day) for year in (2017, 2018, 2019) for day in (15, 22, 25)]
    found = dates(tmp_path, "2018-11-22", times, every="year", offset=offset)
    assert found == [ten(2018, 11, first), ten(2019, 11, first)]


@pytest.mark.parametrize(("offset", "day"), [("-7d", 15), ("0d", 22), ("3d", 25)])
def test_a_date_asks_so_many_days_before_or_after(tmp_path: Path, offset: str, day: int) -> None:
    times = [ten(2017, 11, day) for day in range(10, 30)]
    assert dates(tmp_path, "2017-11-22", times, offset=offset) == [ten(2017, 11, day)]


def test_an_offset_reaches_over_the_turn_of_the_year(tmp_path: Path) -> None:
    times = [ten(2017, 12, 31), ten(2018, 1, 1)]
    assert dates(tmp_path, "1980-01-07", times, offset="-7d", every="year") == [ten(2017, 12, 31)]


def test_the_29th_of_february_is_the_28th_in_a_year_that_has_none(tmp_path: Path) -> None:
    times = [ten(year, 2, 28) for year in (2018, 2020)] + [ten(2020, 2, 29)]
    found = dates(tmp_path, "1980-02-29", times, every="year")
    assert found == [ten(2018, 2, 28), ten(2020, 2, 29)]


def test_no_date_asks_nothing(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"date": "birthday", "every": "year"})
    assert planned_at(shop, *(NOW + n * DAY for n in range(3))) == [0, 0, 0]


# --- entering a segment -------------------------------------------------------------------------

LOYAL = {"segments": {"loyal": {"did": "Order Completed", "at_least": 2, "within": "30d"}}}


def order(at: datetime, key: str = "ann1") -> Any:
    return event(key, "Order Completed", at)


def test_who_is_in_the_segment_at_the_first_look_has_not_entered_it(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"enters": "loyal"}, order(NOW), order(NOW + TICK), shop=LOYAL)
    assert planned_at(shop, NOW + HOUR, NOW + 2 * HOUR) == [0, 0]


def test_who_entered_while_no_campaign_asked_is_not_taken_for_new(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"enters": "loyal"}, order(NOW), shop=LOYAL)
    shop.plan(NOW)
    begun = NOW + 20 * DAY
    without = Small(tmp_path, {"other": {}}, database=shop.engine, shop=LOYAL, since=NOW + DAY)
    without.add(customer("bob1"), consent("bob1"), order(NOW + 2 * DAY))
    without.plan(NOW + 2 * DAY)
    campaign = {"welcome": {"trigger": {"enters": "loyal"}}}
    again = Small(tmp_path, campaign, database=shop.engine, shop=LOYAL, since=begun)
    assert again.plan(begun + HOUR) == {}
    again.add(order(begun + 2 * HOUR, "bob1"), order(begun + 3 * HOUR, "bob1"))
    assert again.plan(begun + 3 * HOUR) == {"welcome": Counter(planned=1)}


@pytest.mark.parametrize("by_another", [False, True], ids=["itself", "by one that it refers to"])
def test_nobody_enters_a_segment_because_it_is_drawn_wider(
    tmp_path: Path, by_another: bool
) -> None:
    drawn = {most: {"did": "Order Completed", "at_least": most, "within": "30d"} for most in (1, 2)}
    narrow, wide = (
        {
            "segments": {"loyal": {"segment": "often"}, "often": one}
            if by_another
            else {"loyal": one}
        }
        for one in (drawn[2], drawn[1])
    )
    shop = shop_of(tmp_path, {"enters": "loyal"}, order(NOW), shop=narrow)
    assert planned_at(shop, NOW) == [0]
    campaign = {"hello": {"trigger": {"enters": "loyal"}}}
    again = Small(tmp_path, campaign, database=shop.engine, shop=wide, since=NOW + HOUR)
    assert planned_at(again, NOW + 2 * HOUR) == [0]
    again.add(customer("bob1"), consent("bob1"), order(NOW + 3 * HOUR, "bob1"))
    assert planned_at(again, NOW + 3 * HOUR, NOW + 4 * HOUR) == [1, 0]


def test_entering_and_entering_again(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"enters": "loyal"}, order(NOW), shop=LOYAL, expires="1d")
    assert planned_at(shop, NOW) == [0], "nobody was in it at the first look"
    shop.add(order(NOW + DAY))
    assert planned_at(shop, NOW + DAY, NOW + DAY + HOUR, NOW + 2 * DAY) == [1, 0, 0]
    assert planned_at(shop, NOW + 40 * DAY) == [0], "left"
    shop.add(order(NOW + 50 * DAY), order(NOW + 51 * DAY))
    assert planned_at(shop, NOW + 51 * DAY, NOW + 52 * DAY) == [1, 0]


def test_who_has_left_again_before_the_message_is_not_told(tmp_path: Path) -> None:
    night = datetime(2017, 11, 22, 3, tzinfo=UTC)
    words = {
        "segments": {"parisians": {"trait": "city", "is": "Paris"}},
        "quiet_hours": "21:00-09:00",
    }
    shop = shop_of(tmp_path, {"enters": "parisians"}, shop=words)
    shop.plan(night - HOUR)
    shop.add(customer("ann1", city="Paris"))
    shop.tick(night)
    shop.add(customer("ann1", city="Rome"))
    shop.run(night, night + DAY, HOUR)
    assert shop.ledger() == {("hello", "ann1"): [("stale", "trigger_gone")]}


# --- products -----------------------------------------------------------------------------------


def dropped(folder: Path, before: str, after: str, **more: Any) -> Small:
    trigger = {"price_drop": "bought", **{k: more.pop(k) for k in ("by", "within") if k in more}}
    shop = shop_of(folder, trigger, product("p1"), price("p1", before), **more)
    shop.add(event("ann1", "Order Completed", NOW - DAY, products=["p1"]))
    shop.add(price("p1", after, at=NOW))
    return shop


@pytest.mark.parametrize(
    ("before", "after", "by", "asks"),
    [
        ("10.00", "9.00", "10%", 1),
        ("10.00", "9.01", "10%", 0),
        ("10.00", "9.50", "5%", 1),
        ("10.00", "9.51", "5%", 0),
        ("10.00", "11.00", "5%", 0),
        ("1.00", "0.70", "30%", 1),
        ("2.99", "2.5415", "15%", 1),
        ("2.99", "2.5416", "15%", 0),
    ],
)
def test_a_price_drop_counts_from_its_percentage(
    tmp_path: Path, before: str, after: str, by: str, asks: int
) -> None:
    assert planned_at(dropped(tmp_path, before, after, by=by), NOW, NOW + HOUR) == [asks, 0]


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(cents=st.integers(1, 100_000), percent=st.integers(1, 99))
def test_the_percentage_is_exact(
    tmp_path_factory: pytest.TempPathFactory, cents: int, percent: int
) -> None:
    before = Decimal(cents) / 100
    limit = (before * (100 - percent) / 100).quantize(Decimal("0.0001"))
    exact = limit == before * (100 - percent) / 100
    folder = tmp_path_factory.mktemp("exact")
    at_limit = dropped(folder / "a", str(before), str(limit), by=f"{percent}%")
    assert planned_at(at_limit, NOW) == [int(exact or limit < before * (100 - percent) / 100)]


@pytest.mark.parametrize(
    ("bought", "within", "asks"),
    [
        (NOW - 10 * DAY, "10d", 0),
        (NOW - 10 * DAY + TICK, "10d", 1),
        (NOW + TICK, "10d", 0),
    ],
)
def test_only_what_was_bought_not_long_ago_and_before_the_change_counts(
    tmp_path: Path, bought: datetime, within: str, asks: int
) -> None:
    trigger = {"price_drop": "bought", "within": within}
    shop = shop_of(tmp_path, trigger, product("p1"), price("p1", "10.00"))
    shop.add(event("ann1", "Order Completed", bought, products=["p1"]), price("p1", "5.00", at=NOW))
    assert planned_at(shop, NOW) == [asks]


@pytest.mark.parametrize("arrival", [("p1", "p2", "p3"), ("p3", "p2", "p1")])
@pytest.mark.parametrize(("sold_out", "told"), [((), "p1"), (("p1",), "p2"), (("p1", "p2"), "p3")])
def test_of_changes_at_one_instant_the_first_that_can_be_offered_is_told(
    tmp_path: Path, arrival: tuple[str, ...], sold_out: tuple[str, ...], told: str
) -> None:
    shop = shop_of(tmp_path, {"price_drop": "bought"})
    for key in arrival:
        shop.add(product(key, stock=0 if key in sold_out else 9), price(key, "10.00"))
    shop.add(event("ann1", "Order Completed", NOW - DAY, products=list(arrival)))
    for key in arrival:
        shop.add(price(key, "5.00", at=NOW))
    shop.plan(NOW)
    assert chosen(shop) == [told]


def test_what_nobody_is_told_of_takes_no_other_change_with_it(tmp_path: Path) -> None:
    settings = {"never_offer": ["Analgesics"]}
    shop = shop_of(tmp_path, {"price_drop": "bought"}, shop=settings)
    shop.add(product("p1", category="Analgesics"), product("p2"))
    shop.add(price("p1", "10.00"), price("p2", "10.00"))
    shop.add(event("ann1", "Order Completed", NOW - DAY, products=["p1", "p2"]))
    shop.add(price("p1", "5.00", at=NOW), price("p2", "5.00", at=NOW))
    shop.plan(NOW)
    assert chosen(shop) == ["p2"]


def test_the_latest_change_is_told_in_whatever_order_they_arrived(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, {"price_drop": "bought"})
    shop.add(product("p1"), product("p2"), price("p1", "10.00"), price("p2", "10.00"))
    shop.add(event("ann1", "Order Completed", NOW - DAY, products=["p1", "p2"]))
    shop.add(price("p2", "5.00", at=NOW))
    shop.add(price("p1", "5.00", at=NOW - HOUR))
    shop.plan(NOW)
    assert chosen(shop) == ["p2"]
    (row,) = shop.rows(messages)
    assert row["due_at"] == NOW


def chosen(shop: Small) -> list[str]:
    """The products whose changes were made messages of."""
    keys = {row["id"]: row["key"] for row in shop.rows(products)}
    of_change = {row["id"]: keys[row["product_id"]] for row in shop.rows(product_changes)}
    return [of_change[row["change_id"]] for row in shop.rows(messages)]


def test_a_price_that_rose_again_before_the_message_left_is_not_told(tmp_path: Path) -> None:
    shop = dropped(tmp_path, "10.00", "5.00")
    shop.plan(NOW)
    shop.add(price("p1", "5.01", at=NOW + HOUR))
    shop.dispatch(NOW + HOUR)
    assert shop.ledger() == {("hello", "ann1"): [("stale", "trigger_gone")]}


def test_a_price_that_fell_further_is_told(tmp_path: Path) -> None:
    shop = dropped(tmp_path, "10.00", "5.00")
    shop.plan(NOW)
    shop.add(price("p1", "4.99", at=NOW + HOUR))
    assert shop.dispatch(NOW + HOUR) == Counter(accepted=1)


def back(folder: Path, *counts: tuple[int, datetime]) -> Small:
    viewed = event("ann1", "Product Viewed", NOW - DAY, products=["p1"])
    shop = shop_of(folder, {"back_in_stock": "viewed"}, product("p1"), price("p1", "2"), viewed)
    for pieces, at in counts:
        shop.add(stock("p1", pieces, at))
    return shop


@pytest.mark.parametrize(
    ("counts", "asks"),
    [
        ([(0, NOW - DAY), (5, NOW)], 1),
        ([(3, NOW - DAY), (5, NOW)], 0),
        ([(5, NOW)], 0),
        ([(0, NOW)], 0),
    ],
)
def test_back_in_stock_means_that_it_was_out_of_stock(
    tmp_path: Path, counts: list[tuple[int, datetime]], asks: int
) -> None:
    assert planned_at(back(tmp_path, *counts), NOW, NOW + HOUR) == [asks, 0]


def test_what_is_sold_out_again_before_the_message_left_is_not_told(tmp_path: Path) -> None:
    shop = back(tmp_path, (0, NOW - DAY), (5, NOW))
    shop.plan(NOW)
    shop.add(stock("p1", 0, NOW + HOUR))
    shop.dispatch(NOW + HOUR)
    assert shop.ledger() == {("hello", "ann1"): [("stale", "trigger_gone")]}


def test_several_products_of_one_customer_are_one_message(tmp_path: Path) -> None:
    shop = dropped(tmp_path, "10.00", "5.00")
    shop.add(product("p2"), price("p2", "10"), price("p2", "2", at=NOW))
    shop.add(event("ann1", "Order Completed", NOW - DAY, id="second", products=["p2"]))
    assert planned_at(shop, NOW, NOW + HOUR) == [1, 0]
