"""The provider as a process of its own: prints its ports in one line of JSON, ends by SIGTERM."""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

from tests.provider.callbacks import Callbacks
from tests.provider.faults import Faults
from tests.provider.provider import Options, Provider

_LOOK_S = 0.5


def options(arguments: list[str]) -> tuple[Options, bool]:
    """The options, and whether to end with the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.provider", description=__doc__)
    parser.add_argument("--http", type=int, default=0, metavar="PORT")
    parser.add_argument("--smtp", type=int, default=0, metavar="PORT")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE")
    parser.add_argument("--faults", default="", metavar="SPEC", help="see tests/provider/faults.py")
    parser.add_argument("--callbacks", default="", metavar="SPEC", help="see callbacks.py")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--idempotent", action="store_true")
    parser.add_argument("--counting", action="store_true")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent ends")
    read = parser.parse_args(arguments)
    try:
        faults = Faults.parse(read.faults, read.seed)
        callbacks = Callbacks.parse(read.callbacks, read.seed)
    except ValueError as error:
        parser.error(str(error))
    wanted = Options(
        read.log, read.http, read.smtp, faults, callbacks, read.idempotent, read.counting
    )
    return wanted, read.with_parent


async def serve(wanted: Options, with_parent: bool) -> None:
    """Until told to stop."""
    parent = os.getppid()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    provider = Provider(wanted)
    await provider.start()
    ready = {"http": provider.http_port, "smtp": provider.smtp_port, "pid": os.getpid()}
    print(json.dumps(ready), flush=True)
    while not stop.is_set() and (not with_parent or os.getppid() == parent):
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_S if with_parent else None)
        except TimeoutError:
            continue
    await provider.stop()


if __name__ == "__main__":
    # What is kept is kept for good: looking through it for cycles costs time and finds none.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    asyncio.run(serve(*options(sys.argv[1:])))
