"""A provider's bad days: which message meets which, scripted or by chance, as one printable line.

    half_open#17, rate_limited:30@+12125550100#1-3, accept_then_drop~0.04, slow:0.2~0.1

reads: the 17th message of all is never answered; the first three to that number are told to come
back in 30 seconds; 4 % of the requests are taken and then cut off; 10 % are answered 0.2 s late.
The first clause that fits a message is the one it meets; scripted ones come before chance.

Chance is a hash of the seed and the message's name, so that the same messages meet the same
faults in whatever order threads and processes send them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Self
from urllib.parse import quote, unquote


class Kind(StrEnum):
    """What goes wrong: over HTTP; over SMTP."""

    # Refused, and said so.
    rate_limited = "rate_limited"  # 429 with Retry-After; 450 at RCPT. Value: seconds
    refuse = "refuse"  # 400 or the status in the value; 550 at RCPT
    refuse_content = "refuse_content"  # 422; 554 after the dot
    error = "error"  # 500; 451 after the dot
    unavailable = "unavailable"  # 503; 421 at RCPT
    # Neither refused nor plainly answered.
    accept_then_error = "accept_then_error"  # taken, then 500; 421 after the dot
    garbled = "garbled"  # taken, then a 201 that nobody can read; a senseless line
    accept_then_drop = "accept_then_drop"  # taken, then cut off without an answer
    drop = "drop"  # heard whole, not taken, cut off
    drop_early = "drop_early"  # as `drop`; cut off at RCPT
    half_open = "half_open"  # neither taken nor answered nor cut off
    late = "late"  # taken, and answered, only after the value in seconds
    slow = "slow"  # taken at once, answered after the value in seconds


DEFAULTS = {Kind.rate_limited: 1.0, Kind.refuse: 400.0, Kind.late: 1.0, Kind.slow: 0.1}
_REFUSALS = frozenset(
    {Kind.rate_limited, Kind.refuse, Kind.refuse_content, Kind.error, Kind.unavailable}
)
"""Met by chance, these strike a message; the others strike a whole request."""

_CLAUSE = re.compile(
    r"(?P<kind>[a-z_]+)(:(?P<value>[\d.e+-]+))?(~(?P<rate>[\d.e+-]+))?"
    r"(@(?P<to>[^#]+))?(#(?P<first>\d+)(?P<range>-(?P<last>\d*))?)?"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a script. Without a rate it always strikes what it fits."""

    kind: Kind
    value: float | None = None
    """Seconds, or the status of `refuse`; None: as in `DEFAULTS`."""
    rate: float | None = None
    to: str | None = None
    """Only messages to this address."""
    first: int | None = None
    """Only from this message on, counted from 1: of those to the address, else of all."""
    last: int | None = None

    def __str__(self) -> str:
        text = str(self.kind)
        if self.value is not None:
            text += f":{self.value!r}"
        if self.rate is not None:
            text += f"~{self.rate!r}"
        if self.to is not None:
            text += "@" + quote(self.to, safe="@+")
        if self.first is not None:
            text += f"#{self.first}"
            if self.last != self.first:
                text += f"-{'' if self.last is None else self.last}"
        return text

    @property
    def amount(self) -> float:
        """The value, or what it is without one."""
        return DEFAULTS.get(self.kind, 0.0) if self.value is None else self.value

    def fits(self, to: str, of_all: int, of_recipient: int) -> bool:
        """Is a message to this address, the so-and-so-many-th, meant?"""
        if self.to is not None and self.to != to:
            return False
        ordinal = of_all if self.to is None else of_recipient
        return (self.first is None or self.first <= ordinal) and (
            self.last is None or ordinal <= self.last
        )


@dataclass(frozen=True, slots=True)
class Faults:
    """A whole script with its seed. `str` prints it, `parse` reads it."""

    clauses: tuple[Clause, ...] = ()
    seed: int = 0

    def __str__(self) -> str:
        return ", ".join(map(str, self.clauses))

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Self:
        """Raises ValueError, naming the clause that makes no sense."""
        parts = [part.strip() for part in text.split(",")]
        return cls(tuple(_clause(part) for part in parts if part), seed)


def _clause(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text)
    if match is None or match["kind"] not in Kind.__members__:
        raise ValueError(f"no fault: {text!r}; known are {', '.join(Kind)}")
    first = int(match["first"]) if match["first"] else None
    last = int(match["last"]) if match["last"] else None
    rate = float(match["rate"]) if match["rate"] else None
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError(f"a rate lies between 0 and 1: {text!r}")
    return Clause(
        Kind(match["kind"]),
        float(match["value"]) if match["value"] else None,
        rate,
        unquote(match["to"]) if match["to"] else None,
        first,
        last if match["range"] else first,
    )


class Dice:
    """Faults at work: counts what was heard, and says what each message meets."""

    def __init__(self, faults: Faults) -> None:
        self._scripted = [one for one in faults.clauses if one.rate is None]
        self._each = [one for one in faults.clauses if _by_chance(one, refusal=True)]
        self._whole = [one for one in faults.clauses if _by_chance(one, refusal=False)]
        self._seed = faults.seed
        self._heard = 0
        self._to: Counter[str] = Counter()
        self._named: Counter[str] = Counter()
        self.calm = not faults.clauses
        """Nothing ever goes wrong."""

    def draw(self, messages: Sequence[tuple[str, str]]) -> list[Clause | None]:
        """What each message of one request – its address and its name – meets."""
        places: list[tuple[str, int, int]] = []
        met: list[Clause | None] = []
        for to, name in messages:
            self._heard += 1
            self._to[to] += 1
            self._named[name] += 1
            places.append((to, self._heard, self._to[to]))
            met.append(self._meets(name, places[-1]))
        name = messages[0][1] if messages else ""
        for clause in self._strikes(self._whole, name, "whole"):
            fitting = [n for n, place in enumerate(places) if clause.fits(*place)]
            if fitting:
                place = fitting[int(self._chance(name, "where") * len(fitting))]
                met[place] = met[place] or clause
        return met

    def _meets(self, name: str, place: tuple[str, int, int]) -> Clause | None:
        for clause in self._scripted:
            if clause.fits(*place):
                return clause
        for clause in self._strikes(self._each, name, "each"):
            if clause.fits(*place):
                return clause
        return None

    def _strikes(self, clauses: Sequence[Clause], name: str, what: str) -> Sequence[Clause]:
        """The clause whose share of the whole the draw falls into, if any."""
        if not clauses:
            return ()
        drawn = self._chance(name, what)
        for clause in clauses:
            drawn -= clause.rate or 0.0
            if drawn < 0:
                return (clause,)
        return ()

    def _chance(self, name: str, what: str) -> float:
        """Evenly from 0 to 1. The same name heard again draws again."""
        text = f"{self._seed}/{what}/{name}/{self._named[name]}"
        return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48


def _by_chance(clause: Clause, refusal: bool) -> bool:
    return clause.rate is not None and (clause.kind in _REFUSALS) == refusal


def always(kind: Kind, value: float | None = None) -> Faults:
    """Every message meets this."""
    return Faults((Clause(kind, value),))
