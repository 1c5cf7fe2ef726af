"""Text messages as the network counts them: which alphabet, how many segments.

Sources: 3GPP TS 23.038 (GSM 7-bit alphabet and its extension table), TS 23.040 (concatenation:
a header of 6 octets leaves 153 septets or 67 UTF-16 units to each segment).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
"""Each of these takes two septets: an escape and the character."""

_GSM = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*").fullmatch
_ESCAPED = re.compile(f"[{re.escape(_EXTENSION)}]").findall
_ASTRAL = re.compile("[\U00010000-\U0010ffff]").findall

# What the alphabet lacks, in a form that says the same. Accents and letters are never touched:
# "Łukasz" is not "Lukasz", and joiners carry meaning in several scripts.
_FOLDS: dict[str, str] = {
    "‘’‚‛′ʼ`´‹›": "'",
    "“”„‟″«»": '"',
    "‐‑‒–—―−": "-",
    "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t": " ",
    "\u2028\u2029": "\n",
    "\u00ad\u200b\u2060\ufeff": "",
    "…": "...",
    "•": "*",
    "⁄": "/",
    "×": "x",
}
_FOLD = {char: to for chars, to in _FOLDS.items() for char in chars}
_FOLDED = re.compile(f"[{''.join(_FOLD)}]").sub


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels: `units` are septets in GSM-7, UTF-16 code units in UCS-2."""

    alphabet: Literal["GSM-7", "UCS-2"]
    units: int
    count: int


def segments(text: str) -> Segments:
    """The alphabet a text needs and the segments it takes; an empty text takes none.

    An escaped character and a surrogate pair never lie across two segments, so the last place of
    a segment may stay empty.
    """
    if _GSM(text):
        doubled = len(_ESCAPED(text))
        units, alone, together = len(text) + doubled, 160, 153
        alphabet: Literal["GSM-7", "UCS-2"] = "GSM-7"
        wide = _EXTENSION
    else:
        doubled = len(_ASTRAL(text))
        units, alone, together = len(text) + doubled, 70, 67
        alphabet, wide = "UCS-2", ""
    if units <= alone:
        return Segments(alphabet, units, 1 if units else 0)
    if not doubled:
        return Segments(alphabet, units, -(-units // together))
    costs = [2 if char in wide or char > "\uffff" else 1 for char in text]
    return Segments(alphabet, units, _pack(costs, together))


def _pack(costs: list[int], room: int) -> int:
    count, left = 0, 0
    for cost in costs:
        if cost > left:
            count, left = count + 1, room
        left -= cost
    return count


def fold(text: str) -> str:
    """The same text in GSM-7 where that loses nothing and saves segments; else as it is.

    Smart quotes, dashes, no-break spaces and ellipses become their plain forms, and letters typed
    with a separate accent become one letter. A text that needs UCS-2 for anything else (an emoji,
    a letter such as ł) keeps its typography.
    """
    if _GSM(text):
        return text
    folded = _FOLDED(lambda found: _FOLD[found[0]], unicodedata.normalize("NFC", text))
    if _GSM(folded) and segments(folded).count <= segments(text).count:
        return folded
    return text
