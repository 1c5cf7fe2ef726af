"""How somebody asks a command to end that would go on for ever."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any


@contextmanager
def stopping(*, second_interrupts: bool = False) -> Iterator[Event]:
    """Set by the first of these signals; a second one interrupts at once where that is wanted."""
    stop = Event()

    def asked(number: int, frame: Any) -> None:
        if second_interrupts and stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {which: signal.signal(which, asked) for which in ending_signals()}
    try:
        yield stop
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def ending_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and SIGHUP: the terminal was closed, or the connection to it was lost.

    Whoever started it with `nohup` wants it to go on then.
    """
    found = [signal.SIGINT, signal.SIGTERM]
    hangs_up: signal.Signals | None = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangs_up is not None and signal.getsignal(hangs_up) is not signal.SIG_IGN:
        found.append(hangs_up)
    return found
