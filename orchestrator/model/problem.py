"""A problem in a file that a person wrote: where it is, what is wrong, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.what}" + (f" ({self.fix})" if self.fix else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix that names the nearest known word, or the known words where none is near.

    >>> did_you_mean("lifecyle", ["lifecycle", "kids"])
    'did you mean "lifecycle"?'
    >>> did_you_mean("zzz", ["a", "b"])
    'known: a, b'
    >>> did_you_mean("price", ["total price", "unit price"])  # either may be meant
    'known: total price, unit price'
    """
    words = sorted(known)
    if sum(word.lower() in candidate.lower().split() for candidate in words) > 1:
        return "known: " + ", ".join(words)
    folded = {candidate.lower(): candidate for candidate in words}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{folded[near[0]]}"?'
    if not words:
        return ""
    return "known: " + ", ".join(words[:12]) + (" …" if len(words) > 12 else "")


def or_near(what: str, word: str, known: Iterable[str]) -> str:
    """What is wrong about a word, with the fix where there is one.

    >>> or_near("there is no campaign 'kits'", "kits", ["lifecycle", "kids"])
    'there is no campaign \'kits\'; did you mean "kids"?'
    >>> or_near("there is no campaign 'kits'", "kits", [])
    "there is no campaign 'kits'"
    """
    near = did_you_mean(word, known)
    return f"{what}; {near}" if near else what
