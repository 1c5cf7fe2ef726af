"""The half year before the replay, imported once and kept."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from sqlalchemy.schema import CreateTable

from demo.beside import Beside
from demo.complete_journey.clock import REPLAY_FROM
from demo.complete_journey.customers import Record
from demo.complete_journey.feed import History
from orchestrator.flow.imports import OnProgress, Progress, import_records
from orchestrator.flow.ingest import KINDS, Kind
from orchestrator.model.shop import Shop
from orchestrator.model.version import Settings
from orchestrator.store.database import open_database
from orchestrator.store.schema import create_schema
from orchestrator.tables import metadata

Told = Callable[[Kind, int], None]
"""Is told which kind is being imported, and how many records were read so far."""

LOOK_BACK = timedelta(days=180)
"""As far as habits and all but one of the campaigns look back."""

COUNTS = {
    "customers": 2_469,
    "products": 13_258,
    "prices": 62_179,
    "stock": 291,
    "consents": 7_249,
    "events": 82_640,
}
"""How many records there are, for the progress bar."""


def history_file(folder: Path, settings: Settings) -> Path:
    """Where it is kept: another place for another shop.yaml, and for other tables."""
    tables = "".join(str(CreateTable(table)) for table in metadata.sorted_tables)
    return folder / f"history-{settings.digest[:12]}-{sha256(tables.encode()).hexdigest()[:12]}.db"


def records_beside() -> Beside[tuple[Kind, Record]]:
    """What there is to import, made by a process of its own from now on."""
    return Beside(_records)


def import_history(
    path: Path, shop: Shop, records: Iterable[tuple[Kind, Record]], told: Told
) -> None:
    """A database of everything that happened before the replay. Nothing is left half done."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    engine = open_database(str(unfinished), durable=False)
    try:
        create_schema(engine)
        for kind, made in groupby(records, key=itemgetter(0)):
            its = (record for _, record in made)
            done = import_records(
                engine, kind, its, shop=shop, now=REPLAY_FROM, progress=_teller(kind, told)
            )
            told(kind, done.read)
    finally:
        engine.dispose()
    unfinished.rename(path)


def _records() -> Iterator[tuple[Kind, Record]]:
    history = History(REPLAY_FROM, since=REPLAY_FROM - LOOK_BACK)
    for kind in KINDS:
        for record in getattr(history, kind)():
            yield kind, record


def _teller(kind: Kind, told: Told) -> OnProgress:
    def tell(progress: Progress) -> None:
        told(kind, progress.rows)

    return tell
