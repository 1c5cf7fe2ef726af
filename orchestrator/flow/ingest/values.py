"""One value from outside → what is stored. Every function raises ValueError with the reason.

Instants become microseconds since 1970 and amounts ten-thousandths: what `store` writes as it is.
"""

import math
import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from orchestrator.model.shop import TraitSpec, TraitType
from orchestrator.tables.instant import to_micros

TEXT_LENGTH_MAX = 2_000
KEY_LENGTH_MAX = 200
AMOUNT_MAX = Decimal(10) ** 12
AMOUNT_SCALE = 10_000
PLAIN_PRICE_MAX = 1_000_000.0
WHOLE_MAX = 2**31 - 1

_YES = frozenset({"yes", "true", "1", "y", "t", "on"})
_NO = frozenset({"no", "false", "0", "n", "f", "off"})
_COMMA = re.compile(r"([-+]?\d+),(\d{1,2})")  # as most of Europe writes it
_LIST = re.compile(r"[|;,]")


def shown(value: Any) -> str:
    """A value as a reason quotes it: short."""
    written = repr(value)
    return written if len(written) <= 60 else f"{written[:57]}…"


def key(value: Any, what: str) -> str:
    """A name that the sender gave: short, printable text; a whole number is read as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{what} is missing" if value is None else f"{what} must be text")
    written = value.strip()
    if not written:
        raise ValueError(f"{what} is missing")
    if len(written) > KEY_LENGTH_MAX:
        raise ValueError(f"{what} is longer than {KEY_LENGTH_MAX} characters")
    if not written.isprintable():
        raise ValueError(f"{what} has a control character: {shown(written)}")
    return written


def text(value: Any, what: str) -> str:
    """Any text; a number is read as text."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text, not {shown(value)}")
    if len(value) > TEXT_LENGTH_MAX:
        raise ValueError(f"{what} is longer than {TEXT_LENGTH_MAX} characters")
    if "\0" in value:
        raise ValueError(f"{what} has a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{what} has half a character") from None
    return value.strip()


def flag(value: Any, what: str) -> bool:
    """`true`, `yes`, `1` and their opposites."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"{what} must be yes or no, not {shown(value)}")


def number(value: Any, what: str) -> int | float:
    """A finite number; a whole one stays whole."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{what} must be a number, not {shown(value)}")
    if isinstance(value, int):
        return _in_range(value, what)
    if isinstance(value, float):
        return _in_range(value, what)
    found = _decimal(value, what)
    if found == found.to_integral_value() and found.as_tuple().exponent == 0:
        return _in_range(int(found), what)
    return _in_range(float(found), what)


def _in_range(value: int | float, what: str) -> int | float:
    # JSON in either database keeps 64 bits; beyond them a number would come back as another one.
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) >= 2**63:
        raise ValueError(f"{what} is not a number that can be kept: {shown(value)}")
    return value


def whole(value: Any, what: str) -> int:
    """A whole number of at least 0."""
    found = number(value, what)
    if found != int(found) or not 0 <= found <= WHOLE_MAX:
        raise ValueError(f"{what} must be a whole number of at least 0, not {shown(value)}")
    return int(found)


def day(value: Any, what: str) -> str:
    """A date as ISO text."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip()).date().isoformat()
    except ValueError:
        pass
    raise ValueError(f"{what} must be a date such as 1980-02-29, not {shown(value)}")


def texts(value: Any, what: str) -> list[str]:
    """A list of texts: a JSON list, or words between commas, semicolons or bars."""
    if isinstance(value, str):
        written = value.strip()
        if written.startswith("["):
            try:
                value = msgspec.json.decode(written)
            except msgspec.DecodeError:
                raise ValueError(f"{what} is not a JSON list: {shown(written)}") from None
        else:
            value = [word for word in _LIST.split(written) if word.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} must be a list, not {shown(value)}")
    return [text(item, what) for item in value]


_READ = {"text": text, "number": number, "yes/no": flag, "date": day, "list": texts}


def typed(value: Any, type_: TraitType, what: str) -> Any:
    """A value of a declared type."""
    return _READ[type_](value, what)


def trait(value: Any, spec: TraitSpec, what: str) -> Any:
    """A trait as `shop.yaml` declares it."""
    found = typed(value, spec.type, what)
    if spec.values:
        wrong = [
            one
            for one in (found if isinstance(found, list) else [found])
            if str(one) not in spec.values
        ]
        if wrong:
            raise ValueError(f"{what} is {shown(wrong[0])}; it may be: {', '.join(spec.values)}")
    return found


def amount(value: Any, what: str) -> int:
    """Money in ten-thousandths, exactly as written."""
    found = _decimal(value, what)
    if found < 0:
        raise ValueError(f"{what} must not be negative: {shown(value)}")
    scaled = found * AMOUNT_SCALE
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{what} has more than four places after the point: {shown(value)}")
    return int(scaled)


def rounded_amount(value: Any, what: str) -> int:
    """Money in ten-thousandths, rounded: what was paid for one piece is often a quotient."""
    if type(value) is float or type(value) is int:
        scaled = value * AMOUNT_SCALE
        if abs(scaled) < AMOUNT_MAX:
            return round(scaled)
    return round(_decimal(value, what) * AMOUNT_SCALE)


def _decimal(value: Any, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{what} must be a number, not {shown(value)}")
    if isinstance(value, str) and len(value) > 60:
        raise ValueError(f"{what} must be a number, not {shown(value)}")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        said = f"{what} must be a number, not {shown(value)}"
        if with_point := _COMMA.fullmatch(str(value).strip()):
            said += f"; write {with_point[1]}.{with_point[2]}"
        raise ValueError(said) from None
    if not found.is_finite() or abs(found) >= AMOUNT_MAX * 10**6:
        raise ValueError(f"{what} is not a number that can be kept: {shown(value)}")
    return found


class Instants:
    """Reads instants; `naive` counts those without a zone, which are taken in the shop's."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.naive = 0

    def micros(self, value: Any, what: str) -> int:
        """Microseconds since 1970 of ISO 8601 text or of a datetime."""
        try:
            at = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        except ValueError:
            at = None
        if isinstance(at, date) and not isinstance(at, datetime):
            at = datetime(at.year, at.month, at.day)  # noqa: DTZ001 the zone follows
        if not isinstance(at, datetime):
            if value is None or value == "":
                raise ValueError(f"{what} is missing")
            raise ValueError(
                f"{what} must be a time such as 2017-11-23T10:00:00Z, not {shown(value)}"
            )
        if at.tzinfo is None:
            self.naive += 1
            at = at.replace(tzinfo=self._zone)
        try:
            return to_micros(at.astimezone(UTC) if at.tzinfo is not UTC else at)
        except OverflowError:
            raise ValueError(f"{what} is out of range: {shown(value)}") from None
