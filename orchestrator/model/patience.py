"""How long Tactful waits for others before it takes something as lost."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Patience:
    """Spans of waiting. The defaults suit providers that take minutes to list what they took.

    `lease`: how long a worker may hold what it has claimed, and how long a write may stay without
    any answer after its deadline. `look_after`: when a lost answer is first looked for at the
    provider; `look_again`: the time between two looks; `look_for`: after so long, a message that
    was not found is given up. `retry_after`: a certain, passing failure comes back within twice
    that, the next time within four times …, but never more than `retry_after_max`.
    """

    lease: timedelta = timedelta(minutes=2)
    look_after: timedelta = timedelta(minutes=2)
    look_again: timedelta = timedelta(minutes=5)
    look_for: timedelta = timedelta(minutes=15)
    retry_after: timedelta = timedelta(minutes=1)
    retry_after_max: timedelta = timedelta(minutes=30)


USUAL = Patience()
"""As long as most providers need."""
