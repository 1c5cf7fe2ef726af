"""Days, weeks and months of the calendar, and caps that go by them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.flow.explain import explain_customer
from orchestrator.model.shop import ChannelUse
from orchestrator.model.span import Unit, parse_rate
from orchestrator.rules.periods import period, periods
from tests.support.shop import NOW, Small, consent, customer, event

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
HOLD = timedelta(seconds=15)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "unit", "start", "end"),
    [
        ("UTC", "day", "2017-11-21 00:00", "2017-11-22 00:00"),
        ("UTC", "week", "2017-11-20 00:00", "2017-11-27 00:00"),
        ("UTC", "month", "2017-11-01 00:00", "2017-12-01 00:00"),
        ("UTC", "month", "2020-02-01 00:00", "2020-03-01 00:00"),
        ("UTC", "week", "2018-12-31 00:00", "2019-01-07 00:00"),
        ("America/New_York", "day", "2017-11-21 05:00", "2017-11-22 05:00"),
        # 25 and 23 hours; a week and a month in which clocks change
        ("America/New_York", "day", "2017-11-05 04:00", "2017-11-06 05:00"),
        ("America/New_York", "day", "2018-03-11 05:00", "2018-03-12 04:00"),
        ("America/New_York", "week", "2017-10-30 04:00", "2017-11-06 05:00"),
        ("America/New_York", "month", "2017-11-01 04:00", "2017-12-01 05:00"),
        ("Australia/Lord_Howe", "day", "2024-04-06 13:00", "2024-04-07 13:30"),
        # midnight is leapt over: the day begins at one
        ("America/Sao_Paulo", "day", "2018-11-04 03:00", "2018-11-05 02:00"),
        # at midnight the clocks go back into the day before, which has an hour twice
        ("America/Sao_Paulo", "day", "2018-02-17 02:00", "2018-02-18 03:00"),
        ("America/Sao_Paulo", "day", "2018-02-18 03:00", "2018-02-19 03:00"),
        # midnight comes twice: the day begins with the first
        ("America/Havana", "day", "2023-11-05 04:00", "2023-11-06 05:00"),
        # a day that never was
        ("Pacific/Apia", "week", "2011-12-26 10:00", "2012-01-01 10:00"),
        ("Asia/Kathmandu", "month", "2024-03-31 18:15", "2024-04-30 18:15"),
    ],
)
def test_where_periods_begin_and_end(zone: str, unit: Unit, start: str, end: str) -> None:
    first, after = utc(start), utc(end)
    for at in (first, first + SECOND, first + (after - first) / 2, after - SECOND):
        assert period(at, unit, zone) == (first, after)
    assert period(after, unit, zone)[0] == after
    assert period(first - SECOND, unit, zone)[1] == first


@pytest.mark.parametrize("zone", ["America/Havana", "America/Sao_Paulo", "Africa/Cairo"])
@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_they_follow_each_other_without_a_gap(zone: str, unit: Unit) -> None:
    """Over four years: by the wall of every sixth hour, written in the plainest way."""
    at, names = utc("2005-01-01 12:00"), dict[tuple[datetime, datetime], set[Any]]()
    while at < utc("2009-01-01 12:00"):
        local = at.astimezone(ZoneInfo(zone)).date()
        names.setdefault(period(at, unit, zone), set()).add(_name(local, unit))
        at += 6 * HOUR
    found = sorted(names)
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(len(of) == 1 for of in names.values())
    assert len({name for of in names.values() for name in of}) == len(found)


def _name(day: date, unit: Unit) -> Any:
    return {"day": day, "week": tuple(day.isocalendar())[:2], "month": (day.year, day.month)}[unit]


def test_where_the_zone_is_not_certain_all_that_may_be() -> None:
    at = utc("2017-11-21 04:30")
    assert periods(at, HOLD, "day", ("America/New_York", "America/Chicago")) == (
        utc("2017-11-20 05:00"),
        utc("2017-11-21 06:00"),
    )
    assert periods(at, HOLD, "day", ()) is None


def test_a_write_may_end_in_the_next() -> None:
    at = utc("2017-11-21 23:59:50")
    assert periods(at, HOLD, "day", ("UTC",)) == (utc("2017-11-21 00:00"), utc("2017-11-23 00:00"))
    at = utc("2017-11-21 23:59:44")
    assert periods(at, HOLD, "day", ("UTC",)) == (utc("2017-11-21 00:00"), utc("2017-11-22 00:00"))


@pytest.mark.parametrize("written", ["2 per calendar  WEEK", "2x per calendar week"])
def test_as_people_write_it(written: str) -> None:
    rate = parse_rate(written)
    assert (str(rate), rate.calendar) == ("2 per calendar week", "week")
    assert parse_rate("2 per week").calendar is None


def test_a_pace_goes_by_no_calendar() -> None:
    with pytest.raises(ValueError, match="write a pace as a number and a span of time"):
        ChannelUse.model_validate({"through": "outbox", "pace": "5 per calendar day"})


# --- caps -----------------------------------------------------------------------------------------


def shop_with(folder: Path, cap: str, zone: str, **campaign: Any) -> Small:
    shop = Small(folder, {"hello": {"caps": [cap], "quiet_hours": "03:33-03:34", **campaign}})
    person = customer("ann1", zone=zone, country=None, region=None, phone=None)
    shop.add(person, consent("ann1"))
    return shop


def sent_at(shop: Small, *moments: datetime) -> list[datetime]:
    """Of these moments, those at which a message about an event just then leaves."""
    left = []
    for at in moments:
        before = len(shop.sent())
        shop.add(event("ann1", "Signed Up", at))
        shop.tick(at)
        if len(shop.sent()) > before:
            left.append(at)
    return left


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize(
    ("cap", "zone", "first", "begins"),
    [
        ("1 per calendar day", "America/New_York", "2017-11-21 17:00", "2017-11-22 05:00"),
        ("1 per calendar day", "Asia/Tokyo", "2017-11-21 17:00", "2017-11-22 15:00"),
        ("1 per calendar day", "America/Sao_Paulo", "2018-02-18 01:00", "2018-02-18 03:00"),
        ("1 per calendar day", "America/New_York", "2018-03-11 05:00", "2018-03-12 04:00"),
        ("1 per calendar week", "Pacific/Honolulu", "2017-11-27 09:59", "2017-11-27 10:00"),
        ("1 per calendar month", "Europe/London", "2018-03-01 00:00", "2018-03-31 23:00"),
    ],
)
def test_the_next_leaves_in_the_next_period(
    tmp_path: Path, cap: str, zone: str, first: str, begins: str
) -> None:
    shop = shop_with(tmp_path, cap, zone)
    first_at, next_at = utc(first), utc(begins)
    moments = (first_at, next_at - SECOND, next_at)
    assert sent_at(shop, *moments) == [first_at, next_at]


@pytest.mark.usefixtures("databases")
def test_rolling_and_by_the_calendar_both_hold(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "2 per calendar day", "UTC")
    days = [utc("2017-11-21 08:00") + n * 6 * HOUR for n in range(8)]
    assert [at.isoformat()[8:16] for at in sent_at(shop, *days)] == [
        "21T08:00", "21T14:00", "22T02:00", "22T08:00", "23T02:00",
    ]  # fmt: skip


@pytest.mark.usefixtures("databases")
def test_who_asks_is_told_when_the_next_period_begins(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "1 per calendar week", "America/New_York")
    assert sent_at(shop, NOW) == [NOW]
    (found,) = explain_customer(shop.tactful, "ann1", NOW + HOUR).campaigns
    (gate,) = [one for one in found.gates() if not one.passes and one.name == "campaign_cap"]
    assert gate.says == "has had the most of this campaign: 1 per calendar week"
    assert gate.until == utc("2017-11-27 05:00")
    assert [one.at for one in gate.fillers] == [NOW]


@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize("set_aside", [False, True])
def test_a_schedule_keeps_to_it_for_everyone_in_their_own_week(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_aside: bool
) -> None:
    if set_aside:  # as for very many customers
        monkeypatch.setattr("orchestrator.flow.wide.WIDE_FROM_CUSTOMERS", 0)
        monkeypatch.setattr("orchestrator.flow.wide.ASIDE_FROM_CAMPAIGNS", 1)
    daily = {"trigger": {"cron": "0 12 * * *", "zone": "shop"}, "caps": ["2 per calendar week"]}
    hello = {**daily, "quiet_hours": "03:33-03:34"}
    shop = Small(tmp_path, {"hello": hello}, shop={"zone": "UTC"})
    for key, zone in (("ann1", "Pacific/Kiritimati"), ("bob2", "Pacific/Pago_Pago")):
        shop.add(customer(key, zone=zone, country=None, region=None, phone=None), consent(key))
    noon = utc("2017-11-22 12:00")  # a Wednesday; in Kiritimati it is Thursday, at two
    for day in range(9):
        shop.tick(noon + day * DAY)
    days: dict[str, list[int]] = {}
    for record in shop.sent():
        days.setdefault(record.address.partition("@")[0], []).append(record.at.day)
    assert days == {"ann1": [22, 23, 26, 27], "bob2": [22, 23, 27, 28]}


@pytest.mark.usefixtures("databases")
def test_a_campaign_beside_it_that_goes_by_no_calendar_changes_nothing(tmp_path: Path) -> None:
    """Both have the same channels and hours, and the one without is asked first."""
    daily = {"trigger": {"cron": "0 12 * * *", "zone": "shop"}, "quiet_hours": "03:33-03:34"}
    other = {**daily, "priority": 90, "audience": {"trait": "kids", "at_least": 99}}
    weekly = {**daily, "priority": 10, "caps": ["1 per calendar week"]}
    shop = Small(tmp_path, {"other": other, "weekly": weekly}, shop={"zone": "UTC"})
    shop.add(customer("ann1", zone="UTC", country=None, region=None), consent("ann1"))
    noon = utc("2017-11-21 12:00")
    shop.tick(noon)
    assert shop.plan(noon + DAY)["weekly"] == {"campaign_cap": 1}
