"""Households as customers: real demographics, made-up addresses, places, wishes and dates.

Real: `age`, `income`, `household_size`, `kids_count`, `household`, `marital_status`,
`home_owner` (known for a third of the households; what is missing stays missing).
Made up, from a hash of the household's number: e-mail address, telephone number, place, zone,
locale, preferred channel, quiet hours, weekly limit, birthday, the day of the bill, the month in
which the payment card ends, and the membership's dates. There are no names.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from demo.complete_journey.chance import between, happens, pick, share
from demo.complete_journey.places import Place, phone_of, place_of

Record = dict[str, Any]
"""One import record: the keys of the import forms, values as JSON has them."""

_OWNS = {
    "Homeowner": True,
    "Probable Homeowner": True,
    "Renter": False,
    "Probable Renter": False,
}
_LOCALES = {"GB": "en_GB", "FR": "fr_FR", "DE": "de_DE"}
_YEARS_OF_BIRTH = {  # at the end of 2017
    "19-24": (1993, 1998),
    "25-34": (1983, 1992),
    "35-44": (1973, 1982),
    "45-54": (1963, 1972),
    "55-64": (1953, 1962),
    "65+": (1932, 1952),
}
_ANY_ADULT = (1940, 1996)


def customer_id(household: int) -> str:
    return f"hh-{household}"


def customer(household: int, demographics: Mapping[str, str | None] | None = None) -> Record:
    """One household's customer record; a key without a value is left out."""
    known = demographics or {}
    place = place_of(household)
    record: Record = {
        "id": customer_id(household),
        "email": email(household),
        **_whereabouts(household, place),
        "locale": _locale(household, place),
        **_wishes(household),
        **_demographic_traits(known),
        **_dates(household, known.get("age")),
    }
    return {key: value for key, value in record.items() if value is not None}


def customers(demographics: Mapping[int, Mapping[str, str | None] | None]) -> Iterator[Record]:
    """Customer records in the order of the household numbers."""
    for household in sorted(demographics):
        yield customer(household, demographics[household])


def email(household: int) -> str | None:
    """An address in example.com (RFC 2606); some have none, a few share a neighbour's."""
    if happens(household, "no email", 0.06):
        return None
    shared = household > 1 and happens(household, "shared email", 0.02)
    return f"hh-{household - 1 if shared else household}@example.com"


def _whereabouts(household: int, place: Place) -> Record:
    phone = None if happens(household, "no phone", 0.2) else phone_of(household, place)
    record: Record = {
        "phone": phone,
        "zone": place.zone,
        "country": place.country,
        "region": place.region,
    }
    # Shops rarely know every zone: here a region is all they have, there a number, or nothing.
    gap = share(household, "zone missing")
    if gap < 0.09:
        record["zone"] = None
    if gap < 0.06:
        record["region"] = None
    if gap < 0.03:
        record["country"] = record["phone"] = None
    return record


def _locale(household: int, place: Place) -> str | None:
    if happens(household, "no locale", 0.03):
        return None
    if place.country == "CA":
        return "fr_CA" if place.region == "QC" else "en_CA"
    if place.country == "US":
        return "es_US" if happens(household, "speaks Spanish", 0.08) else "en_US"
    return _LOCALES[place.country]


def _wishes(household: int) -> Record:
    record: Record = {}
    channel = share(household, "preferred channel")
    if channel < 0.38:
        record["preferred_channel"] = "email" if channel < 0.24 else "sms"
    if happens(household, "quiet wish", 0.08):
        record["quiet_from"] = pick(household, "quiet from", ("19:00", "20:00", "21:30"))
        record["quiet_until"] = pick(household, "quiet until", ("08:30", "09:00", "10:00"))
    if happens(household, "weekly limit", 0.1):
        record["max_per_week"] = between(household, "max per week", 1, 3)
    return record


def _demographic_traits(known: Mapping[str, str | None]) -> Record:
    return {
        "age": known.get("age"),
        "income": known.get("income"),
        # The data's open ends "5+" and "3+" become 5 and 3: at least that many.
        "household_size": _number(known.get("household_size")),
        "kids_count": _number(known.get("kids_count")),
        "household": known.get("household_comp"),
        "marital_status": known.get("marital_status"),
        "home_owner": _OWNS.get(known.get("home_ownership") or ""),
    }


def _number(value: str | None) -> int | None:
    return None if value is None else int(value.rstrip("+"))


def _dates(household: int, age: str | None) -> Record:
    record: Record = {}
    if happens(household, "birthday known", 0.65):
        year = between(household, "birth year", *_YEARS_OF_BIRTH.get(age or "", _ANY_ADULT))
        day = date(year, 1, 1) + timedelta(days=between(household, "birthday", 0, 364))
        record["birthday"] = day.isoformat()
    if happens(household, "member", 0.5):
        renewal = date(2017, 7, 1) + timedelta(days=between(household, "renewal", 0, 364))
        record["membership_renewal"] = renewal.isoformat()
    if happens(household, "pays by card", 0.45):
        month = between(household, "card month", 0, 23)
        year, month = 2017 + (month + 9) // 12, (month + 9) % 12 + 1
        record["billing_day"] = between(household, "billing day", 1, 28)
        record["card_expires"] = date(year, month, monthrange(year, month)[1]).isoformat()
    return record
