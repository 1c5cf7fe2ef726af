"""What the demo makes up about households: the same for ever, and nobody's."""

import re
from collections import Counter
from datetime import date
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import pytest

from demo.complete_journey.chance import between, pick, share
from demo.complete_journey.clock import REPLAY_FROM, REPLAY_TO, text, week_start
from demo.complete_journey.consents import consents, consents_of
from demo.complete_journey.customers import customer
from demo.complete_journey.places import PLACES, phone_of, place_of

HOUSEHOLDS = range(1, 2501)
RESERVED = re.compile(r"\+1[2-9]\d{2}55501\d{2}|\+447700900\d{3}|\+3363998\d{4}|\+493023125\d{3}")


def test_chance_is_the_same_on_every_machine() -> None:
    assert share(900, "place") == pytest.approx(0.880838, abs=1e-6)
    assert [between(n, "day", 1, 28) for n in (1, 2, 3)] == [14, 24, 26]
    assert pick(1, "letter", "abcdef") == "c"


def test_chance_is_spread_evenly() -> None:
    tenths = Counter(int(share(n, "anything") * 10) for n in range(10_000))
    assert set(tenths) == set(range(10))
    assert all(850 < count < 1150 for count in tenths.values())


def test_every_address_is_reserved_for_examples_or_fiction() -> None:
    for household in HOUSEHOLDS:
        record = customer(household)
        if "email" in record:
            assert record["email"].endswith("@example.com")
        if "phone" in record:
            assert RESERVED.fullmatch(record["phone"])


def test_numbers_can_be_dialled_in_the_place_they_belong_to() -> None:
    for household in HOUSEHOLDS:
        place = place_of(household)
        number = phonenumbers.parse(phone_of(household, place))
        assert phonenumbers.is_possible_number(number)
        countries = phonenumbers.region_codes_for_country_code(number.country_code)
        assert place.country in countries


def test_most_addresses_belong_to_one_household_and_a_few_are_shared() -> None:
    for key in ("email", "phone"):
        addresses = [c[key] for n in HOUSEHOLDS if key in (c := customer(n))]
        shared = len(addresses) - len(set(addresses))
        assert 0 < shared < 0.05 * len(addresses)


def test_every_zone_exists_and_the_stricter_states_are_there() -> None:
    assert {place.zone for place in PLACES} <= available_timezones()
    regions = {customer(n).get("region") for n in HOUSEHOLDS}
    assert {"FL", "TX", "CA", "AZ", "IN", "OK", "AL", "LA", "MD", "MS", "CT", "RI"} <= regions


def test_area_codes_are_listed_once() -> None:
    codes = Counter(code for place in PLACES for code in place.area_codes)
    assert not [code for code, times in codes.items() if times > 1]


def test_what_is_missing_is_missing_as_a_key() -> None:
    records = [customer(n) for n in HOUSEHOLDS]
    assert all(value is not None for record in records for value in record.values())
    no_zone = [r for r in records if "zone" not in r]
    assert 0.06 < len(no_zone) / len(records) < 0.12
    assert any("region" in r for r in no_zone)
    assert any("phone" in r and "region" not in r for r in no_zone)
    assert any("phone" not in r and "country" not in r for r in no_zone)


def test_demographics_become_traits_and_unknown_ones_stay_unknown() -> None:
    known = {
        "age": "45-54",
        "income": "35-49K",
        "home_ownership": "Probable Renter",
        "marital_status": None,
        "household_size": "5+",
        "household_comp": "2 Adults Kids",
        "kids_count": "3+",
    }
    record = customer(18, known)
    assert (record["household_size"], record["kids_count"]) == (5, 3)
    assert record["home_owner"] is False
    assert "marital_status" not in record
    assert "home_owner" not in customer(18, {**known, "home_ownership": None})


def test_a_made_up_birthday_agrees_with_the_real_age() -> None:
    for household in HOUSEHOLDS:
        record = customer(household, {"age": "65+"})
        if "birthday" in record:
            assert date.fromisoformat(record["birthday"]).year <= 1952


def test_nobody_has_a_name() -> None:
    keys = {key for n in HOUSEHOLDS for key in customer(n)}
    assert not [key for key in keys if "name" in key]


def test_consents_come_in_order_and_only_for_addresses_that_exist() -> None:
    records = list(consents(HOUSEHOLDS))
    assert [r["at"] for r in records] == sorted(r["at"] for r in records)
    address = {"email": "email", "sms": "phone"}
    customers = {c["id"]: c for c in map(customer, HOUSEHOLDS)}
    assert all(address[r["channel"]] in customers[r["customer"]] for r in records)
    assert all(r["touchpoint"] and r["wording"] for r in records)


def test_agreements_lie_before_the_replay_and_some_are_withdrawn_during_it() -> None:
    records = list(consents(HOUSEHOLDS))
    assert max(r["at"] for r in records if r["given"]) < "2017-10-01"
    begin, end = text(REPLAY_FROM), text(REPLAY_TO)
    during = [r for r in records if begin <= r["at"] < end]
    assert len(during) > 50
    assert not any(r["given"] for r in during)


def test_nobody_withdraws_what_was_never_given() -> None:
    for household in HOUSEHOLDS:
        given: dict[str, str] = {}
        for record in sorted(consents_of(household), key=lambda r: str(r["at"])):
            if record["given"]:
                given[record["channel"]] = record["at"]
            elif record["wording"].endswith("withdrawal-1") or record["wording"] == "STOP":
                assert given[record["channel"]] < record["at"]


def test_stop_ends_everything_on_its_channel() -> None:
    stops = [r for r in consents(HOUSEHOLDS) if r["wording"] == "STOP"]
    assert stops
    assert {(r["channel"], r["topic"], r["given"]) for r in stops} == {("sms", "*", False)}


@pytest.mark.parametrize(
    ("week", "begins"),
    [
        (2, "2017-01-02T05:00:00Z"),
        (12, "2017-03-13T04:00:00Z"),  # summer time began the day before
        (46, "2017-11-06T05:00:00Z"),  # and ended here
    ],
)
def test_weeks_begin_on_monday_at_midnight_in_the_shops_zone(week: int, begins: str) -> None:
    start = week_start(week)
    local = start.astimezone(ZoneInfo("America/New_York"))
    assert text(start) == begins
    assert (local.isoweekday(), local.hour) == (1, 0)
