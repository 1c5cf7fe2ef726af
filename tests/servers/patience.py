"""Waiting for another process: looking again and again, for as long as it may take.

The only place in the tests that sleeps; nothing of Tactful's own is ever waited for by the clock.
"""

import time
from collections.abc import Callable

PATIENCE_S = 30.0
_LOOK_S = 0.01


def until(seen: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Whether it is seen before patience ends."""
    end = time.monotonic() + patience_s
    while not (done := seen()) and time.monotonic() < end:
        time.sleep(_LOOK_S)
    return done
