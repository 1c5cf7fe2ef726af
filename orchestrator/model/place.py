"""Where a customer is, as far as one knows: which zones, and under whose law.

Reads nothing but the data of installed packages: the tz database's own tables and the zones that
telephone numbers mean.
"""

from dataclasses import dataclass
from datetime import time
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from orchestrator.model.clock import Clock
from orchestrator.model.regions import ZONES

_NOWHERE = {"Factory", "localtime", "posixrules"}
"""Names in the tz database that are no place's time."""


@dataclass(frozen=True, slots=True)
class Place:
    """The parts of a clock that an address gives. `problems`: what could not be used, and why."""

    zones: tuple[str, ...]
    country: str | None
    region: str | None
    problems: tuple[str, ...] = ()

    def clock(self, quiet_from: time | None = None, quiet_until: time | None = None) -> Clock:
        """The clock of this place with the customer's wish."""
        return Clock(self.zones, self.country, self.region, quiet_from, quiet_until)


@dataclass(frozen=True, slots=True)
class _Number:
    country: str | None
    zones: tuple[str, ...]


def locate(
    *, zone: str | None, country: str | None, region: str | None, phone: str | None
) -> Place:
    """What zone, country, state and number (E.164) say together.

    A valid zone wins. Else all zones of the state, else those that the number means (people take
    their numbers along: of a foreign number, those of the country as well), else all of the
    country. The country, if not given, is the number's, else the zone's.
    """
    problems: list[str] = []
    named = _given_zone(zone, problems)
    number = _number(phone, problems)
    land = _given_country(country, problems)
    if land is None:
        land = number.country or (_country_of(named) if named else None)
    state = _given_region(land, region, problems)
    if named:
        zones: tuple[str, ...] = (named,)
    elif land is not None and state is not None and land in ZONES:
        zones = ZONES[land][state]
    else:
        zones = _allowed(land, number)
    return Place(tuple(sorted(set(zones))), land, state, tuple(problems))


def _allowed(country: str | None, number: _Number) -> tuple[str, ...]:
    of_country = _tables().zones.get(country or "", ())
    if not number.zones:
        return of_country
    if country is None or not of_country:
        return number.zones
    if number.country != country:
        return number.zones + of_country
    # A number without a place (free of charge, or mobile) may mean zones of its neighbours too.
    return tuple(zone for zone in number.zones if zone in of_country) or number.zones


def _given_zone(zone: str | None, problems: list[str]) -> str | None:
    if not zone or not zone.strip():
        return None
    found = _tables().spelt.get(zone.strip().lower())
    if found is None:
        problems.append(f"no such time zone: {zone.strip()!r}; write one as America/Chicago")
    return found


def _given_country(country: str | None, problems: list[str]) -> str | None:
    if not country or not country.strip():
        return None
    code = country.strip().upper()
    code = "GB" if code == "UK" else code
    if code not in _tables().zones:
        problems.append(f"no such country: {country.strip()!r}; write two letters, such as US")
        return None
    return code


def _given_region(country: str | None, region: str | None, problems: list[str]) -> str | None:
    if not region or not region.strip():
        return None
    code = region.strip().upper().removeprefix(f"{country}-")
    if country in ZONES and code not in ZONES[country]:
        problems.append(f"no such region of {country}: {region.strip()!r}; write one as TX")
        return None
    if country is None:
        problems.append(f"a region without its country: {region.strip()!r}")
        return None
    return code


def _number(phone: str | None, problems: list[str]) -> _Number:
    if not phone or not phone.strip():
        return _Number(None, ())
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        problems.append("the number is not one in international form, such as +13125550123")
        return _Number(None, ())
    country = phonenumbers.region_code_for_number(number)
    spelt = _tables().spelt
    zones = (spelt.get(name.lower()) for name in time_zones_for_number(number))
    return _Number(
        country if country in _tables().zones else None,
        tuple(_tables().now_called.get(zone, zone) for zone in zones if zone),
    )


@dataclass(frozen=True, slots=True)
class _Tables:
    zones: dict[str, tuple[str, ...]]
    country: dict[str, str]
    spelt: dict[str, str]
    now_called: dict[str, str]


@cache
def _tables() -> _Tables:
    """From the tz database: zone.tab (the zones of each country) and tzdata.zi (old names)."""
    root = files("tzdata") / "zoneinfo"
    zones: dict[str, tuple[str, ...]] = {}
    country: dict[str, str] = {}
    for line in (root / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            code, _, name = line.split("\t")[:3]
            zones[code] = (*zones.get(code, ()), name)
            country[name] = code
    now_called: dict[str, str] = {}
    for line in (root / "tzdata.zi").read_text(encoding="utf-8").splitlines():
        if line.startswith("L "):
            _, target, name = line.split()
            if name not in country:
                now_called[name] = target
    spelt = {name.lower(): name for name in available_timezones() - _NOWHERE}
    return _Tables(zones, country, spelt, now_called)


def _country_of(zone: str) -> str | None:
    tables = _tables()
    return tables.country.get(tables.now_called.get(zone, zone))
