"""Runs the benchmarks, prints a table of each, and keeps every figure in benchmarks/latest.json.

    python -m benchmarks [--small] [SUBJECT ...]

Naming subjects runs only those, and leaves the other figures in the file as they were. The table in
docs/benchmarks.md is written anew from the file. `--small` shows within seconds that everything
still runs; its figures mean nothing and are kept nowhere.
"""

import argparse
import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure
from benchmarks.told import tell

HERE = Path(__file__).parent
LATEST = HERE / "latest.json"
DOCS = HERE.parent / "docs" / "benchmarks.md"
PREFIX = "bench_"
SMALL = 100
"""How many times smaller `--small` is."""


def subjects() -> list[str]:
    """What can be measured: one for each `bench_<subject>.py`."""
    names = (module.name for module in iter_modules([str(HERE)]))
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def figures(subject: str) -> tuple[Figure, ...]:
    """The figures that a subject promises."""
    promised: tuple[Figure, ...] = import_module(f"benchmarks.{PREFIX}{subject}").FIGURES
    return promised


def measure(subject: str, divisor: int) -> dict[str, float]:
    """The figures of a subject, each rounded to four digits."""
    found = import_module(f"benchmarks.{PREFIX}{subject}").measure(divisor)
    return {name: float(f"{value:.4g}") for name, value in found}


def machine() -> dict[str, str | int | None]:
    """What the figures were measured on."""
    return {
        "machine_cores": os.cpu_count(),
        "machine_cpu": _cpu(),
        "machine_python": platform.python_version(),
        "machine_sqlite": sqlite3.sqlite_version,
        "machine_system": platform.system(),
    }


def keep(found: Mapping[str, float], path: Path) -> None:
    """Writes the figures over those of the same name: flat JSON, with the machine they are from."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = {**before, **machine(), **found}
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    known = subjects()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Tactful.")
    parser.add_argument("subject", nargs="*", help=f"of {', '.join(known)}; all when none is named")
    parser.add_argument("--small", action="store_true", help="only show that everything runs")
    asked = parser.parse_args(arguments)
    wanted = asked.subject or known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"no such subject: {', '.join(unknown)}; there are {', '.join(known)}")

    console = Console()
    for subject in wanted:
        found = measure(subject, SMALL if asked.small else 1)
        console.print(_table(subject, figures(subject), found))
        if not asked.small:
            keep(found, LATEST)
    if not asked.small:
        tell(json.loads(LATEST.read_text(encoding="utf-8")), map(figures, known), DOCS)
    return 0


def _table(subject: str, promised: Iterable[Figure], found: Mapping[str, float]) -> Table:
    shown = Table("what", "figure", "unit", "aim", title=subject, title_justify="left")
    shown.columns[1].justify = "right"
    for figure in promised:
        shown.add_row(figure.what, f"{found[figure.name]:,.6g}", figure.unit, figure.aim)
    return shown


def _cpu() -> str:
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    raise SystemExit(main())
