"""PostgreSQL that keeps what it has committed, Redis and the sink, for one benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg import sql
from sqlalchemy import make_url

from benchmarks.processes import cpu_s
from benchmarks.sinks import sink
from tests.provider.running import ProviderProcess
from tests.servers import Postgres, Redis, postgres, redis
from tests.servers.shared import execute


@dataclass(frozen=True)
class Servers:
    """What runs; `folder` is for whatever else is needed."""

    postgres: Postgres
    redis: Redis
    sink: ProviderProcess
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def database(self) -> str:
        """The URL of a new database."""
        name = f"bench_{next(self._numbers)}"
        execute(self.postgres, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.postgres.url(name)

    def broker(self) -> str:
        """The URL of a database of Redis that nobody has used."""
        return self.redis.database(next(self._numbers))

    def cpu_s(self, *workers: int) -> float:
        """What the databases and these workers have cost so far; the sink is the provider's."""
        return cpu_s(self.postgres.pid, self.redis.pid, *workers)


def for_sqlalchemy(url: str) -> str:
    """The URL with its driver."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(False)


@contextmanager
def servers() -> Iterator[Servers]:
    """On free ports, gone at the end."""
    with (
        TemporaryDirectory(prefix="tactful-bench-") as folder,
        postgres(durable=True) as database,
        redis() as broker,
        sink(Path(folder)) as provider,
    ):
        yield Servers(database, broker, provider, Path(folder))
