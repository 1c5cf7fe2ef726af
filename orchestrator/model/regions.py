"""The zones that a state or province allows. All of them where it has several.

From the boundaries as told by the tz database's `zone.tab`; places that only differ in the past
stand under their present twin (Detroit keeps New York's time, but is listed for its own state).
"""

_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
)


def _each(regions: str, *zones: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(regions.split(), zones)


_US: dict[str, tuple[str, ...]] = {
    **_each("CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV", _EASTERN),
    **_each("AL AR IA IL LA MN MO MS OK WI", _CENTRAL),
    **_each("CO MT NM UT WY", _MOUNTAIN),
    **_each("CA WA", _PACIFIC),
    **_each("FL TN", _EASTERN, _CENTRAL),
    **_each("KS NE ND SD TX", _CENTRAL, _MOUNTAIN),
    "AK": ("America/Anchorage", "America/Adak", "America/Metlakatla"),
    "AZ": ("America/Phoenix", _MOUNTAIN),  # the Navajo Nation keeps summer time
    "HI": ("Pacific/Honolulu",),
    "ID": ("America/Boise", _PACIFIC),
    "IN": ("America/Indiana/Indianapolis", _CENTRAL),
    "KY": ("America/Kentucky/Louisville", _CENTRAL),
    "MI": ("America/Detroit", _CENTRAL),
    "NV": (_PACIFIC, _MOUNTAIN),  # West Wendover, Jackpot
    "OR": (_PACIFIC, "America/Boise"),
    # Territories have country codes of their own; addresses often write them as states.
    "AS": ("Pacific/Pago_Pago",),
    "GU": ("Pacific/Guam",),
    "MP": ("Pacific/Saipan",),
    "PR": ("America/Puerto_Rico",),
    "VI": ("America/St_Thomas",),
}

_CA: dict[str, tuple[str, ...]] = {
    "AB": ("America/Edmonton",),
    "BC": (
        "America/Vancouver",
        "America/Edmonton",
        "America/Creston",
        "America/Dawson_Creek",
        "America/Fort_Nelson",
    ),
    "MB": ("America/Winnipeg",),
    "NB": ("America/Moncton",),
    "NL": ("America/St_Johns", "America/Goose_Bay"),
    "NS": ("America/Halifax",),
    "NT": ("America/Yellowknife",),
    "NU": (
        "America/Iqaluit",
        "America/Rankin_Inlet",
        "America/Cambridge_Bay",
        "America/Resolute",
        "America/Atikokan",
    ),
    "ON": ("America/Toronto", "America/Winnipeg", "America/Atikokan"),
    "PE": ("America/Halifax",),
    "QC": ("America/Toronto", "America/Halifax", "America/Blanc-Sablon"),
    "SK": ("America/Regina", "America/Edmonton"),
    "YT": ("America/Whitehorse",),
}

_AU: dict[str, tuple[str, ...]] = {
    "ACT": ("Australia/Sydney",),
    "NSW": ("Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"),
    "NT": ("Australia/Darwin",),
    "QLD": ("Australia/Brisbane",),
    "SA": ("Australia/Adelaide",),
    "TAS": ("Australia/Hobart",),
    "VIC": ("Australia/Melbourne",),
    "WA": ("Australia/Perth", "Australia/Eucla"),
}

ZONES: dict[str, dict[str, tuple[str, ...]]] = {"US": _US, "CA": _CA, "AU": _AU}
"""By country, then by region without its country: `ZONES["US"]["TX"]`."""


def known_region(country: str | None, region: str | None) -> bool:
    """Whether the region is one of the country's; any name will do where no table is kept."""
    if country is None or region is None:
        return False
    return country not in ZONES or region in ZONES[country]
