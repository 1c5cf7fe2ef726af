"""How many segments of a text message a provider bills.

Sources: 3GPP TS 23.038 (GSM 7-bit alphabet, extension table) and TS 23.040 (concatenation). The
engine counts by itself, before any channel is asked; the tests hold both to the same numbers, and
to those of a library of strangers.
"""

import re

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = "\f^{}\\[~]|€"
_is_gsm = re.compile(f"[{re.escape(_BASIC + _ESCAPED)}]*").fullmatch
# Whatever takes two places: behind an escape, or a surrogate pair.
_WIDE_GSM = re.compile(f"[{re.escape(_ESCAPED)}]")
_WIDE_UCS2 = re.compile("[\U00010000-\U0010ffff]")


def segments(text: str) -> int:
    """At least one. What takes two places never lies across two segments."""
    wide, alone, together = (_WIDE_GSM, 160, 153) if _is_gsm(text) else (_WIDE_UCS2, 70, 67)
    places = len(text) + sum(1 for _ in wide.finditer(text))
    if places <= alone:
        return 1
    count, start = 0, 0
    while start < len(text):
        piece = text[start : start + together]
        over = len(piece) + sum(1 for _ in wide.finditer(piece)) - together
        while over > 0:
            over -= 2 if wide.fullmatch(piece[-1]) else 1
            piece = piece[:-1]
        count, start = count + 1, start + len(piece)
    return count
