"""Readable product titles and themes from the data's till abbreviations."""

import re
from functools import cache

# Abbreviations that occur often and mean one thing; the rest is shown as the till has it.
_WORDS = {
    "BBQ": "BBQ",
    "BEERALEMALT": "Beer, Ale and Malt",
    "BG": "Bags",
    "BKD": "Baked",
    "BN": "Beans",
    "BNLS": "Boneless",
    "BRKFST": "Breakfast",
    "BTL": "Bottle",
    "BTR": "Butter",
    "CAN": "Can",
    "CARB": "Carbonated",
    "CHICK": "Chicken",
    "CHOC": "Chocolate",
    "CHOCOCLATE": "Chocolate",
    "CKN": "Chicken",
    "CRBNTD": "Carbonated",
    "CRMD": "Creamed",
    "CRYSTL": "Crystal",
    "DNR": "Dinner",
    "DNRS": "Dinners",
    "DRNK": "Drink",
    "DRNKING": "Drinking",
    "DRNKNG": "Drinking",
    "DRNKS": "Drinks",
    "DRSNG": "Dressing",
    "DSH": "Dishes",
    "FD": "Food",
    "FLVRD": "Flavored",
    "FRSH": "Fresh",
    "FRZ": "Frozen",
    "FRZN": "Frozen",
    "GDS": "Goods",
    "GM": "GM",
    "HANDKE": "Handkerchiefs",
    "IQF": "IQF",
    "LUNCHMEAT": "Lunch Meat",
    "MLK": "Milk",
    "MNERAL": "Mineral",
    "MX": "Mix",
    "MXS": "Mixes",
    "PCKGD": "Packaged",
    "PKG": "Package",
    "PKGD": "Packaged",
    "PKLD": "Pickled",
    "PNT": "Peanut",
    "PRCSD": "Processed",
    "PREM": "Premium",
    "PREP": "Prepared",
    "PWDR": "Powder",
    "PWDRS": "Powders",
    "REFRGRATD": "Refrigerated",
    "REFRIG": "Refrigerated",
    "RFRGRTD": "Refrigerated",
    "SALD": "Salad",
    "SAUS": "Sausage",
    "SFT": "Soft",
    "SHERBTS": "Sherbets",
    "SNDWCH": "Sandwich",
    "SPECILATY": "Specialty",
    "SPLY": "Supply",
    "SPRD": "Spread",
    "SUPPPLIES": "Supplies",
    "SW": "Sweet",
    "TISS": "Tissue",
    "TORT": "Tortilla",
    "TRSH": "Trash",
    "TV": "TV",
    "VEG": "Vegetables",
    "WHL": "Whole",
    "WHLSM": "Wholesome",
    "WHT": "White",
    "WTR": "Water",
}

