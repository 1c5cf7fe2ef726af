"""A Redis server of one's own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis as client

from tests.servers.binaries import redis_program
from tests.servers.keeper import Keeper
from tests.servers.ports import free_port

DATABASES = 64


class Redis:
    """A server in a folder. It keeps its port over `stop`, `kill` and `start`, and nothing else."""

    def __init__(self, keeper: Keeper, port: int) -> None:
        self.port = port
        self._keeper = keeper
        self._program: Path | None = None

    @classmethod
    def make(cls, folder: Path | None = None) -> "Redis":
        """A new server, started."""
        keeper = Keeper(folder, "KILL")
        server = cls(keeper, free_port())
        with keeper.or_nothing():
            server._program = redis_program(keeper.folder / "programs" if keeper.user else None)
            server.start()
        return server

    @classmethod
    def joined(cls, folder: Path, port: int) -> "Redis | None":
        """A server that another process has started; nothing if it has ended."""
        keeper = Keeper(folder, "KILL")
        server = cls(keeper, port)
        return server if keeper.join() and server._ready() else None

    @property
    def url(self) -> str:
        """How to reach its first database."""
        return self.database(0)

    def database(self, number: int) -> str:
        """How to reach one of its numbered databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._keeper.pid

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self._keeper.folder

    def start(self) -> None:
        """Start it, empty."""
        assert self._program is not None
        self._keeper.start(
            [
                *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", self._keeper.folder),
                *("--databases", str(DATABASES), "--daemonize", "no"),
            ],
            self._ready,
        )

    def stop(self) -> None:
        """Stop it as an administrator would."""
        self._keeper.end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._keeper.end(signal.SIGKILL)

    def close(self) -> None:
        """End it for good."""
        self._keeper.close()

    def _ready(self) -> bool:
        with client.Redis(port=self.port, socket_timeout=5) as connection:
            try:
                return bool(connection.ping())
            except client.ConnectionError:
                return False


@contextmanager
def redis(folder: Path | None = None) -> Iterator[Redis]:
    """A Redis server in a folder (a temporary one if none is named), for as long as needed.

    Raises NotStarted, and Missing where there is no Redis.
    """
    server = Redis.make(folder)
    try:
        yield server
    finally:
        server.close()
