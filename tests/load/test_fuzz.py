"""Whatever a person does to a good file, they are told of it, and nothing breaks."""

import re
import string
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.flow.load import load, revive, revive_settings
from orchestrator.flow.load.read import read_yaml
from tests.load.shop_folder import CAMPAIGN, GOOD, SHOP, write

PIECES = st.sampled_from(
    [
        *("", " ", "  ", "\n", "\t", "\n\n", ": ", "- ", "[", "]", "{", "}", ",", "#", "'", '"'),
        *("|", ">", "&a ", "*a", "!x ", "!!int ", "---\n", "...\n", "%", "@", "`", "?", "<<: "),
        *("null", "~", "true", "no", "NO", "0", "-1", "1.10", "1e999", ".inf", "22:00", "9" * 400),
        *("purpose", "all:", "none: []", "trait: kids", "is: yes", "event: x", "wait: 1d"),
        *("{trait: kids, is: [[]]}", "[{}]", "{a: {b: {c: 1}}}", "é", "\u202e", "\ud7ff", "\x00"),
    ]
) | st.text(string.printable, max_size=8)


@st.composite
def mangled(draw: st.DrawFn, good: str) -> str:
    """A good file with a few places cut out, doubled, moved or overwritten."""
    text = good
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        cut = text[start:end]
        put = draw(PIECES | st.just(cut + cut))
        at = draw(st.just(start) | st.integers(0, len(text) - len(cut)))
        rest = text[:start] + text[end:]
        text = rest[:at] + put + rest[at:]
    return text


@settings(max_examples=60)
@given(campaign=mangled(CAMPAIGN), shop=st.just(SHOP) | mangled(SHOP))
def test_told_and_never_broken(campaign: str, shop: str) -> None:
    with TemporaryDirectory() as folder:
        files = {
            **GOOD,
            "campaigns/shop.yaml": shop,
            "campaigns/cart/campaign.yaml": campaign,
        }
        loaded = load(write(Path(folder), files), installed={"outbox"})
    texts = {name: re.split(r"\r\n?|\n", text) for name, text in files.items()}
    for problem in (*loaded.problems, *loaded.warnings):
        assert problem.what
        if problem.line:
            lines = texts[problem.file]
            assert problem.line <= len(lines)
            assert problem.column <= len(lines[problem.line - 1]) + 1
    if not loaded.problems:
        (version,) = loaded.versions
        again = revive("cart", version.files, revive_settings(version.settings.files))
        assert again == version


@settings(max_examples=300)
@given(text=mangled(CAMPAIGN) | st.text())
def test_any_text_is_read_or_told_of(text: str) -> None:
    document = read_yaml(text, "f")
    assert document.value is not None or document.problems
    for problem in document.problems:
        assert problem.line <= text.count("\n") + 2
