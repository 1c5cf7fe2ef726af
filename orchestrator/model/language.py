"""A locale's language, and which way it is written."""

from functools import lru_cache

from babel import Locale
from babel.core import UnknownLocaleError


def language_of(locale: str) -> str:
    """`de` of de_AT or de-AT, `fil` of fil_PH."""
    return locale.replace("-", "_").partition("_")[0].lower()


@lru_cache(maxsize=500)
def direction_of(locale: str) -> str:
    """`rtl` where it is written from right to left, as Arabic is, else `ltr`."""
    try:
        return Locale.parse(locale.replace("-", "_")).text_direction
    except (UnknownLocaleError, ValueError):
        return "ltr"
