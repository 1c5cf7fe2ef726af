"""The provider whole: both servers, the log and the callbacks on one event loop."""

import asyncio
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests.provider.book import Book, Draft
from tests.provider.callbacks import About, Callback, Callbacks, Caller
from tests.provider.faults import Dice, Faults
from tests.provider.http_server import HttpLine
from tests.provider.log import instant
from tests.provider.smtp_server import SmtpLine
from tests.provider.wire import Desk

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    """How a provider is started. Port 0: a free one."""

    log: Path
    http_port: int = 0
    smtp_port: int = 0
    faults: Faults = field(default_factory=Faults)
    callbacks: Callbacks = field(default_factory=Callbacks)
    idempotent: bool = False
    """A second message with an Idempotency-Key already seen is answered with the first."""
    counting: bool = False
    """A sink for benchmarks: writes down numbers, times and stable ids alone."""


class Provider:
    """Runs on the loop that starts it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.book = Book(options.log, idempotent=options.idempotent, counting=options.counting)
        self.desk = Desk(self.book, Dice(options.faults))
        self.http_port = 0
        self.smtp_port = 0
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen. Clients may connect as soon as this has returned."""
        loop = asyncio.get_running_loop()
        self.caller = Caller(self._options.callbacks)
        self.desk.start(self.caller.run())
        http, self.http_port = _listen(self._options.http_port)
        smtp, self.smtp_port = _listen(self._options.smtp_port)
        self._servers = [
            await loop.create_server(lambda: HttpLine(self.desk, self._accepted), sock=http),
            await loop.create_server(lambda: SmtpLine(self.desk), sock=smtp),
        ]

    async def stop(self) -> None:
        """Cut everyone off; the log is whole."""
        for server in self._servers:
            server.close()
        await self.desk.close()
        for server in self._servers:
            await server.wait_closed()
        self.book.close()

    def script(self, faults: Faults) -> None:
        """From the next message on; counting starts again."""
        self.desk.dice = Dice(faults)

    def call(self, one: Callback) -> None:
        """Make a callback soon, on top of those by chance."""
        self.caller.call(one)

    def _accepted(self, draft: Draft, ref: str) -> None:
        at = draft.now or instant(draft.received_ns).isoformat()
        about = About(ref, draft.to, draft.message_id, draft.attempt_id, draft.callback)
        self.caller.accepted(about, at)


def _listen(port: int) -> tuple[socket.socket, int]:
    """A provider that is started again takes its old port at once."""
    listener = socket.create_server((HOST, port), backlog=1024)
    listener.setblocking(False)
    bound: int = listener.getsockname()[1]
    return listener, bound