# The commonest names, cut off at 30 characters by the till, as a shop would write them.
_NAMES = {
    "AUTO DISH DETERGENT - MONODOSE": "Dishwasher Tablets",
    "BEANS GREEN: FS/WHL/CUT": "Green Beans",
    "BUTTER SPRAY CRACKER (RITZ/CLU": "Butter Crackers",
    "CANDY BAGS-CHOCOCLATE": "Chocolate Candy Bag",
    "CANDY BAGS-NON CHOCOLATE": "Candy Bag",
    "CANDY BARS (SINGLES)(INCLUDING": "Candy Bar",
    "CARDS EVERYDAY": "Greeting Cards",
    "CARROTS MINI PEELED": "Baby Carrots",
    "CHEESE CRACKERS (CHEEZ-ITS/GOL": "Cheese Crackers",
    "DAIRY CASE 100% PURE JUICE - O": "Pure Juice",
    "DAIRY CASE FRUIT DRINKS (NO JU": "Fruit Drinks",
    "DAIRY CASE JUICE DRNK UNDER 10": "Juice Drink",
    "FACIAL TISSUE & PAPER HANDKE": "Facial Tissue",
    "FLUID MILK WHITE ONLY": "Milk",
    "FRZN BAGGED VEGETABLES - PLAIN": "Frozen Vegetables",
    "FRZN BOXED VEGETABLES- VALUE A": "Frozen Boxed Vegetables",
    "FRZN BREADED PREPARED CHICK": "Frozen Breaded Chicken",
    "FRZN MULTI SERVE ENTREES ALL": "Frozen Family Entrees",
    "FRZN NOVELTIES/WTR ICE": "Frozen Novelties and Water Ice",
    "FRZN SS PREMIUM ENTREES/DNRS/N": "Frozen Premium Entree",
    "FRZN SS PREMIUM ENTREES/DNRS/T": "Frozen Premium Dinner",
    "GARBAGE KITCHEN COMPACTOR BA": "Kitchen Trash Bags",
    "IWS SINGLE CHEESE": "Cheese Singles",
    "MAINSTREAM WHEAT/MULTIGRAIN BR": "Wheat and Multigrain Bread",
    "MAINSTREAM WHITE BREAD": "White Bread",
    "MEXICAN SAUCESSALSAPICANTEE": "Salsa and Mexican Sauces",
    "NON-CARB FLVRD DRNKNG/MNRL WAT": "Still Flavored Water",
    "NON-CRBNTD DRNKING/MNERAL WATE": "Still Mineral Water",
    "ONIONS SWEET (BULK&BAG)": "Sweet Onions",
    "POTATOES RUSSET (BULK&BAG)": "Russet Potatoes",
    "RTS SOUP: CHUNKY/HOMESTYLE ET": "Chunky Homestyle Soup",
    "SEMI-SOLID SALAD DRESSING MAY": "Mayonnaise",
    "SFT DRNK 2 LITER BTL CARB INCL": "Soft Drink, 2-Liter Bottle",
    "SFT DRNK MLT-PK BTL CARB (EXCP": "Soft Drink, Multi-Pack Bottles",
    "SFT DRNK SNGL SRV BTL CARB (EX": "Soft Drink, Single Bottle",
    "SGL SV/VEND MACH SNACKS CHIP/P": "Single-Serve Snacks",
    "SOFT DRINKS 12/18&15PK CAN CAR": "Soft Drinks, Pack of Cans",
    "SOFT DRINKS 20PK&24PK CAN CARB": "Soft Drinks, Large Pack of Cans",
    "SOFT DRINKS 6PK/4PK CAN CARB (": "Soft Drinks, Small Pack of Cans",
    "SS ECONOMY ENTREES/DINNERS ALL": "Frozen Economy Dinner",
    "SW GDS:DONUTS": "Donuts",
    "VARIETY BEANS - KIDNEY PINTO": "Kidney and Pinto Beans",
    "WAREHOUSE SNACKS": "Snacks",
    "YOGURT MULTI-PACKS": "Yogurt Multi-Pack",
    "YOGURT NOT MULTI-PACKS": "Yogurt",
}

# Types that say nothing without their category: "Premium" is an ice cream here, a bacon there.
_VAGUE = {
    "BLENDS",
    "CHOICE",
    "DRY",
    "ECONOMY",
    "ECONOMY - MEAT",
    "ENHANCED",
    "ENTREES",
    "GARDEN PLUS",
    "LEAN",
    "LIGHT",
    "MAINSTREAM",
    "MISCELLANEOUS",
    "OTHER",
    "POULTRY",
    "PREMIUM",
    "PREMIUM - MEAT",
    "PREMIUM PINTS",
    "PRIMAL",
    "REGULAR GARDEN",
    "SMOKED/COOKED",
    "SUPER PREMIUM",
    "TRADITIONAL",
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
    if text in _NAMES:
        return _NAMES[text]
    text = re.sub(r"\s*&\s*", " & ", re.sub(r"\(BULK&BAG\)?", "", text)).strip()
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
    if product_type in _VAGUE and category is not None:
        kind = readable(category.split("/")[0]) or category
        name = f"{name.split(' - ')[0]} {kind}"
    if brand == "Private":
        name = f"Our Brand {name}"
    measure = size(package)
    return f"{name}, {measure}" if measure else name
