"""What was done in a trial, and when: what the provider's log is held against."""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from tests.chaos.looks import Look

ALL = "*"


@dataclass(slots=True)
class Fault:
    """One disaster: when it struck, and from when on all that it had struck was there again.

    Of what was killed and is started again by a supervisor that is the same moment.
    """

    kind: str
    at_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class OptOut:
    """From `at_ns` on it was committed, at the latest. `topic` may be `*`."""

    customer: str
    channel: str
    topic: str
    at_ns: int


@dataclass(slots=True)
class Stop:
    """A pause: asked for, committed, and from when on resuming may have been committed."""

    scope: str
    name: str
    asked_ns: int
    at_ns: int
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was committed at `at_ns`, at the latest."""

    key: str
    name: str
    customer: str
    at_ns: int


@dataclass
class Diary:
    """Written by several threads."""

    faults: list[Fault] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    events: list[Happened] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    """What stood in the way of the next message, twice a second."""
    restarts: Counter[str] = field(default_factory=Counter)
    began_ns: int = 0
    calm_ns: int = 0
    """From when on nothing more went wrong."""
    ended_ns: int = 0
    _turn: Lock = field(default_factory=Lock)

    def struck(self, fault: Fault) -> None:
        """A disaster has struck."""
        with self._turn:
            self.faults.append(fault)

    def restarted(self, what: str) -> None:
        """A process was started again."""
        with self._turn:
            self.restarts[what] += 1

    @property
    def kills(self) -> int:
        """Processes that were killed by kill -9."""
        return sum(fault.kind.startswith("kill") for fault in self.faults)
