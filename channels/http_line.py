"""One kept HTTP connection under a vendor's SDK, which knows how far a request has come.

The SDKs' own transports do not: Twilio's mixes refused and reset connections in one error and reads
proxies from the environment, SendGrid's opens a connection for each call. Whether a message can be
written again depends on just that, so both SDKs speak through this line. Proxies, redirects,
cookies, `.netrc` and repetitions do not exist here.
"""

import http.client
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import (
    HTTP_PORT,
    HTTPS_PORT,
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
)
from io import BufferedReader, RawIOBase
from math import inf
from socket import socket
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

IDLE_S_MAX = 20.0
"""Providers hang up on a silent connection after a minute or so; a fresh one is safer before."""
ANSWER_BYTES_MAX = 8_000_000
_WORDS_MAX = 300
_INTERIM_MAX = 20
_PIECE_BYTES = 65_536


class NotWritten(OSError):
    """Certain: nothing of the request has left. `late`: only because its time was over."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


class Unanswered(OSError):
    """The request has left, or a part of it, and what was made of it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: HTTPMessage
    body: bytes


class Line:
    """Opened at the first request, and again when the other side has hung up.

    `timeout_s` is for connecting, for writing, and for an answer as a whole, however slowly it
    drips. A request is not written after `end_s` on the monotonic clock.
    """

    answer_bytes_max = ANSWER_BYTES_MAX
    status_is_all = False
    """What is longer than that is left unread, and is an answer all the same."""

    def __init__(self, origin: str, timeout_s: float) -> None:
        url = urlsplit(origin)
        self._encrypts = url.scheme == "https"
        # Told none, http.client takes the last group of an IPv6 address for a port.
        usual = HTTPS_PORT if self._encrypts else HTTP_PORT
        self._host, self._port = url.hostname or "", usual if url.port is None else url.port
        self._name = url.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._connection: HTTPConnection | None = None
        self._quiet_since_s = 0.0
        self.end_s = inf

    def close(self) -> None:
        """Hang up. The next request opens the line again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """One request, written once. Raises NotWritten or Unanswered."""
        written = self._head(method, target, headers, body) + (body or b"")
        connection = self._open()
        if monotonic() >= self.end_s:
            raise NotWritten("not written before the deadline", late=True)
        connection.sock.settimeout(self._timeout_s)
        heard = _Heard(connection.sock)
        response = HTTPResponse(cast("socket", heard), method=method)
        try:
            # In one write. What http.client does for this costs two, and more than the rest here.
            connection.sock.sendall(written)
            heard.end_s = monotonic() + self._timeout_s
            _begin(response)
            read = _read(response, self.answer_bytes_max)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise Unanswered(said(error)) from error
        finally:
            response.close()
        self._quiet_since_s = monotonic()
        is_long = len(read) > self.answer_bytes_max
        is_whole = not response.length and not is_long
        if response.will_close or not is_whole or response.status < 200:
            self.close()
        if not is_whole and not (is_long and self.status_is_all):
            raise Unanswered("half an answer, or one of endless length")
        return Answer(response.status, response.headers, read)

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        own = {"Host": self._name, "Accept-Encoding": "identity"}
        if body is not None:
            own["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*own.items(), *headers.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in the head of a request")
        return "\r\n".join((*lines, "", "")).encode("latin-1")

    def _open(self) -> HTTPConnection:
        if self._connection is not None and self._has_gone(self._connection):
            self.close()
        if self._connection is None:
            timeout_s = max(0.001, min(self._timeout_s, self.end_s - monotonic()))
            made = self._made(timeout_s)
            try:
                made.connect()
            except (OSError, HTTPException, UnicodeError) as error:
                made.close()
                raise NotWritten(f"no connection: {said(error)}") from error
            self._connection = made
        return self._connection

    def _made(self, timeout_s: float) -> HTTPConnection:
        if self._encrypts:
            return HTTPSConnection(self._host, self._port, timeout=timeout_s, context=_trust())
        return HTTPConnection(self._host, self._port, timeout=timeout_s)

    def _has_gone(self, connection: HTTPConnection) -> bool:
        """A quiet line on which something can be read has been hung up, or is out of step."""
        if connection.sock is None or monotonic() - self._quiet_since_s > IDLE_S_MAX:
            return True
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return bool(poll.poll(0))


class _Heard(RawIOBase):
    """What comes on a connection until `end_s`. A socket's own timeout begins anew with each byte,
    and `http.client` makes its file by itself: so this gives it one that looks at the clock."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self.end_s = 0.0

    def makefile(self, mode: str) -> BufferedReader:
        """As a socket does."""
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self.end_s - monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer does not end in time")
        self._sock.settimeout(left_s)
        return self._sock.recv_into(buffer)


def _begin(response: HTTPResponse) -> None:
    """Read up to the body. http.client passes by 100 alone: after another word in between (103,
    102) the answer would still be under way, and be taken for the next request's."""
    for _ in range(_INTERIM_MAX):
        response.begin()
        if not 101 < response.status < 200:
            return
        response.headers = None  # type: ignore[assignment]  # so that it begins once more
    raise HTTPException("an answer that does not come to its point")


def _read(response: HTTPResponse, bytes_max: int) -> bytes:
    """The body, or a little more than there may be of it. Piece by piece: `read` believes a chunk
    that says to have -1 bytes, and reads until memory ends."""
    found = bytearray()
    while len(found) <= bytes_max:
        piece = response.read1(_PIECE_BYTES)
        if not piece:
            break
        found += piece
    return bytes(found)


def said(error: BaseException) -> str:
    """An error in one line."""
    return one_line(f"{type(error).__name__}: {error}")


def one_line(text: object) -> str:
    """What a provider says, fit for a log: one printable line, not too long."""
    line = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in line)[:_WORDS_MAX]


def retry_after_s(headers: HTTPMessage) -> float | None:
    """For how long to leave the provider alone. A date counts from the answer's own, which is by
    the same clock."""
    told = (headers.get("Retry-After") or "").strip()
    if told.isascii() and told.isdigit() and len(told) < 7:
        return float(told)
    try:
        until, at = parsedate_to_datetime(told), parsedate_to_datetime(headers.get("Date") or "")
        left_s = (until - at).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no dates, or one of them without a zone
        return None
    return left_s if 0 <= left_s < 1_000_000 else None


def is_certain(status: int) -> bool:
    """Whether this status says that nothing was taken. 408 may come after the whole request."""
    return 400 <= status < 500 and status != http.client.REQUEST_TIMEOUT


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
