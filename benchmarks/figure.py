"""What is measured, and the numbers that were."""

from collections.abc import Iterator
from dataclasses import dataclass

Measured = Iterator[tuple[str, float]]
"""Figures' names with their values, as they come."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a benchmark gives.

    `name` is stable and ends in its unit (`decide_1m_s`, `renders_text_per_s`): it is the key in
    benchmarks/latest.json, by which two runs are compared. `what` and `aim` are told to people.
    """

    name: str
    what: str
    unit: str
    aim: str = ""
