"""Records made by a second process, while this one is at other things or takes them in."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from queue import Queue
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 1_000
"""So many records travel together."""

AHEAD_MAX = 100
"""So many of these are made before anybody takes them; then the other process waits."""


class Beside(Generic[T]):
    """What `make` makes, in its order; what it raises, too. There it is imported by its name.

    The other process begins at once, and ends when everything was taken, or with `close`. With
    `nice` it lets others go first. Taking raises RuntimeError where it ended without a word, as
    when it was killed.
    """

    def __init__(self, make: Callable[[], Iterable[T]], *, nice: int = 0) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_make, args=(make, theirs, nice), daemon=True)
        self._process.start()
        theirs.close()

    def __iter__(self) -> Iterator[T]:
        try:
            while isinstance(some := self._received(), list):
                yield from some
            if isinstance(some, Exception):
                raise some
        finally:
            self.close()

    def close(self) -> None:
        """Nobody needs any more."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def _received(self) -> object:
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"the process that makes records ended with exit code {self._process.exitcode}"
            ) from None


def _make(make: Callable[[], Iterable[T]], pipe: "Connection[Any, Any]", nice: int) -> None:
    os.nice(nice)
    made: Queue[Any] = Queue(AHEAD_MAX)
    sending = Thread(target=_send, args=(made, pipe))
    sending.start()
    try:
        records = iter(make())
        while some := list(islice(records, AT_ONCE)):
            made.put(ForkingPickler.dumps(some))
        made.put(ForkingPickler.dumps(None))
    except Exception as error:
        made.put(ForkingPickler.dumps(error))
    made.put(None)
    sending.join()


def _send(made: "Queue[Any]", pipe: "Connection[Any, Any]") -> None:
    try:
        while (some := made.get()) is not None:
            pipe.send_bytes(some)
    except BrokenPipeError:
        os._exit(0)  # nobody is there any more; whoever makes records may wait for a place
