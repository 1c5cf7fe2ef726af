"""Imports: many records of one kind, from a file or from memory, in batches.

Each batch is read, checked and written in one transaction, so memory does not grow with the file,
and an import that was stopped is simply started again: what is there counts as `same`.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table

from orchestrator.flow.imports.rejects import RejectFile
from orchestrator.flow.imports.sources import SourceRow, open_source
from orchestrator.flow.ingest import KINDS, Batch, Ingested, Kind, Reader, Refused, Tally, ingest
from orchestrator.model.errors import WrongUse
from orchestrator.model.problem import did_you_mean
from orchestrator.model.shop import Shop
from orchestrator.store.database import filling, writing
from orchestrator.tables import event_products, events

BATCH_ROWS = 5_000
REFUSED_KEPT_MAX = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `bytes_total` is 0 for records from memory."""

    rows: int
    bytes_read: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: `read` = new + changed + same + rejected.

    `first_refused`: the first few refusals; all of them stand in `reject_file`.
    """

    kind: Kind
    read: int
    new: int
    changed: int
    same: int
    rejected: int
    notes: tuple[str, ...]
    first_refused: tuple[Refused, ...]
    reject_file: Path | None


_FILLED: Mapping[Kind, tuple[Table, ...]] = {"events": (events, event_products)}

OnProgress = Callable[[Progress], None]
OnNews = Callable[[Ingested], None]
"""Is told what a batch did, once it is committed."""

OnRefused = Callable[[Refused, Any], None]


def import_file(
    engine: Engine,
    kind: str,
    path: Path,
    *,
    shop: Shop,
    now: datetime,
    progress: OnProgress | None = None,
    news: OnNews | None = None,
    batch_rows: int = BATCH_ROWS,
) -> ImportReport:
    """Import a file of one kind of record. Raises WrongUse for a file that is none."""
    known = _kind(kind)
    with (
        _naming(path),
        closing(open_source(path)) as source,
        RejectFile(path, source.header if _tabular(path) else None) as rejects,
    ):

        def told(rows: int) -> None:
            if progress is not None:
                progress(Progress(rows, source.bytes_read, source.size))

        report = _import(
            engine,
            known,
            source.rows,
            shop=shop,
            now=now,
            told=told,
            news=news,
            refused=lambda one, written: rejects.add(one.line, one.reason, written),
            batch_rows=batch_rows,
        )
        return replace(report, reject_file=rejects.written)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with the file is told with its name: there may be many."""
    try:
        yield
    except WrongUse as error:
        if path.name in str(error):
            raise
        raise WrongUse(f"{path}: {error}") from error


def import_records(
    engine: Engine,
    kind: str,
    records: Iterable[Mapping[str, Any]],
    *,
    shop: Shop,
    now: datetime,
    progress: OnProgress | None = None,
    news: OnNews | None = None,
    batch_rows: int = BATCH_ROWS,
) -> ImportReport:
    """Import records from memory, the same way; they may come from a generator."""

    def told(rows: int) -> None:
        if progress is not None:
            progress(Progress(rows, 0, 0))

    rows = (SourceRow(line, raw, raw) for line, raw in enumerate(records, 1))
    return _import(
        engine,
        _kind(kind),
        rows,
        shop=shop,
        now=now,
        told=told,
        news=news,
        refused=None,
        batch_rows=batch_rows,
    )


def _kind(word: str) -> Kind:
    for kind in KINDS:
        if word == kind:
            return kind
    raise WrongUse(f"cannot import {word!r}; {did_you_mean(word, KINDS)}")


def _tabular(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def _import(
    engine: Engine,
    kind: Kind,
    rows: Iterator[SourceRow],
    *,
    shop: Shop,
    now: datetime,
    told: Callable[[int], None],
    news: OnNews | None,
    refused: OnRefused | None,
    batch_rows: int,
) -> ImportReport:
    reader = Reader(shop, now)
    total, read, rejected, forgotten = Tally(), 0, 0, 0
    first: list[Refused] = []
    known: dict[str, int] = {}
    with filling(engine, *_FILLED.get(kind, ())), _no_garbage():
        while batch := list(islice(rows, batch_rows)):
            good, bad = _check(reader, kind, batch)
            if good:
                with writing(engine) as connection:
                    done = ingest(connection, Batch(**{kind: tuple(good)}), now, shop, known)
                if news is not None:
                    news(done)
                total.add(done.tallies[kind])
                forgotten += done.forgotten
                bad += done.refused
            bad.sort(key=lambda one: one.line)
            first += bad[: REFUSED_KEPT_MAX - len(first)]
            rejected += len(bad)
            if refused is not None and bad:
                written = {row.line: row.written for row in batch}
                for one in bad:
                    refused(one, written[one.line])
            read += len(batch)
            told(read)
    notes = tuple(reader.notes())
    if forgotten:
        notes += (f"{forgotten} left out: they are about customers who were forgotten",)
    return ImportReport(
        kind, read, total.new, total.changed, total.same, rejected, notes, tuple(first), None
    )


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Without the search for cycles: records have none, and it would take a third of the time."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def _check(reader: Reader, kind: Kind, batch: list[SourceRow]) -> tuple[list[Any], list[Refused]]:
    good: list[Any] = []
    bad: list[Refused] = []
    read = reader.read
    for line, said, _, wrong in batch:
        if wrong is not None:
            bad.append(Refused(kind, line, wrong))
            continue
        try:
            good.append(read(kind, line, said))
        except ValueError as error:
            bad.append(Refused(kind, line, str(error)))
    return good, bad
