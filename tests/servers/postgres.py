"""A PostgreSQL server of one's own."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.servers.binaries import postgres_programs
from tests.servers.keeper import Keeper, NotStarted
from tests.servers.patience import until
from tests.servers.place import quick_place
from tests.servers.ports import free_port

NAME = "tactful"
"""The one role; whoever may connect to this machine may be it."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Not the zone of any test: what depends on the server's would show.
    "timezone": "Asia/Kathmandu",
}
_NOT_DURABLE: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
}


class Postgres:
    """A server in a folder. It keeps its port and its data over `stop`, `kill` and `start`."""

    def __init__(self, keeper: Keeper, port: int, options: Mapping[str, str]) -> None:
        self.port = port
        self._keeper = keeper
        self._options = options
        self._programs: Path | None = None

    @classmethod
    def make(
        cls,
        folder: Path | None = None,
        *,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> "Postgres":
        """A new server, started."""
        keeper = Keeper(folder, "QUIT", None if durable else quick_place())
        options = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        server = cls(keeper, free_port(), options)
        with keeper.or_nothing():
            server._programs = postgres_programs(
                keeper.folder / "programs" if keeper.user else None
            )
            keeper.run(
                server._programs / "initdb",
                *("-D", keeper.folder / "data", "-U", NAME, "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--no-locale"),
            )
            server.start()
        return server

    @classmethod
    def joined(cls, folder: Path, port: int) -> "Postgres | None":
        """A server that another process has started; nothing if it has ended."""
        keeper = Keeper(folder, "KILL")
        server = cls(keeper, port, {})
        return server if keeper.join() and server._ready() else None

    def url(self, database: str = "postgres") -> str:
        """How to reach one of its databases."""
        return f"postgresql://{NAME}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process that all others descend from."""
        return self._keeper.pid

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self._keeper.folder

    def start(self) -> None:
        """Start it, again if need be: after `kill` its children take a moment to notice."""
        programs = self._programs
        assert programs is not None, "whoever has joined a server does not start it"
        options = [f"--{name}={value}" for name, value in self._options.items()]
        data = self._keeper.folder / "data"

        def started() -> bool:
            try:
                self._keeper.start(
                    [programs / "postgres", "-D", data, "-p", str(self.port), *options],
                    self._ready,
                )
            except NotStarted:
                if "is still in use" in self._keeper.log()[-2000:]:
                    return False
                raise
            return True

        if not until(started):
            raise NotStarted(self._keeper.log()[-2000:])

    def stop(self) -> None:
        """Stop it as an administrator would: connections are cut, nothing committed is lost."""
        self._keeper.end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9."""
        self._keeper.end(signal.SIGKILL)

    def close(self) -> None:
        """End it for good."""
        if self._keeper.running():
            self._keeper.end(signal.SIGQUIT)
        self._keeper.close()

    def _ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres(
    folder: Path | None = None,
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Postgres]:
    """A PostgreSQL server in a folder (a temporary one if none is named), for as long as needed.

    `durable=False`: what was committed may be gone after a power cut, though not after `kill`; a
    temporary folder is in memory then, where there is room.
    `settings`: as in postgresql.conf. Raises NotStarted, and Missing where there is no PostgreSQL.
    """
    server = Postgres.make(folder, durable=durable, settings=settings)
    try:
        yield server
    finally:
        server.close()
