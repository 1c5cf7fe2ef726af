"""Answers that take long to find: found aside, and kept for a while.

However many ask, one of them is found at a time. Nobody's answer is older than it says, and none
that is quickly found is kept at all.
"""

import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

Found = TypeVar("Found")

FINDING = "finding"
"""The name of a thread in which something is found."""


class Kept(Generic[Found]):
    """What `find` finds, in a thread of its own.

    Kept for `least_s`, and for longer where finding takes long, so that it never fills more of the
    time than `share`; where it takes no longer than `quick_s`, it is found anew each time.
    """

    def __init__(
        self, find: Callable[[], Found], *, share: float, least_s: float = 0.0, quick_s: float = 0.0
    ) -> None:
        self._find = find
        self._share = share
        self._least_s = least_s
        self._quick_s = quick_s
        self._turn = Lock()
        self._finding: Thread | None = None
        self._last: Found | None = None
        self._failed: Exception | None = None
        self._until_s = 0.0
        self.took_s = 0.0

    def get(self, wait_s: float | None = None) -> Found | None:
        """The last answer. Whoever asks while one is being found waits for so long at most, and
        gets the one before then, if there is any. Raises what kept it from being found."""
        with self._turn:
            if self._finding is None and time.monotonic() >= self._until_s:
                self._finding = Thread(target=self._look, name=FINDING, daemon=True)
                self._finding.start()
            aside = self._finding
        if aside is not None:
            aside.join(wait_s)
        with self._turn:
            if self._failed is not None and self._finding is None:
                raise self._failed
            return self._last

    def _look(self) -> None:
        began_s = time.monotonic()
        failed: Exception | None = None
        try:
            self._last = self._find()
        except Exception as error:  # told to whoever asks
            failed = error
        with self._turn:
            ended_s = time.monotonic()
            self.took_s = ended_s - began_s
            self._failed = failed
            self._until_s = ended_s + (0.0 if failed else self._worth_s())
            self._finding = None

    def _worth_s(self) -> float:
        if self.took_s <= self._quick_s:
            return 0.0
        return max(self._least_s, self.took_s / self._share)
