"""One measured number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit, and the aim it is held against.

    `name` is dotted and stable ("decide.one_campaign.1000000_customers"): it is the key in
    benchmarks/latest.json, by which two runs are compared. `aim` says in words what was hoped for.
    """

    name: str
    value: float
    unit: str
    aim: str = ""
