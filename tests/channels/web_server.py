"""A web server that keeps what it is asked, and answers as a test wishes."""

import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it came; the names of its headers are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Says:
    """An answer. `cut`: the connection ends without one. `drip_s`: a byte so often, for ever."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut: bool = False
    drip_s: float | None = None
    chunked: bytes | None = None
    """The body with its chunks' sizes, as it is; the connection ends after it."""
    early: tuple[int, ...] = ()
    """Said before the answer, by itself."""


class WebServer:
    """`says` answers each request until `next_up` has something else for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.says = Says()
        self.next_up: deque[Says] = deque()
        self.connections = 0
        self.ended = threading.Event()


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[WebServer]:
    """On 127.0.0.1, at any port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            site.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.asked.append(Asked(self.command, self.path, headers, body))
            self._answer(site.next_up.popleft() if site.next_up else site.says)

        do_GET = do_POST

        def _answer(self, says: Says) -> None:
            if says.cut:
                self.close_connection = True
                return
            for status in says.early:
                self.send_response_only(status)
                self.end_headers()
            self.send_response(says.status)
            for name, value in says.headers:
                self.send_header(name, value)
            if says.chunked is not None:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.close_connection = True
                self.wfile.write(says.chunked)
                return
            if says.drip_s is None:
                self.send_header("Content-Length", str(len(says.body)))
                self.end_headers()
                self.wfile.write(says.body)
                return
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.close_connection = True
            while not site.ended.wait(says.drip_s):
                self.wfile.write(b".")

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            pass  # whoever calls may hang up

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    site = WebServer(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
