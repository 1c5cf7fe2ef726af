"""An HTTP server on a thread that plays a vendor, and fails when it is told to."""

import json
import socket
import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Self
from urllib.parse import urlsplit

from tests.emulator.described import Asked, faults, has_vendors, vendors_faults

HOST = "127.0.0.1"
JOIN_S = 10.0


class Fault(Enum):
    """What a request that would send something can meet."""

    limited = "429, to come back in 7 seconds; nothing taken"
    error = "500; nothing taken"
    error_after = "taken, then 500"
    unavailable = "503; nothing taken"
    drop = "read, not taken, cut off without an answer"
    drop_after = "taken, then cut off without an answer"
    silence = "taken, and never answered"
    unreadable = "taken, then a 2xx that nobody can read"
    nameless = "taken, then a 2xx without a name for the message"
    cut_short = "taken, then half an answer"


NOT_TAKEN = frozenset({Fault.limited, Fault.error, Fault.unavailable, Fault.drop})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the vendor."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Callback:
    """A report of the vendor, signed and ready to be made, tampered with, or made twice."""

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


class Emulator:
    """Subclasses say what the vendor does. Use it as a context manager.

    Whatever is not as described is refused and kept in `violations`, which the end of the block
    asserts to be empty.
    """

    vendor: str

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.now = datetime.now(UTC)
        """Of the vendor's clock, which stands still."""
        self.connections = 0
        self.struck: Counter[Fault] = Counter()
        self._waiting: deque[Fault] = deque()
        self._replies: deque[Reply] = deque()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self._server.daemon_threads = False
        self._sockets: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self.violations == [], self.violations
        if has_vendors():
            assert vendors_faults(self.vendor, self.asked) == []

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://{HOST}:{self._server.server_port}"

    def stop(self) -> None:
        """Hang up on everybody. Idempotent."""
        if self._thread.is_alive():
            self._released.set()
            self._server.shutdown()
            self.hang_up()
            self._thread.join(JOIN_S)
        self._server.server_close()

    def hang_up(self) -> None:
        """Close the connections that are open."""
        with self._lock:
            for one in self._sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def meet(self, *wanted: Fault) -> None:
        """What the next requests that would send something meet, one after the other."""
        self._waiting.extend(wanted)

    def refuse(self, status: int, body: Any, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer the next request that would send something like this, and take nothing."""
        self._replies.append(Reply(status, body, headers))

    def handle(self, asked: Asked) -> Reply:
        """What the vendor answers, and keeps."""
        raise NotImplementedError

    def sends(self, asked: Asked) -> bool:
        """Whether this request would send something."""
        raise NotImplementedError

    def refusal(self, what: str) -> Reply:
        """The vendor's words for a request that is not as described."""
        raise NotImplementedError

    def meets(self, asked: Asked) -> tuple[Fault | None, Reply | None]:
        """The fault, and the answer, of this request. None: it is cut off."""
        with self._lock:
            self.asked.append(asked)
            fault = reply = None
            if self.sends(asked):
                reply = self._replies.popleft() if self._replies else None
                fault = self._waiting.popleft() if self._waiting and reply is None else None
            if fault is not None:
                self.struck[fault] += 1
            what = faults(self.vendor, asked)
            if what:
                self.violations.append(f"{asked.method} {asked.target}: {what}")
                return None, self.refusal(what)
            if reply is not None:
                return None, reply
            if fault in NOT_TAKEN:
                return fault, _FAULTS.get(fault) if fault is not None else None
            taken = self.handle(asked)
            return fault, taken

    def wait(self) -> None:
        """Until somebody stops the server: the silence after a request."""
        self._released.wait()

    def opened(self, line: socket.socket) -> None:
        """A connection has been made."""
        with self._lock:
            self.connections += 1
            self._sockets.add(line)

    def closed(self, line: socket.socket) -> None:
        """And is over."""
        with self._lock:
            self._sockets.discard(line)


_FAULTS = {
    Fault.limited: Reply(429, {"code": 20429, "status": 429, "message": "Too Many Requests",
                               "errors": [{"message": "too many requests"}]},
                         (("Retry-After", "7"),)),
    Fault.error: Reply(500, {"code": 20500, "status": 500, "message": "Internal Server Error"}),
    Fault.unavailable: Reply(503, "<html>503</html>", (("Retry-After", "7"),)),
}  # fmt: skip


def _handler(emulator: Emulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            emulator.opened(self.connection)

        def finish(self) -> None:
            emulator.closed(self.connection)
            super().finish()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            try:
                fault, reply = emulator.meets(asked)
            except Exception as error:
                emulator.violations.append(f"the emulator itself: {error!r}")
                raise
            if fault is Fault.silence:
                emulator.wait()
            if fault in (Fault.drop, Fault.drop_after, Fault.silence) or reply is None:
                self.close_connection = True
                return
            if fault is Fault.error_after:
                reply = _FAULTS[Fault.error]
            if fault is Fault.unreadable:
                reply = Reply(reply.status, b"\xff<html>\x00")
            if fault is Fault.nameless:
                reply = Reply(reply.status, {"status": "queued"})
            try:
                self.write(reply, cut_short=fault is Fault.cut_short)
            except ConnectionError:
                self.close_connection = True  # who asked has gone

        def write(self, reply: Reply, *, cut_short: bool) -> None:
            body = reply.body
            if not isinstance(body, bytes):
                body = b"" if body is None else json.dumps(body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body) + 1_000 * cut_short))
            self.send_header("Content-Type", "application/json")
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or cut_short

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(emulator.now.astimezone(UTC), usegmt=True)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


def make(callbacks: list[Callback], order: Random | None = None, repeat: int = 1) -> list[int]:
    """Makes the calls, each so many times, in order or not; the statuses of their answers."""
    calls = callbacks * repeat
    if order is not None:
        order.shuffle(calls)
    return [_call(one) for one in calls]


def _call(one: Callback) -> int:
    url = urlsplit(one.url)
    line = HTTPConnection(url.hostname or "", url.port, timeout=JOIN_S)
    try:
        target = f"{url.path}?{url.query}" if url.query else url.path
        line.request("POST", target, one.body, dict(one.headers))
        return line.getresponse().status
    finally:
        line.close()
