"""Several kept HTTP connections, served by one thread, that tell exactly how far each request came.

Each request is written once. `NotWritten` means that not one byte of it has left; `Lost`, that
some have, and that no answer came that can be read. There is no third case besides an answer.
"""

import re
import select
import selectors
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

_READ_BYTES = 256 * 1024
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)
_RETRY = re.compile(rb"\r\nretry-after: *(\d{1,9})\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, read whole."""

    status: int
    body: bytes
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Certain: the other side knows nothing of it."""

    why: str
    late: bool = False
    """The deadline has passed; else there was no connection."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The other side may know of it, or not."""

    why: str


Told = Answer | NotWritten | Lost


class _Talk:
    """One request on its way."""

    def __init__(self, number: int, request: bytes, sock: socket.socket, connected: bool) -> None:
        self.number = number
        self.request = request
        self.sock = sock
        self.connected = connected
        self.fresh = not connected
        self.written = 0
        self.heard = b""
        self.until = 0.0
        """When it is given up: connecting, or after the last byte waiting for the answer."""


class Connections:
    """To one host. `connections` of them at most; each carries one request at a time."""

    def __init__(self, host: str, port: int, connections: int, timeout_s: float) -> None:
        self._address = (host, port)
        self._most = connections
        self._timeout_s = timeout_s
        self._idle: list[socket.socket] = []

    def close(self) -> None:
        """Let go of all connections. They are made anew when they are needed."""
        while self._idle:
            self._idle.pop().close()

    def exchange(self, requests: Sequence[bytes], end: float) -> list[Told]:
        """Write each request once and wait for its answer; nothing is begun after `end`."""
        return _Exchange(self._address, self._most, self._timeout_s, self._idle).run(requests, end)


class _Exchange:
    def __init__(
        self,
        address: tuple[str, int],
        most: int,
        timeout_s: float,
        idle: list[socket.socket],
    ) -> None:
        self._address = address
        self._most = most
        self._timeout_s = timeout_s
        self._idle = idle
        self._told: dict[int, Told] = {}
        self._talks: set[_Talk] = set()
        self._down: NotWritten | None = None

    def run(self, requests: Sequence[bytes], end: float) -> list[Told]:
        self._waiting = deque(enumerate(requests))
        self._end = end
        with selectors.DefaultSelector() as self._selector:
            while True:
                self._begin()
                if not self._talks:
                    break
                self._wait()
                self._give_up()
        return [self._told[number] for number in range(len(requests))]

    def _begin(self) -> None:
        """Hand waiting requests to free connections; when that is over, say why."""
        while self._waiting and len(self._talks) < self._most:
            stop = self._down
            if monotonic() >= self._end:
                stop = NotWritten("not written before the deadline", late=True)
            if stop is not None:
                # One failed connection speaks for the rest: nobody waits a hundred time-outs.
                self._told.update((number, stop) for number, _ in self._waiting)
                self._waiting.clear()
                return
            self._open(*self._waiting.popleft())

    def _open(self, number: int, request: bytes) -> None:
        while self._idle:
            sock = self._idle.pop()
            if not _readable(sock):
                self._start(_Talk(number, request, sock, connected=True))
                return
            # Closed by the other side meanwhile: no news, nothing was written on it.
            sock.close()
        self._connect(number, request)

    def _connect(self, number: int, request: bytes) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(self._address)
        except BlockingIOError:
            pass
        except OSError as error:  # the name is unknown, or the refusal came at once
            sock.close()
            self._told[number] = self._down = NotWritten(_said(error))
            return
        self._start(_Talk(number, request, sock, connected=False))

    def _start(self, talk: _Talk) -> None:
        self._talks.add(talk)
        talk.until = min(self._end, monotonic() + self._timeout_s)
        self._selector.register(talk.sock, selectors.EVENT_WRITE, talk)
        if talk.connected:
            self._write(talk)

    def _wait(self) -> None:
        first = min(talk.until for talk in self._talks)
        for key, _ in self._selector.select(max(0.0, first - monotonic())):
            talk: _Talk = key.data
            if talk.written == len(talk.request):
                self._read(talk)
            elif talk.connected or self._is_connected(talk):
                self._write(talk)

    def _is_connected(self, talk: _Talk) -> bool:
        error = talk.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._down = NotWritten(_said(OSError(error, "no connection")))
            self._end_talk(talk, self._down)
            return False
        talk.connected = True
        return True

    def _write(self, talk: _Talk) -> None:
        if monotonic() >= self._end:
            return  # `_give_up` says what that means
        try:
            talk.written += talk.sock.send(memoryview(talk.request)[talk.written :])
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(talk, error)
            return
        if talk.written == len(talk.request):
            talk.until = monotonic() + self._timeout_s
            self._selector.modify(talk.sock, selectors.EVENT_READ, talk)

    def _broken(self, talk: _Talk, error: OSError) -> None:
        if talk.written:
            self._end_talk(talk, Lost(f"cut off while it was written: {_said(error)}"))
        elif talk.fresh:
            self._end_talk(talk, NotWritten(_said(error)))
        else:
            # A kept connection that had gone: the request itself has not been tried yet.
            self._waiting.appendleft((talk.number, talk.request))
            self._end_talk(talk, None)

    def _read(self, talk: _Talk) -> None:
        try:
            raw = talk.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end_talk(talk, Lost(f"no answer: {_said(error)}"))
            return
        if not raw:
            self._end_talk(talk, Lost("cut off before the answer"))
            return
        talk.heard += raw
        head = talk.heard.find(b"\r\n\r\n")
        if head < 0:
            return
        told = _parsed(talk.heard, head + 4)
        if isinstance(told, Lost):
            self._end_talk(talk, told)
        elif told is not None:
            keep = _CLOSE.search(talk.heard, 0, head + 2) is None
            self._end_talk(talk, told, keep=keep)

    def _give_up(self) -> None:
        at = monotonic()
        for talk in [talk for talk in self._talks if talk.until <= at]:
            if talk.written == len(talk.request):
                self._end_talk(talk, Lost(f"no answer within {self._timeout_s} s"))
            elif talk.written:
                self._end_talk(talk, Lost("the deadline came while it was written"))
            elif at >= self._end:
                late = NotWritten("not written before the deadline", late=True)
                self._end_talk(talk, late)
            else:
                self._down = NotWritten(f"no connection within {self._timeout_s} s")
                self._end_talk(talk, self._down)

    def _end_talk(self, talk: _Talk, told: Told | None, *, keep: bool = False) -> None:
        self._talks.discard(talk)
        self._selector.unregister(talk.sock)
        if keep:
            self._idle.append(talk.sock)
        else:
            talk.sock.close()
        if told is not None:
            self._told[talk.number] = told


def _parsed(heard: bytes, start: int) -> Answer | Lost | None:
    """None: the body is not all here yet."""
    status = _HEAD.match(heard)
    length = _LENGTH.search(heard, 0, start)
    if status is None or length is None:
        return Lost("an answer that is no HTTP")
    stop = start + int(length[1])
    if len(heard) < stop:
        return None
    if len(heard) > stop:
        return Lost("more than one answer")
    retry = _RETRY.search(heard, 0, start)
    return Answer(int(status[1]), heard[start:stop], float(retry[1]) if retry else None)


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _said(error: OSError) -> str:
    return f"{type(error).__name__}: {error}"
