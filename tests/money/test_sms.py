import unicodedata
from pathlib import Path

import pytest
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import sms
from orchestrator.model.sms import Segments, fold, segments

# 3GPP TS 23.038, 6.2.1 and 6.2.1.1, typed row by row and not taken from the module under test.
GSM = set(
    "@Δ 0¡P¿p£_!1AQaq$Φ\"2BRbr¥Γ#3CScsèΛ¤4DTdtéΩ%5EUeuùΠ&6FVfvìΨ'7GWgwòΣ(8HXhx"
    "ÇΘ)9IYiy\nΞ*:JZjzØ+;KÄkäøÆ,<LÖlö\ræ-=MÑmñÅß.>NÜnüåÉ/?O§oà"
)
ESCAPED = set("\f^{}\\[~]|€")


def naive(text: str) -> tuple[str, int]:
    """Put one character after the other into the segment that has room for it."""
    gsm = set(text) <= GSM | ESCAPED
    costs = [
        (2 if char in ESCAPED else 1)
        if gsm
        else len(char.encode("utf-16-le", "surrogatepass")) // 2
        for char in text
    ]
    alone, room = (160, 153) if gsm else (70, 67)
    alphabet = "GSM-7" if gsm else "UCS-2"
    if sum(costs) <= alone:
        return alphabet, min(len(costs), 1)
    parts = [0]
    for cost in costs:
        if parts[-1] + cost > room:
            parts.append(0)
        parts[-1] += cost
    return alphabet, len(parts)


mixed = st.text(alphabet=st.sampled_from("ab é€^|{—’\u00a0\u202f…ł😀\n"), max_size=330) | st.builds(
    lambda char, n, tail: char * n + tail,
    st.sampled_from("a€é😀ł’"),
    st.integers(0, 400),
    st.text(max_size=3),
)


def test_the_alphabet_has_128_places() -> None:
    assert len(GSM) == 127  # the 128th is the escape itself
    assert len(ESCAPED) == 10


@given(mixed)
def test_segments_agree_with_the_naive_count(text: str) -> None:
    counted = segments(text)
    assert (counted.alphabet, counted.count) == naive(text)


@given(st.text(max_size=200))
def test_any_text_is_counted(text: str) -> None:
    counted = segments(text)
    assert (counted.alphabet, counted.count) == naive(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 0, 0)),
        ("a" * 160, Segments("GSM-7", 160, 1)),
        ("a" * 161, Segments("GSM-7", 161, 2)),
        ("a" * 306, Segments("GSM-7", 306, 2)),
        ("a" * 307, Segments("GSM-7", 307, 3)),
        ("€" * 80, Segments("GSM-7", 160, 1)),
        # 153 is odd: each segment holds 76 escaped characters and one place stays empty.
        ("€" * 153, Segments("GSM-7", 306, 3)),
        ("ł" * 70, Segments("UCS-2", 70, 1)),
        ("ł" * 71, Segments("UCS-2", 71, 2)),
        ("😀" * 35, Segments("UCS-2", 70, 1)),
        ("😀" * 67, Segments("UCS-2", 134, 3)),
    ],
)
def test_boundaries(text: str, expected: Segments) -> None:
    assert segments(text) == expected


PLAIN = {"…": "...", "•": "*", "⁄": "/", "×": "x"}


@given(mixed | st.text(max_size=100))
def test_folding_loses_nothing_and_never_costs_more(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert segments(folded).count <= segments(text).count
    if folded != text:
        assert segments(folded).alphabet == "GSM-7"
        assert letters(folded) == letters(text)


def letters(text: str) -> list[str]:
    """What may not change: letters, digits and signs, with typography taken out."""
    composed = unicodedata.normalize("NFC", text).replace("×", "x")
    return [
        char for char in composed if unicodedata.category(char)[0] in "LNS" and char not in "⁄`´ʼ"
    ]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ann’s “deal” – now…", 'Ann\'s "deal" - now...'),
        ("12,49\u00a0€", "12,49 €"),
        ("1\u202f234,50\u00a0€", "1 234,50 €"),
        ("Cafe\u0301 crème", "Café crème"),
        ("soft\u00adhyphen", "softhyphen"),
        ("Crème brûlée – 3\u00a0€", "Crème brûlée – 3\u00a0€"),  # û keeps it in UCS-2 anyway
        ("Łukasz’s", "Łukasz’s"),
        ("👍 “yes”", "👍 “yes”"),
        ("plain", "plain"),
    ],
)
def test_folds(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("locale", "currency"), [("de_DE", "EUR"), ("fr_FR", "EUR"), ("en_US", "USD")]
)
def test_money_as_babel_writes_it_stays_in_one_segment(locale: str, currency: str) -> None:
    text = "x" * 100 + format_currency(1234567, currency, locale=locale)
    assert segments(fold(text)) == Segments("GSM-7", segments(fold(text)).units, 1)


def test_the_source_shows_what_it_folds() -> None:
    """Invisible characters stand in the module as escapes, so that a reviewer sees them."""
    source = Path(sms.__file__).read_text(encoding="utf-8")
    assert not [
        c for c in source if unicodedata.category(c) in {"Zs", "Cf", "Zl", "Zp"} and c != " "
    ]
