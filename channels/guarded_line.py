"""A line to an address that a stranger has given: it leads to the open internet, and nowhere else.

A name is looked up once, and the connection goes to the very address that was looked at: a name
that answers differently the second time gains nothing. Nobody follows a redirect here, and an
answer has an end, in bytes and in time, however slowly it drips.
"""

import ssl
from collections import OrderedDict
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import (
    IPPROTO_TCP,
    SHUT_RDWR,
    SOCK_STREAM,
    TCP_NODELAY,
    getaddrinfo,
    socket,
)
from threading import Timer
from time import monotonic
from urllib.parse import urlsplit

from pydantic import Field

from channels.contract import (
    ChannelSettings,
    Deferred,
    Outcome,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
)
from channels.http_line import (
    Answer,
    Line,
    NotWritten,
    Unanswered,
    is_certain,
    one_line,
    retry_after_s,
)

_NAT64 = IPv6Network("64:ff9b::/96")
# Of one's own network, though some versions of Python call them global: a translation to IPv4 of
# one's own (RFC 8215), IPv4 in older notations, and what were site-local addresses.
_INSIDE = tuple(map(IPv6Network, ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10")))
_URL_CHARS_MAX = 2_000
_KEPT_LINES = 16
RETRY_AFTER_S = 60.0
"""Where nobody says when to try again."""


class GuardedSettings(ChannelSettings):
    """What every channel may set whose addresses strangers have given."""

    allow_private: bool = False
    """Addresses inside a private network may be called: for an intranet, never for strangers'."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    connections: int = Field(default=4, ge=1, le=32)
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    """For each exchange as a whole. `send` may outlast its deadline by this much."""

    def lines(self) -> "GuardedLines":
        """New lines, for one hand at a time."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        return GuardedLines(self.timeout_s, allow_private=self.allow_private, trust=trust)


class Forbidden(OSError):
    """The name leads to no address that a stranger may have us call."""


class GuardedLine(Line):
    """`allow_private`: any address will do, as on a shop's own network.

    An exchange ends `timeout_s` after it began, as far as it may have come. Only the look-up of a
    name takes as long as the system lets it.
    """

    answer_bytes_max = 65_536
    # Many a receiver puts a whole page of the shop's under its 200, or its 404.
    status_is_all = True

    def __init__(
        self, origin: str, timeout_s: float, *, allow_private: bool, trust: ssl.SSLContext
    ) -> None:
        super().__init__(origin, timeout_s)
        self._allow_private = allow_private
        self._trust = trust
        self._end: Timer | None = None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """One request, written once. Raises NotWritten or Unanswered."""
        try:
            return super().ask(method, target, headers, body)
        finally:
            if self._end is not None:
                self._end.cancel()

    def _open(self) -> HTTPConnection:
        connection = super()._open()
        self._end = Timer(self._timeout_s, self._hang_up)
        self._end.daemon = True
        self._end.start()
        return connection

    def _made(self, timeout_s: float) -> HTTPConnection:
        made: _Guarded
        if self._encrypts:
            made = _GuardedTls(self._host, self._port, timeout=timeout_s, context=self._trust)
        else:
            made = _Guarded(self._host, self._port, timeout=timeout_s)
        made.allow_private, made.within_s = self._allow_private, timeout_s
        return made

    def _hang_up(self) -> None:
        """Whoever waits for this connection hears that it has ended."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                # Not TLS's own shutdown, which changes what another thread is reading from.
                socket.shutdown(connection.sock, SHUT_RDWR)
            except OSError:
                return  # it has ended already


class GuardedLines:
    """Lines to the origins that were called last, kept for the next time."""

    def __init__(self, timeout_s: float, *, allow_private: bool, trust: ssl.SSLContext) -> None:
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._trust = trust
        self._lines: OrderedDict[str, GuardedLine] = OrderedDict()

    def line(self, origin: str) -> GuardedLine:
        """The line to an origin; the one that was not used for longest makes room."""
        if origin not in self._lines:
            self._lines[origin] = GuardedLine(
                origin, self._timeout_s, allow_private=self._allow_private, trust=self._trust
            )
        self._lines.move_to_end(origin)
        if len(self._lines) > _KEPT_LINES:
            self._lines.popitem(last=False)[1].close()
        return self._lines[origin]

    def close(self) -> None:
        """Hang up everywhere."""
        while self._lines:
            self._lines.popitem()[1].close()


def post(
    lines: GuardedLines, url: str, headers: Mapping[str, str], body: bytes, end_s: float
) -> Answer | Outcome:
    """The answer to one request, or what the lack of one says of the message.

    Nothing is written after `end_s` on the monotonic clock.
    """
    if monotonic() >= end_s:
        return Deferred(0.0, "not written before the deadline")
    origin, target = origin_and_target(url)
    line = lines.line(origin)
    line.end_s = end_s
    try:
        return line.ask("POST", target, headers, body)
    except NotWritten as error:
        if isinstance(error.__cause__, Forbidden):
            return Rejected(Reason.other, str(error))
        return Deferred(0.0 if error.late else RETRY_AFTER_S, str(error))
    except Unanswered as error:
        return Unknown(str(error))


def detail_of(answer: Answer) -> str:
    """An answer in a line, for the ledger."""
    return one_line(f"HTTP {answer.status} {answer.body[:200].decode('utf-8', 'replace')}")


def outcome_everywhere(answer: Answer) -> Outcome | None:
    """What an answer says whoever gives it, if it is one of those. A success is none of them."""
    status, detail = answer.status, detail_of(answer)
    if status in (307, 308):
        # Only these say that the request was not looked at; 301 to 303 often answer one that was.
        return Rejected(Reason.other, "it has moved, and redirects are not followed")
    if not is_certain(status):
        return Unknown(detail)
    if status == 413:
        return Rejected(Reason.too_large, detail)
    if status == 429:
        # Not `rate_limited`, which would hold up the whole account: who asks is one of many.
        after_s = retry_after_s(answer.headers) or RETRY_AFTER_S
        return Rejected(Reason.other, detail, retryable=True, retry_after_s=after_s)
    return None


class _Guarded(HTTPConnection):
    allow_private = False
    within_s = 0.0

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self.within_s, self.allow_private)
        self.sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


class _GuardedTls(HTTPSConnection, _Guarded):
    """HTTPSConnection wraps whatever `_Guarded` has connected, for the name that was asked for."""


def is_open(address: str) -> bool:
    """Whether an IP address is one of the open internet, also behind a translation to IPv4."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if any(ip in network for network in _INSIDE):
            return False
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def url_problem(url: str, *, allow_http: bool, allow_private: bool) -> Unsupported | None:
    """Why this is no address that can be called, if so; what it resolves to is not looked at."""
    fix = "write it as https://host/path"
    if not url.isascii() or any(c <= " " or c in '"<>\\^`{|}\x7f' for c in url):
        return Unsupported("an address with characters that no URL has", fix)
    if len(url) > _URL_CHARS_MAX:
        return Unsupported(f"an address of {len(url)} characters", f"{_URL_CHARS_MAX} at most")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return Unsupported("an address that is no URL", fix)
    if parts.scheme not in ("https", "http") or not host:
        return Unsupported("an address that is no URL of the web", fix)
    if parts.scheme == "http" and not allow_http:
        return Unsupported("an address without encryption", fix)
    if parts.username is not None or parts.password is not None or "#" in url:
        return Unsupported("an address with a login or a fragment", fix)
    try:
        fine = allow_private or is_open(host)
    except ValueError:
        fine = True  # a name: where it leads is seen when it is called
    return None if fine else Unsupported("an address inside a private network", "use a public one")


def origin_and_target(url: str) -> tuple[str, str]:
    """`https://host:port`, and what is asked for there."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"


def _connected(host: str, port: int, timeout_s: float, allow_private: bool) -> socket:
    failed: OSError = Forbidden(f"{host} leads into a private network")
    found = getaddrinfo(host, port, type=SOCK_STREAM)
    end_s = monotonic() + timeout_s
    for family, kind, protocol, _, address in found:
        if not allow_private and not is_open(str(address[0])):
            continue
        made = socket(family, kind, protocol)
        try:
            made.settimeout(max(0.001, end_s - monotonic()))
            made.connect(address)
        except OSError as error:
            made.close()
            failed = error
        else:
            made.settimeout(timeout_s)
            return made
    raise failed
