"""Where vendors report to in tests: it does what the web layer does for a channel, and no more."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from channels.contract import Feedback, Refused

HOST = "127.0.0.1"
Parse = Callable[[bytes, Mapping[str, str]], list[Feedback] | Refused]


class Receiver:
    """Keeps what a channel makes of each call, and answers 200, or 403 to what it refuses."""

    def __init__(self) -> None:
        self.heard: list[Feedback] = []
        self.refused: list[Refused] = []
        self.parse: Parse | None = None
        self.now: datetime | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver.take(raw, headers, self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The public address, as far as anything is public here."""
        return f"http://{HOST}:{self._server.server_port}/reports"

    def take(self, raw: bytes, headers: dict[str, str], target: str) -> int:
        """The status of the answer."""
        assert self.parse is not None
        headers["x-tactful-url"] = f"http://{HOST}:{self._server.server_port}{target}"
        if self.now is not None:
            headers["x-tactful-received-at"] = self.now.isoformat()
        told = self.parse(raw, headers)
        if isinstance(told, Refused):
            self.refused.append(told)
            return 403
        self.heard += told
        return 200
