"""`python -m demo`: four weeks of a grocery shop around Thanksgiving 2017, on the virtual clock."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from channels.outbox import OutboxChannel, OutboxSettings
from demo.beside import Beside
from demo.complete_journey.clock import REPLAY_FROM, REPLAY_TO
from demo.complete_journey.customers import Record
from demo.complete_journey.feed import replay as feed
from demo.complete_journey.source import SourceMissing
from demo.history import COUNTS, history_file, import_history, records_beside
from demo.show import show
from orchestrator.entry.chance import new_deployment
from orchestrator.entry.cli.screen import complain, out, problems_found
from orchestrator.entry.memory import settle
from orchestrator.entry.opening import make_tactful
from orchestrator.flow.ingest import Kind
from orchestrator.flow.load import Loaded, load
from orchestrator.flow.pace import NoPace
from orchestrator.flow.replay import Arrival, replay
from orchestrator.flow.tactful import Tactful
from orchestrator.store.database import open_database, writing
from orchestrator.store.deployment import this_deployment

HOME = Path(__file__).resolve().parent.parent
VAR = HOME / "var" / "demo"
STEP = timedelta(hours=3)
AFTERWARDS = 10
"""How nice the process is that makes what arrives during the replay: the import comes first."""

Fed = tuple[str, Record]
Records = Iterable[tuple[Kind, Record]]
KINDS: dict[str, Kind] = {
    "price": "prices",
    "stock": "stock",
    "consent": "consents",
    "event": "events",
}


def main() -> int:
    """Import once, replay, show."""
    began = time.monotonic()
    VAR.mkdir(parents=True, exist_ok=True)
    # What will be needed is made meanwhile, by processes of their own.
    before = None if any(VAR.glob("history-*.db")) else records_beside()
    with closing(Beside(feed, nice=AFTERWARDS)) as arriving:
        loaded = load(HOME)
        if loaded.problems or loaded.settings is None:
            problems_found(loaded.problems)
            return 1
        settle()
        try:
            history = _history(loaded, before)
            _replay(loaded, history, arriving)
        except SourceMissing as missing:
            complain(str(missing))
            return 3
    took = time.monotonic() - began
    out().print(f"\nFour weeks in {took:.0f} seconds.", style="dim")
    return 0


def _history(loaded: Loaded, records: Records | None) -> Path:
    """The imported history; made at the first run, and again where it would come out otherwise."""
    assert loaded.settings is not None  # main has seen to it
    path = history_file(VAR, loaded.settings)
    if not path.exists():
        for old in VAR.glob("history-*"):
            old.unlink()
        with _bar("Importing the half year before") as (progress, task):
            progress.update(task, total=sum(COUNTS.values()))
            read: dict[Kind, int] = {}

            def told(kind: Kind, rows: int) -> None:
                read[kind] = rows
                progress.update(task, completed=sum(read.values()), what=kind)

            import_history(path, loaded.settings.shop, records or records_beside(), told)
    return path


def _replay(loaded: Loaded, history: Path, arriving: Iterable[Fed]) -> None:
    path, outbox = VAR / "demo.db", VAR / "outbox"
    for old in VAR.glob("demo.db*"):
        old.unlink()
    _clear(outbox)
    shutil.copy(history, path)
    engine = open_database(str(path), durable=False)
    try:
        with writing(engine) as connection:
            deployment = this_deployment(connection, new_deployment())
        with OutboxChannel(OutboxSettings(folder=outbox)) as channel:
            assert loaded.settings is not None  # main has seen to it
            channels = dict.fromkeys(loaded.settings.shop.channels, channel)
            tactful = make_tactful(engine, loaded, channels, deployment, pace=NoPace())
            tactful.publish(REPLAY_FROM - timedelta(days=1))
            _watch(tactful, arriving)
            show(tactful, outbox, REPLAY_TO)
    finally:
        engine.dispose()


def _clear(outbox: Path) -> None:
    """Take the last run's outbox out of the way; its thousands of files go in the background."""
    old = outbox.with_name("outbox.old")
    shutil.rmtree(old, ignore_errors=True)
    if outbox.exists():
        outbox.rename(old)
        Thread(target=shutil.rmtree, args=(old,), kwargs={"ignore_errors": True}).start()


def _watch(tactful: Tactful, arriving: Iterable[Fed]) -> None:
    """Let the four weeks pass."""
    with _bar("Replaying four weeks") as (progress, task):
        progress.update(task, total=(REPLAY_TO - REPLAY_FROM) // STEP + 1)
        sent: Counter[str] = Counter()
        for moment in replay(tactful, _arrivals(arriving), REPLAY_FROM, REPLAY_TO, step=STEP):
            if moment.now == REPLAY_FROM + timedelta(days=1):
                settle()  # by now every campaign has asked
            sent.update(moment.tick.sent)
            what = f"{moment.now:%a %d %b}, {sent['accepted']:,} messages"
            progress.update(task, advance=1, what=what)


def _arrivals(arriving: Iterable[Fed]) -> Iterator[Arrival]:
    for kind, record in arriving:
        yield datetime.fromisoformat(str(record["at"])), KINDS[kind], record


@contextmanager
def _bar(title: str) -> Iterator[tuple[Progress, TaskID]]:
    with Progress(
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        console=out(),
    ) as progress:
        yield progress, progress.add_task("", total=None, what="")


if __name__ == "__main__":
    sys.exit(main())
