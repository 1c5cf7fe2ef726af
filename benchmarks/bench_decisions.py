"""One campaign over everyone: how fast it is decided, and how time and memory grow."""

import json
import subprocess
import sys
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure, Measured
from benchmarks.planning import Planned
from benchmarks.town import make_town

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
PASSES = 3

FIGURES = (
    Figure("decide_10k_s", "One campaign over 10,000 customers", "s"),
    Figure("decide_100k_s", "One campaign over 100,000 customers", "s"),
    Figure("decide_1m_s", "One campaign over 1,000,000 customers", "s", "at most 10"),
    Figure("decide_1m_first_s", "The same, first pass of a process", "s"),
    Figure("decisions_per_s_100k", "Decisions, of 100,000", "1/s"),
    Figure("decisions_per_s_1m", "Decisions, of 1,000,000", "1/s"),
    Figure("decide_growth_exponent", "Time grows as customers to the power of", "", "about 1"),
    Figure("rss_peak_mb_10k", "Peak memory of the process, 10,000", "MB"),
    Figure("rss_peak_mb_100k", "Peak memory of the process, 100,000", "MB"),
    Figure("rss_peak_mb_1m", "Peak memory of the process, 1,000,000", "MB"),
    Figure("own_peak_mb_10k", "Of that not the mapped database file, 10,000", "MB"),
    Figure("own_peak_mb_1m", "Of that not the mapped database file, 1,000,000", "MB", "flat"),
)


def measure(divisor: int) -> Measured:
    """The sizes are divided by `divisor`."""
    best = {}
    for name, number in SIZES.items():
        answer = _plan(max(number // divisor, 10))
        best[name] = min(answer.seconds)
        yield f"decide_{name}_s", best[name]
        yield f"rss_peak_mb_{name}", answer.peak_mb
        if name != "100k":
            yield f"own_peak_mb_{name}", answer.own_peak_mb
        if name != "10k":
            yield f"decisions_per_s_{name}", answer.decided / best[name]
        if name == "1m":
            yield "decide_1m_first_s", answer.seconds[0]
    growth = SIZES["1m"] / SIZES["10k"]
    yield "decide_growth_exponent", log(best["1m"] / best["10k"]) / log(growth)


def _plan(number: int) -> Planned:
    with TemporaryDirectory(prefix="tactful-bench-") as folder:
        database = Path(folder, "town.db")
        make_town(database, number)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.planning", str(database), str(PASSES)],
            check=True,
            capture_output=True,
            text=True,
        )
    return Planned(**json.loads(done.stdout))
