"""Takes what Twilio or SendGrid would take, without looking: `python -m benchmarks.vendor_sink`.

A process of its own, so that its work is not ours. It prints its port, and ends with its parent's
end of the pipe.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

HOST = "127.0.0.1"
_DATE = format_datetime(datetime(2026, 11, 22, tzinfo=UTC))
_TWILIO = json.dumps(
    {
        "account_sid": "AC" + "0" * 32,
        "api_version": "2010-04-01",
        "body": "The oven is on at four.",
        "date_created": _DATE,
        "date_sent": None,
        "date_updated": _DATE,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "+12125550100",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": "SM%032x",
        "status": "queued",
        "subresource_uris": {"media": "/2010-04-01/Accounts/AC/Messages/SM/Media.json"},
        "to": "+12125550101",
        "uri": "/2010-04-01/Accounts/AC/Messages/SM.json",
    }
).encode()


class Sink(asyncio.Protocol):
    """One connection. Requests have a Content-Length, as those of both SDKs do."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = bytearray()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._heard[:end]).lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._heard) < end + 4 + size:
                return
            del self._heard[: end + 4 + size]
            self._transport.write(self._answer(b"/mail/send" in head[:100]))

    def _answer(self, mail: bool) -> bytes:
        Sink.taken += 1
        if mail:
            name = b"sink-%012d" % Sink.taken
            return b"HTTP/1.1 202 Accepted\r\nX-Message-Id: %b\r\nContent-Length: 0\r\n\r\n" % name
        body = _TWILIO % Sink.taken
        kind = b"application/json"
        return b"HTTP/1.1 201 Created\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            kind,
            len(body),
            body,
        )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def vendor_sink() -> Iterator[str]:
    """The address of a running one."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield f"http://{HOST}:{port}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
