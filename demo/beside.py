"""Records made by a second process, while this one takes them in."""

from collections.abc import Callable, Generator, Iterable
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 1_000
"""So many travel together. The other process waits when nobody takes them."""


def beside(make: Callable[[], Iterable[T]]) -> Generator[T, None, None]:
    """What `make` makes, in its order; what it raises, too. There it is imported by its name.

    Raises RuntimeError where the other process ended without a word, as when it was killed.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_make, args=(make, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        while isinstance(some := _received(ours, process), list):
            yield from some
        if isinstance(some, Exception):
            raise some
    finally:
        ours.close()
        process.terminate()
        process.join()


def _received(pipe: "Connection[object, object]", process: BaseProcess) -> object:
    try:
        return pipe.recv()
    except EOFError:
        process.join()
        raise RuntimeError(
            f"the process that makes records ended with exit code {process.exitcode}"
        ) from None


def _make(make: Callable[[], Iterable[T]], pipe: "Connection[object, object]") -> None:
    try:
        made = iter(make())
        while some := list(islice(made, AT_ONCE)):
            pipe.send(some)
        pipe.send(None)
    except BrokenPipeError:
        pass  # nobody wants any more
    except Exception as error:
        pipe.send(error)
