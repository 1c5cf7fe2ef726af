"""`python -m tests.chaos --minutes 5 --seed 7`: a trial; exit code 1 where anything was wrong."""

import argparse
import secrets
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

from orchestrator.entry.logs import start_logs
from tests.chaos.disasters import SOMETIMES
from tests.chaos.judge import story
from tests.chaos.table import line, table
from tests.chaos.trial import Wanted, trial

DRAIN_S_PER_MINUTE = 15.0
"""The longer a trial, the more is in doubt in the end, and asked about one by one."""


def main() -> int:
    """Ctrl-C once cuts the disasters short, and the rest is judged; twice ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, help="repeats what chance decided (any, if not given)")
    parser.add_argument(
        "--only", default=None, metavar="KINDS",
        help=f"these disasters, by comma, or `none`; known: {', '.join(SOMETIMES)}",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, help="a new folder for logs and files")
    read = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if read.seed is None else read.seed
    shares = SOMETIMES
    if read.only is not None:
        kinds = [] if read.only == "none" else read.only.split(",")
        shares = {kind: SOMETIMES[kind] for kind in kinds}
    start_logs(level="error")  # that Redis is away is no news here
    over = Event()

    def asked(number: int, frame: FrameType | None) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    wanted = Wanted(
        read.minutes * 60,
        seed,
        people=100 + int(60 * read.minutes),
        shares=shares,
        folder=read.keep,
        drain_s=max(Wanted.drain_s, read.minutes * DRAIN_S_PER_MINUTE),
    )
    print(f"seed {seed}", flush=True)
    done = trial(wanted, over, lambda text: print(text, flush=True))
    print()
    print("\n".join(table(done.verdict, done.diary)))
    for text in story(done.verdict, done.ledger, done.log):
        print(text)
    print(line(done.verdict, done.diary))
    return 0 if done.verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
