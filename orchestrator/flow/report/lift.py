"""What a campaign brought about: the difference between two shares, and how sure that is."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959964
"""The 97.5 % point of the normal distribution: half of what a 95 % interval leaves out."""

EXPECTED_MIN = 5
"""Fewer expected successes or failures in either group, and the interval says little."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A group of customers: how many, how many of them reached the goal, what it was worth."""

    customers: int
    reached: int
    still_open: int
    worth: float

    @property
    def share(self) -> float:
        """Of all, how many reached it."""
        return self.reached / self.customers if self.customers else 0.0


@dataclass(frozen=True, slots=True)
class Lift:
    """The difference of two shares with its 95 % interval, all in percentage points.

    `enough` says whether the numbers are large enough for the interval to be believed; `certain`
    whether, moreover, it does not hold zero.
    """

    points: float
    low: float
    high: float
    enough: bool

    @property
    def certain(self) -> bool:
        """Whether chance alone hardly explains it."""
        return self.enough and not self.low <= 0 <= self.high


def lift(written_to: Arm, left_out: Arm) -> Lift | None:
    """The gain of those written to over those left out. None where a group is empty.

    The interval is Newcombe's hybrid of two Wilson intervals (Newcombe 1998, method 10).
    """
    if not written_to.customers or not left_out.customers:
        return None
    p, q = written_to.share, left_out.share
    (p_low, p_high), (q_low, q_high) = _wilson(written_to), _wilson(left_out)
    low = p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    high = p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return Lift(100 * (p - q), 100 * low, 100 * high, _enough(written_to, left_out))


def _wilson(arm: Arm) -> tuple[float, float]:
    n, p = arm.customers, arm.share
    middle = p + Z * Z / (2 * n)
    spread = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return (middle - spread) / (1 + Z * Z / n), (middle + spread) / (1 + Z * Z / n)


def _enough(*arms: Arm) -> bool:
    customers = sum(arm.customers for arm in arms)
    share = sum(arm.reached for arm in arms) / customers
    return all(
        arm.customers * share >= EXPECTED_MIN and arm.customers * (1 - share) >= EXPECTED_MIN
        for arm in arms
    )
