"""Several requests at once, each on a lane with a connection of its own."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Closes(Protocol):
    """What a lane is made of."""

    def close(self) -> None:
        """Hang up; idempotent."""


L = TypeVar("L", bound=Closes)


class Lanes(Generic[L]):
    """`make` makes one lane. One thread at a time has a lane; the caller's own thread has the
    first, so that little work needs no thread at all."""

    def __init__(self, make: Callable[[], L], most: int) -> None:
        self._make = make
        self._most = most
        self._lanes: list[L] = []
        self._threads: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Hang up everywhere. Idempotent; `run` opens what it needs again."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        for lane in self._lanes:
            lane.close()

    def first(self) -> L:
        """A lane for a question by the way."""
        return self._lane(0)

    def run(self, work: Sequence[T], do: Callable[[L, T], R]) -> list[R]:
        """What `do` makes of each piece, in order. An exception of one ends all."""
        results: dict[int, R] = {}
        waiting = deque(enumerate(work))

        def travel(lane: L) -> None:
            while True:
                try:
                    place, piece = waiting.popleft()
                except IndexError:
                    return
                try:
                    results[place] = do(lane, piece)
                except BaseException:
                    waiting.clear()
                    raise

        others = [self._lane(number) for number in range(1, min(self._most, len(work)))]
        futures = []
        if others:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._most - 1, "lane")
            futures = [self._threads.submit(travel, lane) for lane in others]
        try:
            travel(self._lane(0))
        finally:
            wait(futures)
        for future in futures:
            future.result()
        return [results[place] for place in range(len(work))]

    def _lane(self, number: int) -> L:
        while len(self._lanes) <= number:
            self._lanes.append(self._make())
        return self._lanes[number]
