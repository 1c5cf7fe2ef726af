"""Numbers, dates, money and measures in a customer's locale.

Babel spends some 30 µs on an amount; the same amounts go to many customers, so that what was
written once is kept. Locales are parsed once.
"""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

from orchestrator.flow.render.state import RenderRefused, current
from orchestrator.flow.render.words import words_of
from orchestrator.model.measure import Measure, Unit
from orchestrator.model.money import Money, UnitPrice

_FALLBACK = "en_US"
_KEPT = 65_536
_CLDR: dict[Unit, str] = {
    "g": "mass-gram",
    "kg": "mass-kilogram",
    "ml": "volume-milliliter",
    "l": "volume-liter",
    "oz": "mass-ounce",
    "lb": "mass-pound",
    "fl_oz": "volume-fluid-ounce",
    "pt": "volume-pint",
    "qt": "volume-quart",
    "gal": "volume-gallon",
    "sq_ft": "area-square-foot",
}


@lru_cache(maxsize=1024)
def locale_of(name: str) -> Locale:
    """The locale by a name such as de_DE or de-DE; its language alone, or en_US, if unknown."""
    wanted = name.replace("-", "_")
    for candidate in (wanted, wanted.partition("_")[0], _FALLBACK):
        try:
            return Locale.parse(candidate)
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    raise AssertionError(_FALLBACK)


@lru_cache(maxsize=_KEPT)
def money_text(amount: Decimal, currency: str, locale: str) -> str:
    """An amount as people of the locale write it: $2.49, 2,49 €, ￥249."""
    return format_currency(amount, currency, locale=locale_of(locale))


def money(value: Money, locale: str) -> str:
    """Money as people of the locale write it."""
    return money_text(value.amount, value.currency, locale)


@lru_cache(maxsize=_KEPT)
def measure_text(measure: Measure, locale: str) -> str:
    """A package's content: 30.5 oz, 750 ml, 12 pieces, 1 piece."""
    if measure.unit == "each":
        words = words_of(locale)["one" if measure.amount == 1 else "count"]
        return words.format(n=_decimal(measure.amount, locale))
    return format_unit(measure.amount, _CLDR[measure.unit], "short", locale=locale_of(locale))


@lru_cache(maxsize=_KEPT)
def unit_price_text(unit_price: UnitPrice, locale: str) -> str:
    """A price by a unit: $0.26/oz, 9,96 €/kg, 1,00 €/100 g, $0.25 each."""
    price = money(unit_price.price, locale)
    per = unit_price.per
    if per.unit == "each":
        return words_of(locale)["each"].format(price=price)
    if per.amount != 1:
        return f"{price}/{measure_text(per, locale)}"
    # Which of CLDR's two short forms is the sign (oz, l) and which a word differs by language; and
    # for "lb" the shorter one is "#", which few would understand.
    number_text, parsed = _decimal(per.amount, locale), locale_of(locale)
    signs = (
        format_unit(1, _CLDR[per.unit], length, locale=parsed).replace(number_text, "").strip()
        for length in ("short", "narrow")
    )
    unit = min((sign for sign in signs if sign != "#"), key=len)
    return f"{price}/{unit}"


@lru_cache(maxsize=_KEPT)
def until_text(end: datetime, zone: tzinfo, locale: str) -> str:
    """The last day something holds, in the customer's zone; with the time if it ends within a day.

    Ends are exclusive: what ends at midnight is good through the day before.
    """
    local = end.astimezone(zone)
    parsed = locale_of(locale)
    midnight = local.time() == datetime.min.time()
    last = local - timedelta(days=1) if midnight else local
    day = format_skeleton("MMMd", last, locale=parsed)
    if day.endswith("."):  # "28. Nov." would collide with the end of a sentence
        day = format_skeleton("MMMMd", last, locale=parsed)
    if midnight:
        return day
    return f"{day}, {format_time(local.timetz(), 'short', locale=parsed)}"


@lru_cache(maxsize=1024)
def percent_text(percent: int, locale: str) -> str:
    """By how much a price is lower: -20% (with the locale's minus, and its space if it has one)."""
    return format_percent(Decimal(-percent) / 100, locale=locale_of(locale))


@lru_cache(maxsize=_KEPT)
def _decimal(value: Decimal, locale: str, digits: int | None = None) -> str:
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=locale_of(locale))


def number(value: object, digits: int | None = None) -> str:
    """A number in the locale of the render under way. Digits: 0 to 6."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise RenderRefused("data_error", f"{type(value).__name__} is no number")
    if digits is not None and not 0 <= digits <= 6:
        raise RenderRefused("forbidden", "number takes 0 to 6 digits")
    return _decimal(Decimal(str(value)), current().locale, digits)


@lru_cache(maxsize=_KEPT)
def _date(day: date, length: str, locale: str) -> str:
    if length == "day":
        return format_skeleton("MMMMd", day, locale=locale_of(locale))
    return format_date(day, length, locale=locale_of(locale))


def date_text(value: object, length: str = "long") -> str:
    """A date in the locale of the render under way; an instant is a date in the customer's zone.

    Traits and properties hold dates as they arrived: 2017-11-30. `day` leaves the year out.
    """
    state = current()
    if isinstance(value, str):
        value = _written_date(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(state.zone)
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        raise RenderRefused("data_error", f"{type(value).__name__} is no date")
    if length not in ("day", "short", "medium", "long", "full"):
        raise RenderRefused("forbidden", "a date is day, short, medium, long or full")
    return _date(value, length, state.locale)


def _written_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise RenderRefused("data_error", f"{text!r} is no date such as 2017-11-30") from wrong
