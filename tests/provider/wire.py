"""What both servers are made of: a connection that reads requests one by one and may misbehave."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from tests.provider.book import Book
from tests.provider.faults import Dice

_READ_BYTES = 64 * 1024
HEARD_BYTES_MAX = 64 * 1024 * 1024


class Desk:
    """What all connections of one provider share."""

    def __init__(self, book: Book, dice: Dice) -> None:
        self.book = book
        self.dice = dice
        self.faulted: Counter[str] = Counter()
        """How often each fault has struck, by its kind."""
        self.bugs: list[BaseException] = []
        """What went wrong in the provider itself; a test that used it must find none."""
        self.lines: set[Line] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that outlives the connection it came from, as a late acceptance does."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.bugs.append(task.exception())  # type: ignore[arg-type]

    async def close(self) -> None:
        """Cut off every connection and forget what was still to be done."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for line in list(self.lines):
            line.drop()
        while self.lines:
            await asyncio.sleep(0)


class Line(asyncio.Protocol):
    """One connection. `step` reads one thing from `buffer` at `at`, or returns False for more.

    Answers wait in `answers` until all that came in one read has been looked at: then the log is
    written, and after it, in one go, the answers.
    """

    transport: asyncio.Transport

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.buffer = b""
        self.at = 0
        self.answers: list[bytes] = []
        self.busy = False
        """An answer is being held back; what comes meanwhile waits."""
        self.over = False
        """Cut off or closed, by either side: nothing further is read."""
        self.gone = asyncio.Event()

    def step(self) -> bool:
        """Read one request, or line. False: it is not all here yet."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # A read of asyncio's own size is mapped and unmapped by the kernel each time.
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]
        self.desk.lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = self.busy = True
        self.gone.set()
        self.desk.lines.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        self.go_on()
        if len(self.buffer) > HEARD_BYTES_MAX:
            self.drop()

    def go_on(self) -> None:
        """Read on until something is missing or an answer is held back; then say it all."""
        try:
            while not self.busy and self.step():
                pass
        except Exception as error:
            # Whatever a client does, the provider goes on; the test will ask for this.
            self.desk.bugs.append(error)
            self.drop()
        if self.at:
            self.buffer = self.buffer[self.at :]
            self.at = 0
        self.say()

    def say(self) -> None:
        """Write the log, then the answers."""
        self.desk.book.flush()
        if self.answers:
            if not self.transport.is_closing():
                self.transport.write(b"".join(self.answers))
            self.answers.clear()

    def hold(self, work: Coroutine[Any, Any, None]) -> None:
        """Read no further on this connection until the work is done."""
        self.busy = True
        self.desk.start(self._then_go_on(work))

    async def _then_go_on(self, work: Coroutine[Any, Any, None]) -> None:
        await work
        self.busy = self.over
        self.go_on()

    def drop(self) -> None:
        """Cut off, saying nothing further; what was accepted stays accepted."""
        self.desk.book.flush()
        self.over = self.busy = True
        self.answers.clear()
        self.transport.abort()

    def hang_up(self) -> None:
        """Say what there is to say, then close."""
        self.say()
        self.over = self.busy = True
        self.transport.close()
