"""`make sim SEEDS=1000 FROM=0`: so many runs, until one of them breaks a promise."""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import monotonic

from tests.simulation.seeds import STAGE_SEEDS, Failed, Tally, play


def stretches(first: int, seeds: int) -> list[range]:
    """The seeds by their stages."""
    found, end = [], first + seeds
    while first < end:
        until = min(end, (first // STAGE_SEEDS + 1) * STAGE_SEEDS)
        found.append(range(first, until))
        first = until
    return found


def of_stage(seeds: range) -> Tally | str:
    """What the seeds of one stage came to, or the story of a failure."""
    try:
        return play(seeds)
    except Failed as failed:
        return str(failed)


def main() -> int:
    """Play them on all cores; 1 at the first failure."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    asked = parser.parse_args()
    begun, total = monotonic(), Tally()
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 8)) as hands:
        waiting = [hands.submit(of_stage, part) for part in stretches(asked.first, asked.seeds)]
        for done in as_completed(waiting):
            came_to = done.result()
            if isinstance(came_to, str):
                hands.shutdown(wait=False, cancel_futures=True)
                print(came_to, flush=True)
                return 1
            total.join(came_to)
            rate = total.seeds / (monotonic() - begun)
            print(f"{total.seeds:,} of {asked.seeds:,} seeds, {rate:.1f} a second", flush=True)
    print(total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
