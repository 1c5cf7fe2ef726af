"""`tactful import`: records from files into the database."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.entry.settings import Settings
    from orchestrator.flow.imports import ImportReport, OnNews


def import_(
    kind: Annotated[
        str, typer.Argument(help="customers, products, prices, stock, consents or events.")
    ],
    files: Annotated[
        list[Path], typer.Argument(help="CSV, JSON lines or parquet; the first two also as .gz.")
    ],
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Import customers, events, products, prices or consents.

    \b
    tactful import customers customers.csv
    tactful import events 2017-10.jsonl 2017-11.jsonl.gz

    What is there already stays as it is, so a second import doubles nothing. Rows that cannot be
    taken go to FILE.rejected.csv, with line and reason; the others are kept. Ends with 1 where a
    row was rejected. `tactful columns` tells what the files may hold.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json
    from orchestrator.entry.opening import open_store, read_shop
    from orchestrator.entry.settings import settings
    from orchestrator.flow.imports import import_file
    from orchestrator.flow.lessons import TEACHING, learn_from_import
    from orchestrator.model.errors import WrongUse

    where = settings(shop)
    written = read_shop(where).shop
    reports: list[tuple[Path, ImportReport]] = []
    broken: WrongUse | None = None
    with open_store(where, make=True) as engine, _Bar(quiet=json) as bar, ExitStack() as stack:
        news = stack.enter_context(_news(where)) if kind in NEWS else None
        for file in files:
            try:
                report = import_file(
                    engine,
                    kind,
                    file,
                    shop=written,
                    now=clock.now(),
                    progress=bar.of(file),
                    news=news,
                )
            except KeyboardInterrupt:
                said = f"{file}: {bar.rows:,} rows were read; import it again to go on"
                typer.echo(said, err=True)
                raise
            except WrongUse as error:  # what the files before it came to is told all the same
                broken = error
                break
            reports.append((file, report))
        at_once = not where.redis_url
        if at_once and kind in TEACHING:
            bar.learning()
        learn_from_import(engine, written, kind, clock.now(), at_once=at_once)
    if broken is not None and not reports:
        raise broken
    if json:
        as_json([{"file": str(file), **_as_dict(report)} for file, report in reports])
    else:
        _show(reports)
    if broken is not None:
        raise broken
    if any(report.rejected for _, report in reports):
        raise typer.Exit(PROBLEMS)


NEWS = ("events", "consents", "prices", "stock")
"""Kinds of which somebody may want to hear at once."""


@contextmanager
def _news(where: "Settings") -> "Iterator[OnNews | None]":
    """Whom to tell of each batch: workers, where there is a broker between them and us."""
    if not where.redis_url:
        yield None
        return
    from orchestrator.entry.logs import start_logs
    from orchestrator.entry.queue.app import app
    from orchestrator.entry.queue.hints import Hints
    from orchestrator.entry.queue.news import News
    from orchestrator.entry.settings import redis_at

    redis_at(where.redis_url)
    start_logs(level="warning", secrets=[where.database_url, where.redis_url])
    news = News(Hints(app))
    yield news.told
    news.end()


class _Bar:
    """A progress bar on a screen; nothing where there is none."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        from orchestrator.entry.cli.screen import err

        self.rows = 0
        console = err()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rows]:,} rows"),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def learning(self) -> None:
        """Every file is read, and what they teach is worked out."""
        self._bar.add_task("learning from purchases", total=None, rows=self.rows)

    def of(self, file: Path) -> Any:
        """What to call as the import of a file goes on."""
        self.rows = 0
        task = self._bar.add_task(file.name, total=None, rows=0)

        def told(progress: Any) -> None:
            self.rows = progress.rows
            self._bar.update(
                task,
                completed=progress.bytes_read,
                total=progress.bytes_total,
                rows=progress.rows,
            )

        return told


def _as_dict(report: "ImportReport") -> dict[str, Any]:
    import dataclasses

    said = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
    return {**said, "first_refused": [one._asdict() for one in report.first_refused]}


def _show(reports: Sequence[tuple[Path, "ImportReport"]]) -> None:
    from orchestrator.entry.cli.screen import out, table

    console = out()
    shown = table("file", "rows", "new", "changed", "same", "rejected", numbers=range(1, 6))
    for file, report in reports:
        numbers = (report.read, report.new, report.changed, report.same, report.rejected)
        shown.add_row(file.name, *(f"{number:,}" for number in numbers))
    console.print(shown)
    for file, report in reports:
        for note in report.notes:
            console.print(f"{file.name}: {note}", style="yellow", soft_wrap=True)
        for refused in report.first_refused:
            console.print(f"{file}:{refused.line}: {refused.reason}", style="red", soft_wrap=True)
        if report.reject_file is not None:
            more = report.rejected - len(report.first_refused)
            rest = f"; {more:,} more of them are" if more > 0 else "; they are"
            console.print(f"{report.rejected:,} rejected{rest} in {report.reject_file}")
