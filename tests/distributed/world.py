"""A shop on PostgreSQL, Redis and the recording provider, and real processes that work for it.

Everything happens at the real time: these tests are about processes, and wait for what they do.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import redis
from kombu import pools
from sqlalchemy import Engine, func, select

from orchestrator.entry import clock
from orchestrator.entry.opening import open_tactful
from orchestrator.entry.queue.app import make_app
from orchestrator.entry.queue.hints import Hints
from orchestrator.entry.queue.ticker import Ticker
from orchestrator.entry.queue.work import Work
from orchestrator.entry.settings import settings
from orchestrator.flow.ingest import ingest_raw
from orchestrator.flow.tactful import Tactful
from orchestrator.store.database import reading, writing
from orchestrator.tables import messages
from tests.provider.running import RunningProvider
from tests.servers.patience import until

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
QUEUES = "plan,decide,dispatch.email,dispatch.sms,feedback"

PATIENCE_S = 120.0
"""A worker takes its time to start where many tests run at once."""

SHOP = """\
brand: {name: Corner Shop, postal_address: "1 Main St, Springfield", contact: care@example.com}
zone: America/New_York
country: US
base_url: https://shop.example.com
order_url: https://shop.example.com/order/{product}
channels:
  email: {through: recording, sender: shop@example.com}
  sms: {through: recording, sender: "+13125550123"}
topics: {tips: Tips}
events:
  Signed Up: {ref: text}
"""
HELLO = """\
purpose: inform
topic: tips
trigger: {event: Signed Up}
channels: [email]
expires: 12h
max_audience: 100_000
"""
FILES = {
    "campaigns/shop.yaml": SHOP,
    "campaigns/hello/campaign.yaml": HELLO,
    "campaigns/hello/email.subject.j2": "Hello from {{ shop.brand }}\n",
    "campaigns/hello/email.html.j2": (
        '{% extends "layout.html.j2" %}{% block content %}<p>Hello</p>{% endblock %}\n'
    ),
}

# The shell is there so that nobody is left behind when pytest is killed: then its input ends.
_KEEPER = """
exec 3<&0
"$@" </dev/null & worker=$!
echo $worker
(read -r _ <&3; kill -KILL -$$) & users=$!
wait $worker; code=$?
kill $users; exit $code
"""


@dataclass
class World:
    """The shop's folder, and where its servers are."""

    home: Path
    environ: Mapping[str, str]
    tactful: Tactful
    provider: RunningProvider
    redis_url: str

    @property
    def engine(self) -> Engine:
        """The database."""
        return self.tactful.engine

    @cached_property
    def hints(self) -> Hints:
        """On this world's broker."""
        return Hints(make_app(self.redis_url))

    @cached_property
    def broker(self) -> "redis.Redis":
        """Redis itself."""
        return redis.Redis.from_url(self.redis_url)

    def ticker(self) -> Ticker:
        """A new one, which remembers nothing."""
        return Ticker(self.engine, self.hints, self.broker, self.tactful.shop.plugins)

    def work(self, **options: Any) -> Work:
        """A worker's work, in this process."""
        return Work(self.tactful, self.hints, due_max=100_000, **options)

    def sign_up(self, number: int, first: int = 0) -> None:
        """So many customers sign up now, with consent to e-mails."""
        now = clock.now()
        records: list[tuple[Any, dict[str, Any]]] = []
        for key in (f"c{place}" for place in range(first, first + number)):
            said = {"channel": "email", "topic": "*", "given": True, "touchpoint": "till"}
            event = {"id": f"of-{key}", "name": "Signed Up", "customer": key, "properties": {}}
            records += [
                ("customers", {"id": key, "email": f"{key}@example.com", "zone": "UTC"}),
                ("consents", {"customer": key, **said, "wording": "v1", "at": str(now - _DAY)}),
                ("events", {**event, "at": str(now)}),
            ]
        with writing(self.engine) as connection:
            done = ingest_raw(connection, records, now, self.tactful.shop)
        assert done.refused == []

    def states(self) -> dict[str, int]:
        """State → messages."""
        counted = select(messages.c.state, func.count().label("number")).group_by(messages.c.state)
        with reading(self.engine) as connection:
            return {row.state: row.number for row in connection.execute(counted)}

    def recorded(self, number: int) -> None:
        """Wait until all messages are accepted, in the ledger and at the provider, none twice."""
        assert until(lambda: self.states() == {"accepted": number}, PATIENCE_S), self.states()
        sent = [one.to for one in self.provider.log]
        assert len(sent) == len(set(sent)) == number

    @contextmanager
    def worker(self, *options: str, queues: str = QUEUES) -> Iterator["Process"]:
        """`celery worker`."""
        celery = [SCRIPTS / "celery", "-A", "orchestrator.entry.queue", "worker", "-l", "info"]
        quiet = ["--without-gossip", "--without-mingle", "-Q", queues]
        with self.process(*celery, *quiet, *(options or ("-c", "2"))) as process:
            yield process

    def command(self, environ: Mapping[str, str], *command: "str | Path") -> str:
        """What a command prints, which ends well."""
        done = subprocess.run(
            command, cwd=ROOT, env=dict(environ), capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def process(self, *command: "str | Path") -> Iterator["Process"]:
        """A process in a session of its own, which ends with the block, whatever happens."""
        log = self.home / f"log-{len(list(self.home.glob('log-*')))}"
        with (
            log.open("w") as said,
            subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", *command],
                cwd=ROOT,
                env=dict(self.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
                text=True,
            ) as shell,
        ):
            assert shell.stdout is not None
            process = Process(shell, int(shell.stdout.readline()), log)
            try:
                yield process
            finally:
                if shell.poll() is None:
                    os.killpg(shell.pid, signal.SIGKILL)


_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Process:
    """A process of ours, below its keeper."""

    shell: "subprocess.Popen[str]"
    pid: int
    path: Path

    @property
    def log(self) -> str:
        """What it has told."""
        return self.path.read_text()

    def children(self) -> list[int]:
        """Its children."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def send(self, number: signal.Signals) -> None:
        """Signal it alone."""
        os.kill(self.pid, number)

    def send_all(self, number: signal.Signals) -> None:
        """Signal it and its children, as supervisors do."""
        for pid in (self.pid, *self.children()):
            os.kill(pid, number)

    def ended(self) -> int:
        """Wait for its end; its exit code."""
        return self.shell.wait(timeout=40)


@contextmanager
def opened(
    home: Path,
    environ: Mapping[str, str],
    provider: RunningProvider,
    redis_url: str,
) -> Iterator[World]:
    """The world, its campaigns at work for a while."""
    for name, text in FILES.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with open_tactful(settings()) as tactful:
        tactful.publish(clock.now() - _DAY)
        world = World(home, environ, tactful, provider, redis_url)
        try:
            yield world
        finally:
            pools.reset()  # Celery's connections are kept there, for whoever comes
            world.broker.close()
