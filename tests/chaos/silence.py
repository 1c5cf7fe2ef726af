"""Silences of a trial: how long nothing reached the provider while something was due; and why."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos.looks import Look, Stored

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Silence:
    """From one moment to another; for how many seconds each thing stood in the way."""

    from_ns: int
    to_ns: int
    why: Counter[str] = field(default_factory=Counter)

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.to_ns - self.from_ns) / _NS


def silences(looks: Sequence[Look], times: Sequence[int], until_ns: int) -> list[Silence]:
    """Every span without any acceptance in which something was due all the time.

    `times`: when the provider took messages, in order. Where the database did not answer, what was
    due before is due still.
    """
    found: list[Silence] = []
    begun: int | None = None
    why: Counter[str] = Counter()
    seen: Stored | None = None

    def ends(at_ns: int) -> None:
        nonlocal begun, why
        if begun is not None:
            found.append(Silence(begun, at_ns, why))
        begun, why = None, Counter()

    for look, after in pairwise(looks):
        if look.at_ns >= until_ns:
            break
        seen = look.stored or seen
        if seen is None or not owed(seen):
            ends(look.at_ns)
            continue
        begun = look.at_ns if begun is None else begun
        at_ns = look.at_ns
        for taken in _between(times, look.at_ns, after.at_ns):
            why[reason(look, seen)] += taken - at_ns
            ends(taken)
            begun = at_ns = taken
        why[reason(look, seen)] += after.at_ns - at_ns
    if begun is not None:
        ends(min(until_ns, looks[-1].at_ns))
    return [Silence(s.from_ns, s.to_ns, _seconds(s.why)) for s in found]


def _seconds(why: Counter[str]) -> Counter[str]:
    return Counter({what: round(ns / _NS, 1) for what, ns in why.items()})  # type: ignore[arg-type]


def _between(times: Sequence[int], from_ns: int, to_ns: int) -> Iterable[int]:
    return times[bisect_right(times, from_ns) : bisect_right(times, to_ns)]


def owed(stored: Stored) -> bool:
    """Whether anything might leave: it is due and not stopped, or somebody has it in hand."""
    if any(name.startswith("provider ") for name in stored.paused):
        return False
    return bool(stored.due or stored.claimed)


def reason(look: Look, seen: Stored) -> str:
    """What stands in the way, the plainest thing first."""
    return next(_reasons(look, seen))


def _reasons(look: Look, seen: Stored) -> Iterator[str]:
    queues = look.queues or {}
    if look.stored is None:
        yield "the database is away"
    if not look.provider:
        yield "the provider is away"
    if seen.due and seen.due.keys() <= seen.open_s.keys():
        yield "breaker open"
    if not any("send" in name for name in look.ready):
        yield "no sending worker is up yet"
    if look.queues is None:
        yield "Redis is away"
    if seen.due and seen.due.keys() <= seen.open_s.keys() | set(seen.half):
        yield "breaker half open"
    if seen.waits_s > 1:
        yield "somebody waits for a lock"
    if not seen.due:
        yield "in the hands of one who stands still" if look.stopped else "in somebody's hands"
    if seen.due.keys() <= set(seen.no_credit):
        yield "second attempts without credit"
    if any(queues.get(f"dispatch.{name}") for name in seen.due):
        yield "hints wait for a hand"
    yield "nobody was called, or all are at it"


def told(found: Iterable[Silence], began_ns: int, longer_than_s: float) -> Iterator[str]:
    """A line for each that was long."""
    for one in found:
        if one.seconds > longer_than_s:
            why = ", ".join(f"{what} {s:.1f} s" for what, s in one.why.most_common())
            yield f"{(one.from_ns - began_ns) / _NS:8.1f} s: silent for {one.seconds:.1f} s: {why}"
