"""The figures as a table in docs/benchmarks.md, between its two marks."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

BEGIN = "<!-- figures: written by python -m benchmarks -->"
END = "<!-- end of figures -->"


def tell(kept: Mapping[str, Any], subjects: Iterable[Iterable[Figure]], path: Path) -> None:
    """Writes the table over the one that stands there."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join(lines(kept, subjects))
    path.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def lines(kept: Mapping[str, Any], subjects: Iterable[Iterable[Figure]]) -> Iterator[str]:
    """The machine in a sentence, then a row for each figure that was measured."""
    yield (
        f"Measured on {kept['machine_cores']} cores of {kept['machine_cpu']}, "
        f"{kept['machine_system']}, Python {kept['machine_python']}, "
        f"SQLite {kept['machine_sqlite']}."
    )
    yield ""
    yield "| What | Figure | Aim | Key |"
    yield "|---|--:|---|---|"
    for figures in subjects:
        for figure in figures:
            if figure.name in kept:
                value = f"{shown(kept[figure.name])} {figure.unit}".strip()
                yield f"| {figure.what} | {value} | {figure.aim} | `{figure.name}` |"


def shown(value: float) -> str:
    """Three digits, with thousands apart: `12,300`, `4.57`, `0.021`."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"
