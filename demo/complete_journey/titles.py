"""Readable product titles and themes from the data's till abbreviations."""

import re
from functools import cache

# Only abbreviations that occur often and mean one thing; the rest is shown as the till has it.
_WORDS = {
    "BBQ": "BBQ",
    "BEERALEMALT": "Beer, Ale and Malt",
    "BKD": "Baked",
    "BNLS": "Boneless",
    "BRKFST": "Breakfast",
    "BTL": "Bottle",
    "CHOC": "Chocolate",
    "CHOCOCLATE": "Chocolate",
    "CKN": "Chicken",
    "DNRS": "Dinners",
    "DRNK": "Drink",
    "FD": "Food",
    "FRSH": "Fresh",
    "FRZ": "Frozen",
    "FRZN": "Frozen",
    "GM": "GM",
    "ICE-CREAM": "Ice Cream",
    "LUNCHMEAT": "Lunch Meat",
    "MULTI-PACKS": "Multi-Packs",
    "PCKGD": "Packaged",
    "PKG": "Package",
    "PKGD": "Packaged",
    "PREM": "Premium",
    "PRCSD": "Processed",
    "RFRGRTD": "Refrigerated",
    "SFT": "Soft",
    "SHERBTS": "Sherbets",
    "SPLY": "Supply",
    "UNFLAV": "Unflavored",
    "VEG": "Vegetables",
    "W/": "with",
    "WHL": "Whole",
    "WHLSM": "Wholesome",
    "WHT": "White",
}
_SMALL = {"and", "of", "or", "in", "with"}
_TOKEN = re.compile(r"[A-Z0-9'./-]+|[^A-Z0-9'./-]+", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z0-9']+|[^A-Za-z0-9']+")


@cache
def readable(text: str | None) -> str | None:
    """`FRZN ICE` as "Frozen Ice"; None and blanks stay None."""
    if text is None or not text.strip():
        return None
    text = " ".join(text.split())
    words = "".join(_word(token) for token in _TOKEN.findall(text))
    words = re.sub(r"\s*:\s*", ": ", words)
    # The data cuts long names at 30 characters, often inside a bracket.
    if words.count("(") > words.count(")"):
        words = words[: words.rindex("(")] if words.rindex("(") > 3 else words.replace("(", "")
    words = words.strip(" ,;:-/(")
    return words[:1].upper() + words[1:]


def _word(token: str) -> str:
    known = _WORDS.get(token.upper())
    if known is not None:
        return known
    if token.lower() in _SMALL:
        return token.lower()
    parts = (_WORDS.get(part.upper(), part.capitalize()) for part in _PART.findall(token))
    return "".join(parts)


_UNITS = {
    "OZ": "oz",
    "LB": "lb",
    "LBS": "lb",
    "CT": "ct",
    "ML": "ml",
    "GA": "gal",
    "GAL": "gal",
    "PT": "pt",
    "QT": "qt",
    "DZ": "dozen",
    "LTR": "l",
    "LT": "l",
    "L": "l",
    "PK": "pack",
    "SQ FT": "sq ft",
    "FT": "ft",
}
_SIZE = re.compile(
    r"(\d{1,4}(?:\.\d+)?|\.\d+|\d+/\d+)\s*([A-Z]+(?: FT)?)", re.IGNORECASE
)  # five digits and more are article numbers in the wrong column


@cache
def size(text: str | None) -> str | None:
    """`22 LB` as "22 lb" and `.5 GA` as "0.5 gal"; None when it is no measure we can read."""
    form = _SIZE.fullmatch(" ".join((text or "").split()))
    if form is None or form[2].upper() not in _UNITS:
        return None
    number = f"0{form[1]}" if form[1].startswith(".") else form[1]
    return f"{number} {_UNITS[form[2].upper()]}"


def title(product_type: str | None, category: str | None, package: str | None, brand: str) -> str:
    """A product's name as a shop would show it: the data has none, only its type."""
    name = readable(product_type) or readable(category) or "Product"
    if brand == "Private":
        name = f"Our Brand {name}"
    measure = size(package)
    return f"{name}, {measure}" if measure else name
