"""What time it is, for work that lasts: handed down from the floor that may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """`now` reads the calendar, in UTC; `monotonic` counts seconds and never goes back.

    Sending many messages lasts: each batch is judged by the moment at which it leaves, not by the
    one at which the work began.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]

    @classmethod
    def still(cls, at: datetime) -> "Watch":
        """A watch that stands: everything happens at one instant."""
        return cls(lambda: at, at.timestamp)
