"""What an unquoted word of YAML is: as little as possible besides text.

Only what can be nothing else is a number, and `true` and `false` are the only truths. So a time
(`22:00`), a country (`NO`), an answer (`yes`), a product id (`00123`) and a telephone number
(`+1312…`) stay as they were written, and `1.10` keeps both its digits.
"""

import re
from decimal import Decimal

Scalar = bool | int | Decimal | str

_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,2}(?:_\d{3})+|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})\.\d{1,18}", re.ASCII)
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
EMPTY = frozenset({"", "~", "null", "Null", "NULL"})
"""Ways to write nothing."""


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar.

    >>> [plain(word) for word in ("22:00", "NO", "1.10", "20_000", "007")]
    ['22:00', 'NO', Decimal('1.10'), 20000, '007']
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return _TRUTHS.get(text, text)
