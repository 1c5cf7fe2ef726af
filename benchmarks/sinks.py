"""The provider that takes everything, as a process of its own, and how fast it can take it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from tests.provider.running import ProviderProcess, provider_process

HOST = "127.0.0.1"
AT_ONCE = 20
"""Some 60 kB. Whoever writes more than the other side's window and then listens waits forty
milliseconds for its acknowledgement each time, and has measured nothing else."""

BODY = "The oven is on at four: bring your own dough.\r\n" * 60
_READ_BYTES = 65_536


@contextmanager
def sink(folder: Path) -> Iterator[ProviderProcess]:
    """Counts what it takes, over SMTP and HTTP, and keeps no texts."""
    with provider_process(folder / "sink.log", "--counting") as process:
        yield process


def smtp_ceiling(provider: ProviderProcess, number: int) -> float:
    """E-mails that it takes in a second, when they are there already and nobody waits for it."""
    letter = (
        "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        f"Message-ID: <ceiling@example.com>\r\n\r\n{BODY}.\r\n"
    ).encode()
    with socket.create_connection((HOST, provider.smtp_port)) as line:
        line.sendall(b"EHLO ceiling\r\n")
        _hear(line, b"SIZE", 1)
        return _pushed(line, letter, b"taken", number)


def http_ceiling(provider: ProviderProcess, number: int) -> float:
    """The same over HTTP, a request for each."""
    port = int(provider.http_url.rpartition(":")[2])
    told = {"to": "b@example.com", "kind": "email", "text": BODY, "stable_id": "ceiling"}
    body = json.dumps(told).encode()
    request = b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection((HOST, port)) as line:
        return _pushed(line, request, b"HTTP/1.1 201", number)


def _pushed(line: socket.socket, one: bytes, answer: bytes, number: int) -> float:
    rounds = max(number // AT_ONCE, 1)
    began = perf_counter()
    for _ in range(rounds):
        line.sendall(one * AT_ONCE)
        _hear(line, answer, AT_ONCE)
    return rounds * AT_ONCE / (perf_counter() - began)


def _hear(line: socket.socket, word: bytes, times: int) -> None:
    heard = b""
    while heard.count(word) < times:
        came = line.recv(_READ_BYTES)
        if not came:
            raise RuntimeError("the sink has hung up")
        heard += came
