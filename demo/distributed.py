"""`python -m demo.distributed`: the same shop, today, on PostgreSQL, Redis and Celery workers.

The year's shopping is moved so that it ends today, and everybody lives where it is day now; from
then on a price falls every few seconds. The processes are those of the Procfile. Ctrl-C ends all.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from secrets import token_urlsafe
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, func, select

from demo.__main__ import HOME, _bar
from demo.complete_journey.clock import REPLAY_FROM
from demo.complete_journey.feed import History
from demo.complete_journey.source import SourceMissing
from demo.history import COUNTS, LOOK_BACK
from orchestrator.entry import clock
from orchestrator.entry.chance import new_deployment
from orchestrator.entry.cli.screen import complain, out
from orchestrator.entry.opening import make_tactful
from orchestrator.flow.imports import Progress, import_records
from orchestrator.flow.ingest import KINDS, ingest_raw
from orchestrator.flow.lessons import learn_what_is_due
from orchestrator.flow.load import Loaded, load
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.deployment import this_deployment
from orchestrator.store.schema import create_schema
from orchestrator.tables import messages, products

PLACE = HOME / "var" / "distributed"
DAY = timedelta(days=1)
NOON = 13
FALLS_EVERY_S = 3.0
FALLS_TO = Decimal("0.6")
PROCESSES = ("web", "tick", "plan", "decide", "email", "texts", "feedback")

Record = dict[str, Any]


def main() -> int:
    """Servers, history, processes, and what leaves; until Ctrl-C, or for so many seconds."""
    parser = argparse.ArgumentParser(prog="python -m demo.distributed", description=__doc__)
    parser.add_argument("--seconds", type=float, help="end by itself after so long")
    seconds: float | None = parser.parse_args().seconds
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the processes end as by Ctrl-C
    loaded = load(HOME)
    assert not loaded.problems  # the shipped campaigns are right
    shutil.rmtree(PLACE, ignore_errors=True)
    for folder in ("campaigns", "templates"):
        shutil.copytree(HOME / folder, PLACE / folder)
    try:
        with _servers() as environ, _database(environ) as engine:
            prices = _prepare(engine, loaded)
            with _processes(environ), _falling_prices(engine, loaded, prices):
                _watch(engine, environ, seconds)
                out().print("\nEnding; what is in hand is recorded first.", style="dim")
    except SourceMissing as missing:
        complain(str(missing))
        return 3
    return 0


@contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """The servers that the environment names, else some of our own; what processes are to know."""
    from tests.servers import postgres, redis

    found = {
        **os.environ,
        "TACTFUL_HOME": str(PLACE),
        "TACTFUL_LOG": "text",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }
    with ExitStack() as stack:
        if "TACTFUL_DATABASE_URL" not in found:
            out().print("starting PostgreSQL …", style="dim")
            found["TACTFUL_DATABASE_URL"] = stack.enter_context(postgres()).url()
        if "TACTFUL_REDIS_URL" not in found:
            out().print("starting Redis …", style="dim")
            found["TACTFUL_REDIS_URL"] = stack.enter_context(redis()).url
        yield found


@contextmanager
def _database(environ: Mapping[str, str]) -> Iterator[Engine]:
    engine = open_database(environ["TACTFUL_DATABASE_URL"])
    try:
        create_schema(engine)
        yield engine
    finally:
        engine.dispose()


def _prepare(engine: Engine, loaded: Loaded) -> dict[str, Record]:
    """Half a year of shopping, what it teaches, and the campaigns at work since yesterday.

    The answer: product → its last price.
    """
    assert loaded.settings is not None  # nothing is wrong, so it is there
    now = clock.now()
    later = (now - REPLAY_FROM) // DAY * DAY  # whole days: people shop at their hours
    history = History(REPLAY_FROM, since=REPLAY_FROM - LOOK_BACK)
    prices: dict[str, Record] = {}
    with _bar("Importing half a year of shopping") as (progress, task):
        progress.update(task, total=sum(COUNTS.values()))
        before = 0
        for kind in KINDS:
            records = getattr(history, kind)()

            def told(read: Progress, before: int = before, kind: str = kind) -> None:
                progress.update(task, completed=before + read.rows, what=kind)

            moved = _moved(records, later)
            if kind == "customers":
                moved = _here(moved, now)
            if kind == "prices":
                moved = _noted(moved, prices)
            done = import_records(
                engine, kind, moved, shop=loaded.settings.shop, now=now, progress=told
            )
            before += done.read
        progress.update(task, completed=before, what="learning from purchases")
        with writing(engine) as connection:
            deployment = this_deployment(connection, new_deployment())
        tactful = make_tactful(engine, loaded, {}, deployment)
        learn_what_is_due(tactful, now)
        tactful.publish(now - DAY)
    return prices


def _moved(records: Iterable[Record], later: timedelta) -> Iterator[Record]:
    for record in records:
        times = {name: record[name] for name in ("at", "until") if record.get(name)}
        moved = {
            name: (datetime.fromisoformat(at) + later).isoformat() for name, at in times.items()
        }
        yield {**record, **moved}


def _noted(prices: Iterable[Record], last: dict[str, Record]) -> Iterator[Record]:
    for price in prices:
        last[price["product"]] = price
        yield price


def _here(customers: Iterable[Record], now: datetime) -> Iterator[Record]:
    """Where it is early afternoon now, so that nobody is asleep."""
    east = (NOON - now.hour + 11) % 24 - 11
    zone = f"Etc/GMT{-east:+d}" if east else "Etc/GMT"  # their signs are the wrong way round
    for one in customers:
        yield {**{name: value for name, value in one.items() if "quiet" not in name}, "zone": zone}


@contextmanager
def _processes(environ: Mapping[str, str]) -> Iterator[None]:
    """The Procfile's, in a session of their own; what they say goes into a file."""
    from tests.servers.ports import free_port

    port, key = free_port(), token_urlsafe(24)
    command = [sys.executable, "-m", "honcho", "start", "-f", str(HOME / "Procfile")]
    log = PLACE / "processes.log"
    with (
        log.open("w") as said,
        subprocess.Popen(
            [*command, "-p", str(port), *PROCESSES],
            cwd=HOME,
            env={**environ, "PORT": str(port), "TACTFUL_CONSOLE_KEY": key},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as honcho,
    ):
        console = out()
        console.print(f"{len(PROCESSES)} processes; what they say: {log}", soft_wrap=True)
        console.print(
            f"console: http://127.0.0.1:{port}/console, with the key {key}", soft_wrap=True
        )
        console.print(f"metrics: http://127.0.0.1:{port}/metrics", soft_wrap=True)
        console.print(f"messages: {PLACE / 'var' / 'outbox'}", soft_wrap=True)
        try:
            yield
        finally:
            honcho.send_signal(signal.SIGTERM)
            honcho.wait()


@contextmanager
def _falling_prices(engine: Engine, loaded: Loaded, prices: Mapping[str, Record]) -> Iterator[None]:
    """Every few seconds one of the products that sell most costs a good third less."""
    assert loaded.settings is not None  # nothing is wrong, so it is there
    shop, ended = loaded.settings.shop, Event()
    with reading(engine) as connection:
        popular = select(products.c.key).order_by(products.c.popularity.desc(), products.c.id)
        keys = [key for key in connection.scalars(popular.limit(500)) if key in prices]

    def fall() -> None:
        for key in keys:
            if ended.wait(FALLS_EVERY_S):
                return
            now, price = clock.now(), prices[key]
            amount = f"{Decimal(price['amount']) * FALLS_TO:.2f}"
            said = {**price, "amount": amount, "at": now.isoformat(), "until": None}
            with writing(engine) as connection:
                ingest_raw(connection, [("prices", said)], now, shop)

    thread = Thread(target=fall, name="prices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(engine: Engine, environ: Mapping[str, str], seconds: float | None) -> None:
    if seconds is None and out().is_terminal:
        with suppress(KeyboardInterrupt):
            subprocess.run(["tactful", "top"], env=dict(environ), check=False)
        return
    ends_s = float("inf") if seconds is None else time.monotonic() + seconds
    try:
        while time.monotonic() < ends_s:
            time.sleep(min(2.0, seconds or 2.0))
            with reading(engine) as connection:
                counted = select(messages.c.state, func.count()).group_by(messages.c.state)
                found = ", ".join(f"{n:,} {state}" for state, n in connection.execute(counted))
            out().print(f"{clock.now():%H:%M:%S}  {found or 'nothing yet'}")
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    sys.exit(main())
