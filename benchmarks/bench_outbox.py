"""From due in the ledger to recorded as accepted: claim, render, check, admit, write, record."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.engine import campaign, opened
from benchmarks.figure import Figure, Measured
from benchmarks.town import NOW, make_town
from orchestrator.store.database import open_database

CUSTOMERS = 20_000

FIGURES = (
    Figure("outbox_text_per_s", "Text messages sent", "1/s", "at least 5,000"),
    Figure("outbox_email_per_s", "E-mails with three products sent", "1/s"),
    Figure("outbox_email_files_per_s", "The same, with .eml, .html and .txt files", "1/s"),
)


def measure(divisor: int) -> Measured:
    """Everything due in a town of 20,000, divided by `divisor`, in one process."""
    number = max(CUSTOMERS // divisor, 20)
    for name, wanted, files in (
        ("text", "note", False),
        ("email", "picks", False),
        ("email_files", "picks", True),
    ):
        with TemporaryDirectory(prefix="tactful-bench-") as folder:
            yield f"outbox_{name}_per_s", _sent_per_s(wanted, number, Path(folder), files=files)


def _sent_per_s(wanted: str, number: int, folder: Path, *, files: bool) -> float:
    database = folder / "town.db"
    make_town(database, number, worldwide=False)
    engine = open_database(str(database))
    with opened(engine, [campaign(wanted)], folder, files=files) as tactful:
        (verdicts,) = tactful.plan(NOW)
        began = perf_counter()
        met = tactful.dispatch(NOW)
        seconds = perf_counter() - began
    engine.dispose()
    if met["accepted"] != verdicts.planned or met.total() != verdicts.planned:
        raise RuntimeError(f"{verdicts.planned} planned, yet {met}")
    return met["accepted"] / seconds
