"""What holds for every test: examples that can be repeated, and no network beyond this machine."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.provider.fixtures import provider, start_provider
from tests.servers.fixtures import (
    databases,
    module_databases,
    postgres_server,
    postgres_url,
    redis_server,
    redis_url,
)
from tests.support.compiled import compiled_once

__all__ = [
    "databases",
    "module_databases",
    "postgres_server",
    "postgres_url",
    "provider",
    "redis_server",
    "redis_url",
    "start_provider",
]

# Examples are judged by their answer, never by how fast a busy machine gave it. In CI they are the
# same every time, so that a red run is the change's doing; at a desk they are new ones each time.
settings.register_profile("desk", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

# A shell that starts this in the background has Ctrl-C ignored, and so would every process that a
# test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LOOPBACK = ("127.", "::1", "localhost")


def _refuse_strangers(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not address[0].startswith(LOOPBACK):
        raise PermissionError(f"a test may not leave this machine: {address!r}")


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: two more than there are cores, for tests wait for the servers and processes that
    they have started."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> Any:
    """Refuses, for the whole run, every connection to another machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: Any) -> None:
        _refuse_strangers(self, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        _refuse_strangers(self, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Whatever a test has this process log, and from which level on, ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
