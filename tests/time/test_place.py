"""Where customers are, from what is said about them."""

from datetime import time
from zoneinfo import available_timezones

import pytest

from orchestrator.model.clock import Clock
from orchestrator.model.place import Place, locate
from orchestrator.model.regions import ZONES

CHICAGO_555 = "+13125550123"


def place(
    zone: str | None = None,
    country: str | None = None,
    region: str | None = None,
    phone: str | None = None,
) -> Place:
    return locate(zone=zone, country=country, region=region, phone=phone)


@pytest.mark.parametrize(
    ("found", "zones", "country", "region"),
    [
        (place("Europe/Berlin"), ("Europe/Berlin",), "DE", None),
        (place("europe/berlin "), ("Europe/Berlin",), "DE", None),
        (place("US/Eastern"), ("US/Eastern",), "US", None),
        (place("UTC"), ("UTC",), None, None),
        (place("America/Denver", "US", "TX", CHICAGO_555), ("America/Denver",), "US", "TX"),
        (place(None, "US", "tx"), ("America/Chicago", "America/Denver"), "US", "TX"),
        (place(None, "us", "US-NY", CHICAGO_555), ("America/New_York",), "US", "NY"),
        (place(None, None, "NY", CHICAGO_555), ("America/New_York",), "US", "NY"),
        (place(phone=CHICAGO_555), ("America/Chicago",), "US", None),
        (place(None, "FR", None, CHICAGO_555), ("America/Chicago", "Europe/Paris"), "FR", None),
        (place(None, "UK"), ("Europe/London",), "GB", None),
        (place(None, "FR", "IDF"), ("Europe/Paris",), "FR", "IDF"),
        (place(phone="+442079460000"), ("Europe/London",), "GB", None),
        (place(phone="+914412345678"), ("Asia/Kolkata",), "IN", None),
        (place(), (), None, None),
        (place(" ", "", " ", ""), (), None, None),
    ],
)
def test_places(
    found: Place, zones: tuple[str, ...], country: str | None, region: str | None
) -> None:
    assert found == Place(zones, country, region)


def test_what_allows_several_zones_keeps_them_all() -> None:
    assert {"America/New_York", "Pacific/Honolulu"} <= set(place(None, "US").zones)
    free_of_charge = place(None, "US", None, "+18005550199").zones
    assert {"America/New_York", "Pacific/Honolulu"} <= set(free_of_charge)
    assert "America/Toronto" not in free_of_charge
    assert len(place(phone="+61491570156").zones) > 4


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (place("Mars/Olympus", "DE"), "no such time zone: 'Mars/Olympus'"),
        (place("Factory", "DE"), "no such time zone"),
        (place("+02:00", "DE"), "no such time zone"),
        (place(None, "Germany", None, "+4930123456"), "no such country: 'Germany'"),
        (place(None, "US", "Texas"), "no such region of US: 'Texas'"),
        (place(None, None, "TX"), "a region without its country"),
        (place(None, "DE", None, "030 123456"), "not one in international form"),
    ],
)
def test_what_cannot_be_used_is_said(found: Place, says: str) -> None:
    (problem,) = found.problems
    assert says in problem
    assert found.region is None
    assert bool(found.zones) == (found.country is not None)


def test_a_number_is_not_repeated_in_what_is_said() -> None:
    assert "030" not in place(phone="030 123456").problems[0]


def test_every_zone_of_the_tables_exists() -> None:
    named = {zone for regions in ZONES.values() for zones in regions.values() for zone in zones}
    assert named <= available_timezones()
    assert len(ZONES["US"]) == 56  # states, D.C. and five territories
    assert (len(ZONES["CA"]), len(ZONES["AU"])) == (13, 8)


def test_a_place_and_a_wish_are_a_clock() -> None:
    clock = place(None, "US", "FL").clock(time(20), time(10))
    zones = ("America/Chicago", "America/New_York")
    assert clock == Clock(zones, "US", "FL", time(20), time(10))
