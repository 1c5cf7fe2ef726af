"""How much of a thing is in a package, and by which unit its price is compared."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import Literal

Unit = Literal["g", "kg", "ml", "l", "oz", "lb", "fl_oz", "pt", "qt", "gal", "sq_ft", "each"]


@dataclass(frozen=True, slots=True)
class Measure:
    """An amount of a unit: 16 oz, 2 l, 12 each. The amount is above zero."""

    amount: Decimal
    unit: Unit

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"an amount is a Decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite() or self.amount <= 0:
            raise ValueError(f"a measure is above zero, not {self.amount}")


# The unit that a price is compared by, and how many of the packaged unit it holds. Metric goods
# are compared by the kilogram and the litre (EU 98/6/EC Art. 2(b)); US customary units stay what
# they are, because a converted number would not match the shelf.
_REFERENCE: dict[Unit, tuple[Measure, Decimal]] = {
    "g": (Measure(Decimal(1), "kg"), Decimal(1000)),
    "ml": (Measure(Decimal(1), "l"), Decimal(1000)),
}
_SMALL_METRIC: dict[Unit, tuple[Measure, Decimal]] = {
    "g": (Measure(Decimal(100), "g"), Decimal(100)),
    "kg": (Measure(Decimal(100), "g"), Decimal("0.1")),
    "ml": (Measure(Decimal(100), "ml"), Decimal(100)),
    "l": (Measure(Decimal(100), "ml"), Decimal("0.1")),
}


def reference(unit: Unit, *, small: bool = False) -> tuple[Measure, Decimal]:
    """The measure that prices of `unit` are compared by, and how many of `unit` it holds.

    `small` compares metric goods by 100 g and 100 ml, as some places ask for small packages.
    """
    if small and unit in _SMALL_METRIC:
        return _SMALL_METRIC[unit]
    return _REFERENCE.get(unit) or (Measure(Decimal(1), unit), Decimal(1))


_WORDS: tuple[tuple[Unit, int, str], ...] = (
    ("g", 1, "G GM GR GRAM GRAMS"),
    ("kg", 1, "KG KGS"),
    ("ml", 1, "ML"),
    ("ml", 10, "CL"),
    ("l", 1, "L LT LTR LRT LITER LITERS LITRE LITRES"),
    ("oz", 1, "OZ OZS OUNCE OUNCES"),
    ("fl_oz", 1, "FLOZ"),
    ("lb", 1, "LB LBS POUND POUNDS"),
    ("pt", 1, "PT PINT PINTS"),
    ("qt", 1, "QT QTS QUART QUARTS"),
    ("gal", 1, "GA GAL GALLON GALLONS"),
    ("sq_ft", 1, "SQFT"),
    ("each", 1, "CT CNT COUNT EA EACH PC PCS PK PKS PACK"),
    ("each", 12, "DZ DOZ DOZEN"),
)
_UNITS = {word: (unit, Decimal(times)) for unit, times, words in _WORDS for word in words.split()}
# Units that say an amount by themselves; a bare "L" may as well be the size "large".
_BARE = {"LB", "GAL", "QT", "PT", "DZ", "DOZ", "DOZEN"}
_NUMBER = r"\d{1,6}(?:\.\d{1,4})?|\.\d{1,4}"
_SIZE = re.compile(
    rf"""
    (?: (?P<packs>\d{{1,3}}) \s* (?:PK|PACK) \s+ )?
    (?: (?P<whole>\d{{1,4}}) [ -] )? (?P<first>{_NUMBER}) (?: / (?P<second>{_NUMBER}) )?
    \s* -? \s* (?P<unit>[A-Z]+)
    (?: \s (?:BTL|BOTTLE|CAN|BAG|BOX|JAR|TUBE|PET|NR|PLST|LOOSE|CUP|TUB) )? \.?
    """,
    re.VERBOSE | re.ASCII,
)
_FRACTIONS = {2, 3, 4, 8, 16}


def parse_measure(text: str | None) -> Measure | None:
    """The content of a package as written on it: "14.5 OZ", "1/2 GAL", "6 PK 12 OZ", "24/12 OZ".

    None for what is no amount ("LARGE", "8 IN") and for what can be read in two ways: in
    "6 PK/5 OZ" the 5 oz may be one pack or all six, and a wrong unit price misleads.
    """
    if not text:
        return None
    words = " ".join(text.upper().replace("½", "1/2").split())
    words = words.replace("FL OZ", "FLOZ").replace("SQ FT", "SQFT").replace("HALF GAL", "1/2 GAL")
    if words in _BARE:
        words = f"1 {words}"
    found = _SIZE.fullmatch(words)
    if found is None or found["unit"] not in _UNITS:
        return None
    unit, times = _UNITS[found["unit"]]
    amount = _amount(found["whole"], found["first"], found["second"])
    if amount is None:
        return None
    if found["packs"]:
        if unit == "each":
            return None
        amount *= int(found["packs"])
    amount *= times
    return Measure(amount, unit) if amount > 0 else None


def _amount(whole: str | None, first: str, second: str | None) -> Decimal | None:
    if second is None:
        # "10 12 OZ" has lost the mark between its two numbers; "10-12 OZ" is a range.
        return None if whole else Decimal(first)
    above, below = Decimal(first), Decimal(second)
    proper = (
        above == int(above)
        and below == int(below)
        and 0 < above < below
        and int(below) in _FRACTIONS
        and gcd(int(above), int(below)) == 1
    )
    if whole:
        return Decimal(whole) + _decimal(Fraction(int(above), int(below))) if proper else None
    if not proper:
        # The trade's way of writing a case: 24/12 OZ is 24 of 12 oz.
        return above * below if above == int(above) and above >= 2 else None
    # 3/8 OZ is a fraction in one aisle and three of eight ounces in another.
    return _decimal(Fraction(int(above), int(below))) if below <= 4 else None


def _decimal(part: Fraction) -> Decimal:
    return (Decimal(part.numerator) / Decimal(part.denominator)).quantize(Decimal("0.0001"))
