"""How fast messages leave for one provider account."""

from dataclasses import dataclass, field
from typing import Protocol

BURST_S = 1.0
"""What was not used is kept for so long, and may leave at once."""


class Pace(Protocol):
    """Grants messages to whoever is about to send some, over all workers together."""

    def take(self, account: str, wanted: int, rate_per_s: float, at_s: float) -> int:
        """So many of `wanted` may leave now. `at_s`: the monotonic clock here."""

    def give_back(self, account: str, number: int) -> None:
        """These were granted and not sent."""


class NoPace:
    """Grants everything: for a clock on which nobody waits."""

    def take(self, account: str, wanted: int, rate_per_s: float, at_s: float) -> int:
        """All of them."""
        return wanted

    def give_back(self, account: str, number: int) -> None:
        """Nothing was taken."""


@dataclass
class _Bucket:
    tokens: float
    filled_at_s: float


@dataclass
class LocalPace:
    """A bucket for each account in this process alone: all of the rate, or a `share` of it."""

    share: float = 1.0
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, account: str, wanted: int, rate_per_s: float, at_s: float) -> int:
        """So many of `wanted` may leave now."""
        rate = rate_per_s * self.share
        most = max(rate * BURST_S, 1.0)
        bucket = self._buckets.setdefault(account, _Bucket(most, at_s))
        gained = max(at_s - bucket.filled_at_s, 0.0) * rate
        bucket.tokens = min(bucket.tokens + gained, most)
        bucket.filled_at_s = at_s
        granted = min(wanted, int(bucket.tokens))
        bucket.tokens -= granted
        return granted

    def give_back(self, account: str, number: int) -> None:
        """These were granted and not sent."""
        if account in self._buckets:
            self._buckets[account].tokens += number
