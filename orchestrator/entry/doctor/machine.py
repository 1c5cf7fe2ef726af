"""The machine: Python, the zones' rules, the clock, the disk."""

import platform
import shutil
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import tzdata  # type: ignore[import-untyped]

from channels.contract import Finding
from orchestrator.entry.doctor.findings import Line, error, good, warning
from orchestrator.entry.settings import Settings

DISK_FREE_MIN = 500 * 1024 * 1024
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Tactful was written in this year: a clock before it is wrong."""


def examine_machine(now: datetime) -> Iterator[Line]:
    """All but the disk."""
    yield "tactful", good(f"{version('tactful')} on Python {platform.python_version()}")
    yield "time zones", _zones()
    if now < EARLIEST:
        yield "clock", error(f"it says {now:%F %T} UTC", "set the machine's clock")
    else:
        yield "clock", good(f"{now:%F %T} UTC")


def examine_disk(settings: Settings) -> Iterator[Line]:
    """Where Tactful keeps what it makes."""
    free = shutil.disk_usage(settings.home).free
    said = f"{free / 1024**3:.1f} GiB free"
    yield "disk", good(said) if free >= DISK_FREE_MIN else warning(said, "make room")


def _zones() -> Finding:
    """Python takes the machine's rules where it has any; ours only otherwise."""
    ours: str = tzdata.IANA_VERSION
    folder = next((Path(one) for one in zoneinfo.TZPATH if (Path(one) / "UTC").exists()), None)
    if folder is None:
        return good(f"rules of {ours}, from the package tzdata")
    theirs = _version_in(folder)
    if theirs is None:
        return good(f"rules of unknown age in {folder}; the package tzdata has {ours}")
    said = f"rules of {theirs}, from {folder}"
    if theirs < ours:
        fix = "update the system's, or set PYTHONTZPATH to nothing to use the package's"
        return warning(f"{said}; the package tzdata has {ours}", fix)
    return good(said)


def _version_in(folder: Path) -> str | None:
    """Such as `2026a`; distributions note it in one of two files, if at all."""
    for name in ("tzdata.zi", "+VERSION"):
        try:
            with (folder / name).open(encoding="ascii", errors="replace") as file:
                first = file.readline().split()
        except OSError:
            continue
        if first:
            return first[-1]
    return None
