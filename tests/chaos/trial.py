"""One trial: servers, processes, a shop; disasters; calm; the verdict."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, time_ns

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry.queue.app import make_app
from orchestrator.entry.queue.hints import Hints
from orchestrator.flow.ingest import ingest_raw
from orchestrator.flow.load import revive_settings
from orchestrator.model.shop import Shop
from orchestrator.store.database import open_database, reading
from orchestrator.tables import customers
from tests.chaos.diary import Diary
from tests.chaos.disasters import EVERY_S, PROVIDER, SOMETIMES, TICKER, WORKER, Disasters
from tests.chaos.fleet import ROOT, Fleet
from tests.chaos.judge import Verdict, judge
from tests.chaos.ledger import Ledger, read_ledger, unfinished
from tests.chaos.life import Life, until_committed
from tests.chaos.looks import Watcher
from tests.chaos.shop import MARKETING_EXPIRES, WAIT, Person, people, write_shop
from tests.provider.log import Log, read
from tests.provider.plugin import make_plugin_path
from tests.servers import Postgres, Redis, postgres, redis
from tests.servers.patience import until
from tests.servers.ports import free_port

DATABASE = "postgres"
START_S = 120.0
"""For the workers, on a machine that has other things to do."""

FAULTS = (
    "accept_then_drop~0.04, drop~0.02, accept_then_error~0.01, garbled~0.005, late:1~0.01, "
    "half_open~0.003, rate_limited:1~0.005, unavailable~0.01, slow:0.2~0.05"
)
WORKERS: Mapping[str, Sequence[str]] = {
    "plan": ("-Q", "plan,feedback", "-c", "2"),
    "decide": ("-Q", "decide", "-c", "2"),
    # Two, as the operations page advises: so one is there while the other starts again.
    "send-1": ("-Q", "dispatch.email,dispatch.sms", "-c", "2"),
    "send-2": ("-Q", "dispatch.email,dispatch.sms", "-c", "2"),
}
FEW_WORKERS: Mapping[str, Sequence[str]] = {
    "think": ("-Q", "plan,feedback,decide", "-c", "1"),
    "send": ("-Q", "dispatch.email,dispatch.sms", "-c", "2"),
}
_CELERY = ("-m", "celery", "-A", "orchestrator.entry.queue", "worker", "-l", "info")
_TACTFUL = ("-c", "from orchestrator.entry.cli import main; main()")


@dataclass(frozen=True)
class Wanted:
    """How a trial is to be. Spans in seconds."""

    seconds: float
    seed: int
    lease_s: float = 4.0
    look_after_s: float = 4.0
    settle_s: float = 3.0
    rate_per_s: float = 8.0
    people: int = 200
    tickers: int = 2
    drain_s: float = 420.0
    expires: str = MARKETING_EXPIRES
    wait: str = WAIT
    """Between the two steps of a campaign."""
    faults: str = FAULTS
    workers: Mapping[str, Sequence[str]] = field(default_factory=lambda: WORKERS)
    shares: Mapping[str, float] = field(default_factory=lambda: SOMETIMES)
    every_s: tuple[float, float] = EVERY_S
    script: Sequence[str] = ()
    """These disasters first, each once; then chance, for what is left of the seconds."""
    long_pauses: bool = True
    folder: Path | None = None
    """Where everything is kept; a temporary folder, which is thrown away, if none is named."""


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    verdict: Verdict
    diary: Diary
    ledger: Ledger
    log: Log


Say = Callable[[str], None]


def trial(wanted: Wanted, over: Event, say: Say = lambda text: None) -> Outcome:
    """From nothing to the verdict. `over`, once set, cuts the disasters short."""
    with ExitStack() as stack:
        folder = wanted.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tactful-chaos-"))
        )
        stage = stack.enter_context(_stage(wanted, folder, say))
        stage.go(over)
        return stage.judged()


@dataclass
class _Stage:
    wanted: Wanted
    folder: Path
    fleet: Fleet
    postgres: Postgres
    redis: Redis
    engine: Engine
    shop: Shop
    persons: Sequence[Person]
    ids: Mapping[str, int]
    diary: Diary
    say: Say
    watched: Engine
    """The same database, by connections that nothing else uses."""
    provider_port: int

    def go(self, over: Event) -> None:
        wanted, diary = self.wanted, self.diary
        app = make_app(self.redis.url)
        life = Life(
            self.engine,
            self.shop,
            Hints(app),
            diary,
            self.persons,
            self.ids,
            wanted.seed,
            wanted.rate_per_s,
            wanted.long_pauses,
        )
        disasters = Disasters(
            self.fleet,
            self.postgres,
            self.redis,
            diary,
            Random(f"disasters {wanted.seed}"),
            wanted.shares,
            wanted.every_s,
        )
        diary.began_ns = time_ns()
        with self._watcher(disasters):
            with life:
                self.say(f"disasters for {wanted.seconds:.0f} s")
                until_s = monotonic() + wanted.seconds
                disasters.all_once(wanted.script, over)
                disasters.strike(over, until_s)
            app.close()
            diary.calm_ns = time_ns()
            if life.failures:
                raise life.failures[0]
            self._nobody_is_a_member()
            self.say("calm: until every message is at an end")
            until(self._drained(), wanted.drain_s)
            diary.ended_ns = time_ns()
        # Whoever still writes is let, and recorded.
        self.fleet.retire(TICKER, 20)
        self.fleet.retire(WORKER, 60)
        self.fleet.retire(PROVIDER, 20)

    def _watcher(self, disasters: Disasters) -> Watcher:
        return Watcher(
            self.watched,
            self.redis.port,
            self.provider_port,
            self.folder / "looks.jsonl",
            lambda: {"ready": self.fleet.ready(WORKER), "stopped": disasters.stopped},
            self.diary.looks,
        )

    def judged(self) -> Outcome:
        ledger, log = read_ledger(self.engine), read(self.folder / "provider.jsonl")
        verdict = judge(self.wanted.seed, self.diary, ledger, log, self.persons)
        return Outcome(verdict, self.diary, ledger, log)

    def _nobody_is_a_member(self) -> None:
        """Nothing more is planned from one minute to the next."""
        records = [("customers", {"id": one.key, "member": False}) for one in self.persons]
        until_committed(self.engine, lambda connection: _take(connection, records, self.shop))

    def _drained(self) -> Callable[[], bool]:
        """Looks twice a second, not all the time: others need the machine."""
        pause = Event()
        calm_s = monotonic()

        def seen() -> bool:
            pause.wait(0.5)
            try:
                open_messages, under_way = unfinished(self.engine)
            except SQLAlchemyError:
                return False
            if not open_messages and not under_way and monotonic() > calm_s + 8:
                ledger = read_ledger(self.engine)
                verdict = judge(self.wanted.seed, self.diary, ledger, Log(()), self.persons)
                return not any(what for id, what in verdict.wrong["lost"] if not id)
            return False

        return seen


def _take(connection: Connection, records: Sequence[tuple[str, object]], shop: Shop) -> None:
    done = ingest_raw(connection, records, datetime.now(UTC), shop)  # type: ignore[arg-type]
    assert not done.refused, done.refused


@contextmanager
def _stage(wanted: Wanted, folder: Path, say: Say) -> Iterator[_Stage]:
    say("starting PostgreSQL, Redis, the provider and the workers")
    diary = Diary()
    home, plugins = folder / "shop", folder / "plugins"
    home.mkdir(parents=True)
    write_shop(home, wanted.expires, wanted.wait)
    make_plugin_path(plugins)
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        broker = stack.enter_context(redis())
        http, smtp = free_port(), free_port()
        env = _env(wanted, home, plugins, database.url(DATABASE), broker.url, http)
        fleet = stack.enter_context(Fleet(folder, env, diary.restarted))
        fleet.add(
            PROVIDER,
            *(sys.executable, "-m", "tests.provider", "--log", str(folder / "provider.jsonl")),
            *("--http", str(http), "--smtp", str(smtp)),
            *("--faults", wanted.faults, "--seed", str(wanted.seed)),
        )
        for command in ("migrate", "publish"):
            _run(env, command)
        for name, more in wanted.workers.items():
            fleet.add(
                f"{WORKER}-{name}",
                *(sys.executable, *_CELERY, "-n", f"{name}@%h", *more),
                *("--without-gossip", "--without-mingle"),
            )
        for number in range(wanted.tickers):
            fleet.add(f"{TICKER}-{number}", sys.executable, *_TACTFUL, "tick")
        engine = open_database(database.url(DATABASE))
        stack.callback(engine.dispose)
        watched = open_database(database.url(DATABASE))
        stack.callback(watched.dispose)
        shop = revive_settings(_files(home)).shop
        now = datetime.now(UTC)
        persons = people(wanted.seed, wanted.people, now, timedelta(seconds=wanted.seconds))
        records = [record for one in persons for record in one.records(now)]
        until_committed(engine, lambda connection: _take(connection, records, shop))
        with reading(engine) as connection:
            rows = connection.execute(select(customers.c.key, customers.c.id)).all()
        ids = {row.key: row.id for row in rows}
        ready = [f"{WORKER}-{name}" for name in wanted.workers]
        if not until(lambda: all("ready." in fleet.log(name) for name in ready), START_S):
            raise RuntimeError(f"not all of {ready} are ready: {fleet.log(ready[0])[-2000:]}")
        yield _Stage(
            *(wanted, folder, fleet, database, broker, engine, shop, persons, ids, diary, say),
            *(watched, http),
        )


def _files(home: Path) -> dict[str, str]:
    files = {"shop.yaml": (home / "campaigns" / "shop.yaml").read_text()}
    for path in sorted((home / "templates").rglob("*.j2")):
        files[path.relative_to(home).as_posix()] = path.read_text(encoding="utf-8")
    return files


def _env(
    wanted: Wanted, home: Path, plugins: Path, database: str, broker: str, http: int
) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TACTFUL_", "CELERY_"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(plugins), str(ROOT)]),
        "TACTFUL_HOME": str(home),
        "TACTFUL_DATABASE_URL": database,
        "TACTFUL_REDIS_URL": broker,
        "TACTFUL_LEASE_S": str(wanted.lease_s),
        "TACTFUL_LOOK_AFTER_S": str(wanted.look_after_s),
        "TACTFUL_TICK_EVERY": "1s",
        "TACTFUL_HANDS": "1",
        "TACTFUL_RECORDING_URL": f"http://127.0.0.1:{http}",
        "TACTFUL_RECORDING_SETTLE_S": str(wanted.settle_s),
        "TACTFUL_RECORDING_TIMEOUT_S": "2",
    }


def _run(env: Mapping[str, str], command: str) -> None:
    done = subprocess.run(
        [sys.executable, *_TACTFUL, command],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"tactful {command}: {done.stdout}{done.stderr}")
