"""Choices that look like chance and are none: a hash of what is asked and about whom."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def share(household: int, question: str) -> float:
    """A number in [0, 1), the same for ever for the same household and question."""
    digest = blake2b(f"{household}/{question}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def happens(household: int, question: str, probability: float) -> bool:
    return share(household, question) < probability


def pick(household: int, question: str, choices: Sequence[T]) -> T:
    return choices[int(share(household, question) * len(choices))]


def between(household: int, question: str, low: int, high: int) -> int:
    """A whole number from `low` up to and including `high`."""
    return low + int(share(household, question) * (high - low + 1))
