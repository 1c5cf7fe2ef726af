"""Processes that a benchmark starts, and what all of them together cost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).parents[1]
PROC = Path("/proc")
WAIT_S = 90.0
LOOK_EVERY_S = 0.1


def cpu_s(*processes: int) -> float:
    """Seconds that the processors have worked for these and for all that descend from them."""
    return sum(_ticks(one) for one in _families(processes)) / os.sysconf("SC_CLK_TCK")


def _families(first: Sequence[int]) -> set[int]:
    parents = {int(path.name): _stat(int(path.name)) for path in PROC.glob("[0-9]*")}
    found, before = set(first), 0
    while len(found) > before:
        before = len(found)
        found |= {one for one, stat in parents.items() if stat and int(stat[1]) in found}
    return found


def _ticks(process: int) -> int:
    """Its own, and those of its children that have ended."""
    stat = _stat(process)
    return sum(map(int, stat[11:15])) if stat else 0


def _stat(process: int) -> list[str]:
    """What `proc(5)` calls the fields from the third on; nothing of a process that has gone."""
    try:
        return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def until(
    found: Callable[[], bool], what: str, wait_s: float = WAIT_S, every_s: float = LOOK_EVERY_S
) -> None:
    """Look again and again. RuntimeError when it does not come."""
    end_s = monotonic() + wait_s
    while not found():
        if monotonic() > end_s:
            raise RuntimeError(f"{what}: not within {wait_s:g} s")
        sleep(every_s)


@contextmanager
def running(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m …` in the repository's folder. It must not end before we are done with it."""
    with log.open("ab") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=written,
            stderr=written,
        )
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"{arguments[0]} has ended:\n{log.read_text()[-3000:]}")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
