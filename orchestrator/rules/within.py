"""Who is asked about: the only difference between a scheduled pass and one customer's event."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, MetaData, Table, bindparam

from orchestrator.tables.base import Id

ASKED = Table(
    "staged_asked",
    MetaData(),
    Column("customer_id", Id, nullable=False),
    Column("alone", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)
"""Who of very many is asked about by one campaign; `alone`: and by none that goes before it."""


class Within(StrEnum):
    """The shape of a scope; a statement is built once for each shape.

    `ASIDE`: whoever stands in `ASKED`, with facts set aside.
    """

    RANGE = "range"
    IDS = "ids"
    ASIDE = "aside"

    def holds(self, customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """The SQL of it; the scope itself comes as parameters."""
        if self is Within.RANGE:
            return customer_id.between(bindparam("first_id"), bindparam("last_id"))
        assert self is Within.IDS, "those set aside are joined"
        return customer_id.in_(bindparam("customer_ids", expanding=True))


@dataclass(frozen=True, slots=True)
class Range:
    """The customers whose ids lie between two, both included."""

    first: int
    last: int
    shape = Within.RANGE
    ids_or_none = None

    def parameters(self) -> dict[str, Any]:
        """What the statement needs."""
        return {"first_id": self.first, "last_id": self.last}


@dataclass(frozen=True, slots=True)
class These:
    """Just these customers."""

    ids: tuple[int, ...]
    shape = Within.IDS

    @classmethod
    def of(cls, ids: Iterable[int]) -> "These":
        """In id order: the order in which customers are locked."""
        return cls(tuple(sorted(set(ids))))

    @property
    def ids_or_none(self) -> tuple[int, ...]:
        """The ids, where the scope names them."""
        return self.ids

    def parameters(self) -> dict[str, Any]:
        """What the statement needs."""
        return {"customer_ids": list(self.ids)}


Scope = Range | These
EVERYONE = Range(0, 2**62)
