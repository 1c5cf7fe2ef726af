"""How somebody asks a command to end that would go on for ever."""

import signal


def ending_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and SIGHUP: the terminal was closed, or the connection to it was lost.

    Whoever started it with `nohup` wants it to go on then.
    """
    found = [signal.SIGINT, signal.SIGTERM]
    hangs_up: signal.Signals | None = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangs_up is not None and signal.getsignal(hangs_up) is not signal.SIG_IGN:
        found.append(hangs_up)
    return found
