"""Times, quiet hours and clocks as people and files write them."""

from datetime import time

import pytest
from pydantic import BaseModel, ValidationError

from orchestrator.model.clock import Clock, Hours, QuietHours, TimeOfDay, parse_hours, parse_time


class Setting(BaseModel):
    at: TimeOfDay = time(10)
    quiet: Hours | None = None


def test_times_and_hours_are_read_and_written_as_people_write_them() -> None:
    setting = Setting.model_validate({"at": "22:00", "quiet": "21:00-9:00"})
    assert (setting.at, setting.quiet) == (time(22), QuietHours(time(21), time(9)))
    assert setting.model_dump() == {"at": "22:00", "quiet": "21:00-09:00"}
    assert Setting.model_validate_json(setting.model_dump_json()) == setting
    assert Setting.model_json_schema()["properties"]["at"]["examples"] == ["22:00"]


@pytest.mark.parametrize("text", ["21:00-09:00", "21:00 - 9:00", "21:00–09:00", " 21:00 – 09:00 "])
def test_ways_to_write_quiet_hours(text: str) -> None:
    assert str(parse_hours(text)) == "21:00-09:00"


@pytest.mark.parametrize("text", ["22", 1320, "22:60", "25:00", "10pm", "", "22:00:00", None])
def test_a_wrong_time_says_how_to_write_one(text: object) -> None:
    with pytest.raises(ValueError, match="write a time as 22:00"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("24:00", "write midnight as 00:00"),
        ("21:00-24:00", "write midnight as 00:00"),
        ("21:00", "write quiet hours as 21:00-09:00"),
        ("21:00-25:00", "write a time as 22:00"),
        ("09:00-09:00", "another end"),
    ],
)
def test_wrong_hours_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Setting.model_validate({"at" if text == "24:00" else "quiet": text})


def test_equal_clocks_have_one_key() -> None:
    one = Clock(
        ("America/Denver", "America/Chicago", "America/Denver"), "US", "TX", time(21), time(9)
    )
    other = Clock(("America/Chicago", "America/Denver"), "US", "TX", time(21), time(9))
    assert one == other
    assert one.key == other.key == "America/Chicago,America/Denver|US|TX|21:00-09:00"
    assert Clock().key == "|||"
    assert Clock.parse("|||") == Clock()


@pytest.mark.parametrize("key", ["", "Europe/Berlin", "||||", "|||9-5"])
def test_no_other_text_is_a_key(key: str) -> None:
    with pytest.raises(ValueError, match=r"not the key|write a time"):
        Clock.parse(key)


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        (time(21), None, "both ends"),
        (None, time(9), "both ends"),
        (time(9), time(9), "another end"),
        (time(21, 0, 30), time(9), "to the minute"),
    ],
)
def test_half_a_wish_is_none(since: time | None, until: time | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Clock(quiet_from=since, quiet_until=until)
