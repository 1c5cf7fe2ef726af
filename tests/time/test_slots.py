"""Schedules as local wall time, in zones that skip and repeat hours."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ValidationError

from orchestrator.model.schedule import Cron, CronText, parse_once
from orchestrator.rules.slots import DateSlot, Slot, date_slots, slots

DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Written(BaseModel):
    cron: CronText


def test_schedules_are_read_and_written_as_text() -> None:
    written = Written.model_validate({"cron": " 0  10 * * MON "})
    assert written.cron == Cron("0 10 * * MON")
    assert written.model_dump() == {"cron": "0 10 * * MON"}
    once = parse_once("2017-11-22T10:00")
    assert str(once) == "2017-11-22 10:00"
    assert parse_once(str(once)) == parse_once(once.at) == parse_once(once) == once


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 10 * *", "minute, hour, day, month and weekday"),
        ("0 0 10 * * *", "minute, hour, day, month and weekday"),
        ("0 24 * * *", "the hour of '0 24 "),
        ("0 10 * * 8", "the day-of-week of"),
        ("0 0 30 2 *", "the day-of-month of"),
    ],
)
def test_a_wrong_cron_expression_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Written.model_validate({"cron": text})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tomorrow", "write a local moment as 2017-11-22 10:00"),
        ("2017-02-29 10:00", "there is no such day or time"),
        ("2017-11-22T10:00Z", "write a local moment"),
        ("2017-11-22 10:00:30", "write a local moment"),
        (utc("2017-11-22T10:00"), "without a zone or seconds"),
    ],
)
def test_a_wrong_moment_says_what_is_wrong(text: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_once(text)


def test_a_slot_is_named_by_the_wall_and_due_after_its_start_and_up_to_its_end() -> None:
    weekly = Cron("0 10 * * MON")
    due = utc("2017-11-20T16:00")
    slot = Slot("2017-11-20T10:00", due)
    assert slots(weekly, "America/Chicago", due - DAY, due) == [slot]
    assert slots(weekly, "America/Chicago", due - DAY, due - timedelta(seconds=1)) == []
    assert slots(weekly, "America/Chicago", due, due + DAY) == []
    assert slots(weekly, "America/Chicago", due - timedelta(microseconds=1), due) == [slot]


@pytest.mark.parametrize(
    ("zone", "cron", "day", "found"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-29", [("02:30", "01:00")]),  # skipped
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", [("02:30", "00:30")]),  # twice
        ("Europe/Berlin", "0 1-3 * * *", "2026-03-29", [("01:00", "00:00"), ("03:00", "01:00")]),
        ("Europe/Berlin", "0 2-3 * * *", "2026-10-25", [("02:00", "00:00"), ("03:00", "02:00")]),
        ("America/Havana", "0 0 * * *", "2026-03-08", [("00:00", "05:00")]),
        ("America/Havana", "30 0 * * *", "2026-11-01", [("00:30", "04:30")]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04", [("02:15", "-8:30")]),
        ("Pacific/Apia", "0 10 * * *", "2011-12-30", [("10:00", "10:00")]),  # a day that was not
    ],
)  # fmt: skip
def test_nights_of_changing_clocks(
    zone: str, cron: str, day: str, found: list[tuple[str, str]]
) -> None:
    start = utc(f"{day}T00:00")
    of_the_day = [
        (slot.label, slot.at)
        for slot in slots(Cron(cron), zone, start - DAY, start + DAY)
        if slot.label.startswith(day)
    ]
    expected = []
    for label, offset in found:
        hours, minutes = offset.split(":")
        shift = timedelta(hours=abs(int(hours)), minutes=int(minutes))
        expected.append((f"{day}T{label}", start - shift if hours[0] == "-" else start + shift))
    assert of_the_day == expected


def test_minutes_missed_by_a_leap_do_not_all_come_at_once() -> None:
    found = slots(
        Cron("*/10 * * * *"), "Europe/Berlin", utc("2026-03-29T00:49"), utc("2026-03-29T01:10")
    )
    assert [slot.label[11:] for slot in found] == ["01:50", "03:00", "03:10"]


def test_ticks_of_any_length_find_every_slot_once() -> None:
    cron, zone = Cron("*/30 * * * *"), "Europe/Berlin"
    for start in (utc("2026-03-28T12:00"), utc("2026-10-24T12:00")):
        whole = slots(cron, zone, start, start + DAY)
        for minutes in (1, 7, 30, 61):
            found: list[Slot] = []
            now = start
            while now < start + DAY:
                later = min(now + timedelta(minutes=minutes), start + DAY)
                found += slots(cron, zone, now, later)
                now = later
            assert found == whole
        assert len(whole) in (46, 48)


def test_once_is_once() -> None:
    moment = parse_once("2026-10-25 02:30")
    due = utc("2026-10-25T00:30")
    assert slots(moment, "Europe/Berlin", due - DAY, due) == [Slot("2026-10-25T02:30", due)]
    assert slots(moment, "Europe/Berlin", due, due + DAY) == []
    assert slots(moment, "Europe/Berlin", due - DAY, due - timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("day", "offset", "yearly", "match"),
    [
        ("2026-03-01", 0, True, ("2026-03-01",)),
        ("2026-02-28", 0, True, ("2026-02-28", "2026-02-29")),
        ("2028-02-28", 0, True, ("2028-02-28",)),
        ("2028-02-29", 0, True, ("2028-02-29",)),
        ("2026-02-21", -7, True, ("2026-02-28", "2026-02-29")),  # a week before
        ("2027-12-28", -7, True, ("2028-01-04",)),
        ("2026-03-07", 7, True, ("2026-02-28", "2026-02-29")),
        ("2026-02-28", 0, False, ("2026-02-28",)),
        ("2026-03-07", 7, False, ("2026-02-28",)),
    ],
)
def test_dates_and_anniversaries(
    day: str, offset: int, yearly: bool, match: tuple[str, ...]
) -> None:
    zone = ZoneInfo("America/Chicago")
    due = datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=zone).astimezone(UTC)
    found = date_slots(offset, time(10), zone.key, due - DAY / 2, due, yearly)
    assert found == [DateSlot(f"{day}T10:00", due, match)]
    assert date_slots(offset, time(10), zone.key, due, due + DAY / 2, yearly) == []


def test_each_birthday_is_hit_once_a_year_in_every_year() -> None:
    for year in range(2020, 2030):
        start, end = utc(f"{year}-01-01T05:00"), utc(f"{year + 1}-01-01T05:00")
        hit = [
            m[5:]
            for s in date_slots(0, time(10), "America/New_York", start, end, True)
            for m in s.match
        ]
        assert len(hit) == len(set(hit)) == 366


def test_a_date_slot_in_a_missing_hour_moves_and_comes_once() -> None:
    found = date_slots(
        0, time(0), "America/Havana", utc("2026-03-07T12:00"), utc("2026-03-09T12:00"), False
    )
    assert [(slot.label, slot.at) for slot in found] == [
        ("2026-03-08T00:00", utc("2026-03-08T05:00")),
        ("2026-03-09T00:00", utc("2026-03-09T04:00")),
    ]
