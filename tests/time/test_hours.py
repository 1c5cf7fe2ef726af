"""Openings at their boundaries, by law, setting and wish."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestrator.flow.law import read_law
from orchestrator.model.clock import Clock, QuietHours, parse_hours
from orchestrator.rules.hours import Opening, opening, openings

LAW = read_law()
NIGHT = parse_hours("21:00-09:00")


def at(zone: str, wall: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def wall(found: Opening, zone: str) -> str:
    assert found.at is not None
    return f"{found.at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def ask(
    clock: Clock,
    now: datetime,
    channel: str = "sms",
    quiet: tuple[QuietHours, ...] = (),
    **more: float,
) -> Opening:
    return opening(now, clock, channel, quiet=quiet, law=LAW, **more)


BERLIN = Clock(("Europe/Berlin",), "DE")
TEXAS = Clock(("America/Chicago",), "US", "TX")
FLORIDA = Clock(("America/New_York",), "US", "FL")
SOMEWHERE_US = Clock(("America/New_York",), "US")
PARIS = Clock(("Europe/Paris",), "FR")
CALIFORNIA = Clock(("America/Los_Angeles",), "US", "CA")


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02 08:59:59", "2026-03-02 09:00:00"),
        ("2026-03-02 09:00:00", "2026-03-02 09:00:00"),
        ("2026-03-02 20:59:44", "2026-03-02 20:59:44"),
        ("2026-03-02 20:59:45", "2026-03-03 09:00:00"),  # 15 s later it is 21:00, and quiet
        ("2026-03-02 21:00:00", "2026-03-03 09:00:00"),
        ("2026-03-03 00:00:00", "2026-03-03 09:00:00"),
    ],
)
def test_quiet_hours_are_half_open_and_hold_for_the_time_of_a_write(now: str, opens: str) -> None:
    found = ask(BERLIN, at("Europe/Berlin", now), "email", (NIGHT,))
    assert wall(found, "Europe/Berlin") == opens
    assert found.until is not None
    assert found.until.astimezone(ZoneInfo("Europe/Berlin")).time() == time(21)
    assert found.reason == ("open" if now == opens else "quiet_hours")
    assert found.rule == ("" if now == opens else "quiet 21:00-09:00")


def test_without_hold_the_last_instant_is_open() -> None:
    now = at("Europe/Berlin", "2026-03-02 20:59:59")
    assert ask(BERLIN, now, "email", (NIGHT,), hold_s=0.5).at == now
    assert ask(BERLIN, now, "email", (NIGHT,), hold_s=1).at != now


@pytest.mark.parametrize(
    ("clock", "now", "opens", "rule"),
    [
        (CALIFORNIA, "2026-03-01 20:30:00", "2026-03-01 20:30:00", ""),
        (CALIFORNIA, "2026-03-01 21:00:00", "2026-03-02 08:00:00", "us"),
        (FLORIDA, "2026-03-02 19:59:44", "2026-03-02 19:59:44", ""),
        (FLORIDA, "2026-03-02 20:00:00", "2026-03-03 08:00:00", "us-fl"),
        (TEXAS, "2026-03-07 08:30:00", "2026-03-07 09:00:00", "us-tx-week, us-tx-sun"),
        (TEXAS, "2026-03-01 11:59:00", "2026-03-01 12:00:00", "us-tx-week, us-tx-sun"),
        (TEXAS, "2026-03-01 12:00:00", "2026-03-01 12:00:00", ""),
        (
            SOMEWHERE_US,
            "2026-03-06 18:00:00",
            "2026-03-07 10:00:00",
            "us-unknown-week, us-unknown-sat",
        ),
        (
            SOMEWHERE_US,
            "2026-03-07 17:00:00",
            "2026-03-09 10:00:00",
            "us-unknown-week, us-unknown-sat",
        ),
        (PARIS, "2026-02-27 21:30:00", "2026-02-27 21:30:00", ""),
        (PARIS, "2026-03-01 12:00:00", "2026-03-02 08:00:00", "fr"),  # Sunday
        (PARIS, "2026-07-13 22:00:00", "2026-07-15 08:00:00", "fr"),  # the 14th
        (PARIS, "2026-04-04 22:00:00", "2026-04-07 08:00:00", "fr"),  # Easter Monday
        (Clock(("Asia/Tokyo",), "JP"), "2026-03-02 21:00:00", "2026-03-03 08:00:00", "elsewhere"),
        (Clock(("Asia/Tokyo",)), "2026-03-02 07:00:00", "2026-03-02 08:00:00", "elsewhere"),
    ],
)
@pytest.mark.parametrize("channel", ["sms", "voice", "whatsapp"])
def test_the_law_of_the_place(clock: Clock, now: str, opens: str, rule: str, channel: str) -> None:
    found = ask(clock, at(clock.zones[0], now), channel)
    assert (wall(found, clock.zones[0]), found.rule) == (opens, rule)


def test_no_state_at_all_is_as_quiet_as_a_state_that_does_not_exist() -> None:
    now = at("America/New_York", "2026-03-01 12:00")
    assert ask(SOMEWHERE_US, now) == ask(Clock(("America/New_York",), "US", "XX"), now)


def test_the_unknown_state_is_no_wider_than_any_state() -> None:
    states = {
        row.region for row in LAW.hours if row.country == "US" and row.region not in (None, "*")
    }
    assert len(states) == 12
    start = at("America/New_York", "2026-03-02 00:00")
    for half_hour in range(7 * 48):
        now = start + half_hour * timedelta(minutes=30)
        if ask(SOMEWHERE_US, now).at != now:
            continue
        for state in states:
            clock = Clock(("America/New_York",), "US", state)
            assert ask(clock, now).at == now, (state, now)


def test_email_has_no_hours_by_law_but_those_of_the_shop() -> None:
    now = at("America/New_York", "2026-03-01 03:00")
    assert ask(SOMEWHERE_US, now, "email") == Opening(now, None, "open")
    assert (
        wall(ask(SOMEWHERE_US, now, "email", (NIGHT,)), "America/New_York") == "2026-03-01 09:00:00"
    )


def test_every_possible_zone_must_be_open() -> None:
    coast_to_coast = Clock(("America/New_York", "America/Los_Angeles"), "US", "CA")
    found = ask(coast_to_coast, at("America/New_York", "2026-01-12 08:00"))
    assert wall(found, "America/Los_Angeles") == "2026-01-12 08:00:00"
    assert found.until == at("America/New_York", "2026-01-12 21:00")


def test_an_unknown_state_is_reached_when_all_its_zones_are_open() -> None:
    clock = Clock(("America/New_York", "Pacific/Honolulu"), "US")
    found = ask(clock, at("America/New_York", "2026-01-10 08:00"))  # a Saturday
    assert (found.at, found.until) == (
        at("Pacific/Honolulu", "2026-01-10 10:00"),
        at("America/New_York", "2026-01-10 17:00"),
    )


@pytest.mark.parametrize(
    ("clock", "channel", "quiet"),
    [
        (Clock(), "sms", ()),
        (Clock((), "US", "TX"), "sms", ()),
        (Clock(), "email", (NIGHT,)),
        (Clock(quiet_from=time(22), quiet_until=time(7)), "email", ()),
        (Clock(("Mars/Olympus",)), "email", (NIGHT,)),
        (Clock(("../etc/passwd",)), "email", (NIGHT,)),
        (Clock(("Pacific/Auckland", "Europe/London"), "GB"), "sms", (parse_hours("12:00-09:00"),)),
    ],
)
def test_held_where_the_hour_cannot_be_known(
    clock: Clock, channel: str, quiet: tuple[QuietHours, ...]
) -> None:
    found = ask(clock, at("UTC", "2026-03-02 12:00"), channel, quiet)
    assert (found.at, found.until, found.reason) == (None, None, "no_time_zone")
    assert found.rule


def test_rules_that_leave_no_time_hold_as_quiet_hours() -> None:
    found = ask(BERLIN, at("UTC", "2026-03-02 12:00"), "email", (NIGHT, parse_hours("09:00-21:00")))
    assert (found.at, found.reason) == (None, "quiet_hours")


def test_a_stretch_shorter_than_a_write_is_none() -> None:
    almost_never = (parse_hours("12:01-12:00"),)
    now = at("Europe/Berlin", "2026-03-02 10:00")
    assert wall(ask(BERLIN, now, "email", almost_never), "Europe/Berlin") == "2026-03-02 12:00:00"
    assert ask(BERLIN, now, "email", almost_never, hold_s=60).at is None


def test_of_several_rules_the_one_that_opens_last_is_named() -> None:
    clock = Clock(("Europe/Berlin",), "DE", None, time(22), time(7))
    now = at("Europe/Berlin", "2026-03-02 23:00")
    assert ask(clock, now, "sms", (NIGHT,)).rule == "quiet 21:00-09:00"
    assert ask(clock, now, "sms").rule == "de"
    assert ask(clock, now, "email").rule == "wish 22:00-07:00"


@pytest.mark.parametrize(
    ("zone", "now", "quiet", "opens"),
    [
        # 02:30 is skipped: the first instant after it is 03:00.
        ("Europe/Berlin", "2026-03-29 01:00", "22:00-02:30", "2026-03-29T01:00Z"),
        # 02:30 comes twice: the second one.
        ("Europe/Berlin", "2026-10-25 01:00", "22:00-02:30", "2026-10-25T01:30Z"),
        # Midnight is skipped in Havana and in Beirut.
        ("America/Havana", "2026-03-07 23:30", "21:00-00:00", "2026-03-08T05:00Z"),
        ("Asia/Beirut", "2026-03-28 23:30", "21:00-00:00", "2026-03-28T22:00Z"),
        # Half an hour: 02:15 is skipped, and 01:45 comes twice.
        ("Australia/Lord_Howe", "2026-10-04 01:00", "21:00-02:15", "2026-10-03T15:30Z"),
        ("Australia/Lord_Howe", "2026-04-05 01:00", "21:00-01:45", "2026-04-04T15:15Z"),
        # A whole day is skipped: 30 December 2011 in Apia.
        ("Pacific/Apia", "2011-12-29 22:00", "21:00-09:00", "2011-12-30T19:00Z"),
    ],
)
def test_nights_of_changing_clocks(zone: str, now: str, quiet: str, opens: str) -> None:
    found = ask(Clock((zone,)), at(zone, now), "email", (parse_hours(quiet),))
    assert found.at == datetime.fromisoformat(opens)


def test_a_repeated_hour_is_quiet_if_either_reading_is() -> None:
    until_half_past = parse_hours("02:30-22:00")  # open at night until 02:30
    now = at("Europe/Berlin", "2026-10-25 00:00")
    found = ask(BERLIN, now, "email", (until_half_past,))
    assert found.until == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first 02:30
    again = at("Europe/Berlin", "2026-10-25 02:10", fold=1)
    assert wall(ask(BERLIN, again, "email", (until_half_past,)), "Europe/Berlin").startswith(
        "2026-10-25 22:00"
    )


def test_many_clocks_are_answered_as_one_is() -> None:
    clocks = {1: BERLIN, 5: TEXAS, 9: Clock()}
    now = at("UTC", "2026-03-02 03:00")
    found = openings(now, clocks, "sms", quiet=[NIGHT], law=LAW)
    assert found == {n: ask(clock, now, "sms", (NIGHT,)) for n, clock in clocks.items()}
