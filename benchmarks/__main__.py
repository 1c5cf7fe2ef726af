"""Runs the benchmarks, prints a table for each, and keeps every figure in benchmarks/latest.json.

    python -m benchmarks [SUBJECT ...]

Naming subjects runs only those, and leaves the other figures in the file as they were.
"""

import argparse
import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure

HERE = Path(__file__).parent
LATEST = HERE / "latest.json"
PREFIX = "bench_"


def subjects() -> list[str]:
    """What can be measured: one for each `bench_<subject>.py`."""
    names = (module.name for module in iter_modules([str(HERE)]))
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def table(subject: str, figures: Iterable[Figure]) -> Table:
    shown = Table("figure", "value", "unit", "aim", title=subject, title_justify="left")
    shown.columns[1].justify = "right"
    for figure in figures:
        shown.add_row(figure.name, f"{figure.value:,.6g}", figure.unit, figure.aim)
    return shown


def keep(figures: Iterable[Figure], path: Path) -> None:
    """Writes the figures over those of the same name: flat JSON, with the machine they are from."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {
        "machine.cores": os.cpu_count(),
        "machine.processor": platform.machine(),
        "machine.python": platform.python_version(),
        "machine.sqlite": sqlite3.sqlite_version,
        "machine.system": platform.system(),
    }
    kept |= {f"{figure.name} [{figure.unit}]": figure.value for figure in figures}
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    known = subjects()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Tactful.")
    parser.add_argument("subject", nargs="*", help=f"of {', '.join(known)}; all when none is named")
    wanted = parser.parse_args(arguments).subject or known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"no such subject: {', '.join(unknown)}; there are {', '.join(known)}")

    console = Console()
    for subject in wanted:
        module = import_module(f"benchmarks.{PREFIX}{subject}")
        figures = list(module.measure())
        console.print(table(subject, figures))
        keep(figures, LATEST)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
