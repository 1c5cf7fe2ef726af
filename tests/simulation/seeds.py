"""Seeds in order, each on its stage: how many, how fast, and which of them broke a promise."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.oracle import judge
from tests.simulation.run import Run
from tests.simulation.stage import Stage

STAGE_SEEDS = 100
"""So many seeds play on one stage, for making one takes as long as some dozens of runs."""

STORY_LINES = 60


class Failed(AssertionError):
    """A run that broke a promise, or broke down: how to see it again, and what happened last."""

    def __init__(self, run: Run, error: Exception) -> None:
        super().__init__(told(run, error))
        self.seed, self.why = run.seed, str(error)


@dataclass
class Tally:
    """What many runs came to."""

    seeds: int = 0
    states: Counter[str] = field(default_factory=Counter)
    written: int = 0
    deaths: int = 0
    stalls: int = 0

    def add(self, run: Run, states: Counter[str]) -> None:
        """One run more."""
        self.seeds += 1
        self.states += states
        self.written += len(run.provider.written)
        self.deaths += run.baton.deaths
        self.stalls += run.baton.stalls

    def join(self, other: "Tally") -> None:
        """Both together."""
        self.seeds += other.seeds
        self.states += other.states
        self.written += other.written
        self.deaths += other.deaths
        self.stalls += other.stalls

    def __str__(self) -> str:
        ends = ", ".join(f"{number:,} {state}" for state, number in self.states.most_common())
        return (
            f"{self.seeds:,} seeds: {self.written:,} written, {self.deaths:,} processes died, "
            f"{self.stalls:,} stood still; {ends}"
        )


class Theatre:
    """Keeps one stage at a time, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stage: Stage | None = None

    def run(self, seed: int) -> Run:
        """The run of a seed, to be played."""
        return Run(seed, self._of(seed // STAGE_SEEDS))

    def close(self) -> None:
        """Let go of the stage."""
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    def _of(self, number: int) -> Stage:
        if self._stage is None or self._stage.number != number:
            self.close()
            # A new one each time: whoever comes back to a stage finds nothing of before.
            self._stage = Stage(number, Path(tempfile.mkdtemp(dir=self._folder)))
        return self._stage


@contextmanager
def theatre() -> Iterator[Theatre]:
    """A theatre in a folder that is gone afterwards, in memory where the machine has such."""
    memory = Path("/dev") / "shm"
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        made = Theatre(Path(folder))
        try:
            yield made
        finally:
            made.close()


def play(seeds: Iterable[int]) -> Tally:
    """Play and judge each seed. Raises Failed at the first that fails."""
    tally = Tally()
    with theatre() as stage:
        for seed in seeds:
            run = stage.run(seed)
            try:
                run.play()
                tally.add(run, judge(run))
            except Exception as error:
                raise Failed(run, error) from error
    return tally


def told(run: Run, error: Exception) -> str:
    """What a person needs to look into a failure."""
    lines = [
        f"  {at:%d %H:%M:%S.%f} {who:<10} {' '.join(what.split())[:120]}"
        for at, who, what in run.baton.story[-STORY_LINES:]
    ]
    again = f"  make sim SEEDS=1 FROM={run.seed}"
    return "\n".join([*lines, f"seed {run.seed}: {type(error).__name__}: {error}", again])
