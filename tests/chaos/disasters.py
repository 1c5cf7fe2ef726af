"""What strikes while messages leave: by chance, from a seed."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Event
from time import monotonic, time_ns

import redis as client

from tests.chaos.diary import Diary, Fault
from tests.chaos.fleet import Fleet, Hand
from tests.servers import Postgres, Redis

EVERY_S = (0.8, 2.2)
WORKER, TICKER, PROVIDER = "worker", "ticker", "provider"

SOMETIMES: Mapping[str, float] = {
    "kill child": 30,
    "stop child": 10,
    "stop child long": 4,
    "kill worker": 10,
    "kill ticker": 8,
    "empty redis": 14,
    "kill redis": 6,
    "kill redis long": 1,
    "kill postgres": 4,
    "restart postgres": 4,
    "kill provider": 4,
}
"""How often each strikes, as shares."""

STOPPED_S = (5.0, 9.0)
"""Longer than a claim's lease."""
STOPPED_LONG_S = (20.0, 26.0)
"""Longer than the lease of what is being written."""
DOWN_S = (0.2, 2.5)
DOWN_LONG_S = (15.0, 25.0)
"""Until nobody has a hint in hand any more, and whoever waits for one goes on without."""


@dataclass
class Disasters:
    """Strikes until it is over; then everything runs again.

    `lease_s`: how long a worker may hold what it has claimed.
    """

    fleet: Fleet
    postgres: Postgres
    redis: Redis
    diary: Diary
    chance: Random
    shares: Mapping[str, float] = field(default_factory=lambda: SOMETIMES)
    every_s: tuple[float, float] = EVERY_S
    _stopped: list["_Stopped"] = field(default_factory=list)
    _without_redis: "tuple[Fault, float] | None" = None
    """Since what, and until when."""

    @property
    def stopped(self) -> int:
        """So many processes stand still."""
        return len(self._stopped)

    def strike(self, over: Event, until_s: float) -> None:
        """Until a moment of the monotonic clock, unless it is `over` before."""
        try:
            while not over.wait(self.chance.uniform(*self.every_s)) and monotonic() < until_s:
                self._go_on(lambda end_s: monotonic() >= end_s)
                if self.shares:
                    self.one(self.chance.choices(list(self.shares), list(self.shares.values()))[0])
        finally:
            self._go_on(lambda end_s: True)

    def all_once(self, kinds: Sequence[str], over: Event) -> None:
        """Each of some, one after the other."""
        try:
            for kind in kinds:
                if over.wait(self.chance.uniform(*self.every_s)):
                    break
                self._go_on(lambda end_s: monotonic() >= end_s)
                self.one(kind)
            while (self._stopped or self._without_redis) and not over.wait(0.1):
                self._go_on(lambda end_s: monotonic() >= end_s)
        finally:
            self._go_on(lambda end_s: True)

    def one(self, kind: str) -> None:
        """This one."""
        fault = Fault(kind, time_ns(), 0)
        if self._does(fault):
            fault.ended_ns = time_ns()
            self.diary.struck(fault)

    def _does(self, fault: Fault) -> bool:
        match fault.kind:
            case "kill child":
                return self._child(signal.SIGKILL) is not None
            case "stop child":
                return self._stop(fault, self.chance.uniform(*STOPPED_S))
            case "stop child long":
                return self._stop(fault, self.chance.uniform(*STOPPED_LONG_S))
            case "kill worker":
                return self._kill(WORKER)
            case "kill ticker":
                return self._kill(TICKER)
            case "kill provider":
                return self._kill(PROVIDER)
            case "empty redis" | "kill redis" | "kill redis long" if self._without_redis:
                return False
            case "empty redis":
                with client.Redis(port=self.redis.port, socket_timeout=5) as connection:
                    connection.flushall()
            case "kill redis":
                self.redis.kill()
                self._down()
                self.redis.start()
            case "kill redis long":
                self.redis.kill()
                self._without_redis = (fault, monotonic() + self.chance.uniform(*DOWN_LONG_S))
            case "kill postgres":
                self.postgres.kill()
                self._down()
                self.postgres.start()
            case "restart postgres":
                self.postgres.stop()
                self._down()
                self.postgres.start()
            case _:
                raise ValueError(f"no such disaster: {fault.kind}")
        return True

    def _down(self) -> None:
        Event().wait(self.chance.uniform(*DOWN_S))

    def _kill(self, prefix: str) -> bool:
        hands = self.fleet.of(prefix)
        return bool(hands) and self.fleet.tell(self.chance.choice(hands), signal.SIGKILL)

    def _child(self, how: signal.Signals) -> tuple[Hand, int] | None:
        """A child of a worker; those that are stopped already are let be."""
        still = {one.pid for one in self._stopped}
        found = [
            (hand, pid)
            for hand in self.fleet.of(WORKER)
            for pid in hand.children()
            if pid not in still
        ]
        if not found:
            return None
        hand, pid = self.chance.choice(found)
        return (hand, pid) if self.fleet.tell_child(hand, pid, how) else None

    def _stop(self, fault: Fault, seconds: float) -> bool:
        found = self._child(signal.SIGSTOP)
        if found is not None:
            self._stopped.append(_Stopped(fault, monotonic() + seconds, *found))
        return found is not None

    def _go_on(self, is_time: Callable[[float], bool]) -> None:
        due = [one for one in self._stopped if is_time(one.until_s)]
        self._stopped = [one for one in self._stopped if one not in due]
        for one in due:
            self.fleet.tell_child(one.hand, one.pid, signal.SIGCONT)
            one.fault.ended_ns = time_ns()
        if self._without_redis and is_time(self._without_redis[1]):
            fault, _ = self._without_redis
            self._without_redis = None
            self.redis.start()
            fault.ended_ns = time_ns()


@dataclass(frozen=True, slots=True)
class _Stopped:
    fault: Fault
    until_s: float
    hand: Hand
    pid: int
