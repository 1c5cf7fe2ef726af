"""The dated data of the law, as shipped."""

from datetime import date, time, timedelta
from importlib.resources import files

import pytest

from orchestrator.flow.law import read_law
from orchestrator.model.clock import Clock
from orchestrator.model.law import HoursRow
from orchestrator.model.regions import ZONES

LAW = read_law()


def ids(clock: Clock, channel: str = "sms") -> list[list[str]]:
    return [[row.id for row in layer] for layer in LAW.hours_for(clock, channel)]


@pytest.mark.parametrize("name", ["permitted_hours.csv", "legal_caps.csv"])
def test_the_files_say_that_they_are_no_advice(name: str) -> None:
    head = (files("orchestrator") / "data" / name).read_text(encoding="utf-8")[:300]
    assert head.startswith("#")
    assert "not legal advice" in head


def test_each_row_has_a_source_a_date_and_an_id_of_its_own() -> None:
    rows = [*LAW.hours, *LAW.caps]
    assert len({row.id for row in rows}) == len(rows) > 25
    assert all(row.source and row.dated >= date(2026, 1, 1) and row.channels for row in rows)
    assert all(row.region is None or row.region == "*" or row.region in ZONES["US"] for row in rows)


def test_a_state_holds_beside_the_country() -> None:
    zone = ("America/New_York",)
    assert ids(Clock(zone, "US", "CA")) == [["us"]]
    assert ids(Clock(zone, "US", "FL")) == [["us"], ["us-fl"]]
    assert ids(Clock(zone, "US")) == [["us"], ["us-unknown-week", "us-unknown-sat"]]
    assert ids(Clock(zone, "US", "Nowhere")) == ids(Clock(zone, "US"))
    assert ids(Clock(zone, "FR", "IDF")) == [["fr"]]
    assert ids(Clock(zone, "JP")) == ids(Clock(zone)) == [["elsewhere"]]
    assert ids(Clock(zone, "US", "FL"), "email") == []


def test_florida_and_what_may_be_florida_have_three_a_day_on_one_subject() -> None:
    (cap,) = LAW.caps_for(Clock((), "US", "FL"), "sms")
    assert (cap.count, cap.per, cap.per_subject) == (3, timedelta(hours=24), True)
    (unknown,) = LAW.caps_for(Clock((), "US"), "voice")
    assert (unknown.count, unknown.per) == (cap.count, cap.per)
    assert LAW.caps_for(Clock((), "US", "TX"), "sms") == ()
    assert LAW.caps_for(Clock((), "US", "FL"), "email") == ()
    assert LAW.caps_for(Clock((), "FR"), "sms") == ()


def test_the_law_is_one_value() -> None:
    assert read_law() is LAW


@pytest.mark.parametrize(
    ("days", "opens", "says"),
    [(("mon",), time(22), "opens must be before"), (("monday",), time(8), "monday")],
)
def test_a_row_that_cannot_be_is_refused(days: tuple[str, ...], opens: time, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HoursRow(
            "x", "XX", None, ("sms",), days, True, opens, time(21), "a source", date(2026, 1, 1)
        )
