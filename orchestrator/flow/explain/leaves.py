"""The leaves of an audience: what each asks, what it looked at, and whether it holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, cast, null
from sqlalchemy.types import String

from orchestrator.flow.explain.places import Spot, spot
from orchestrator.model.base import Written
from orchestrator.model.condition import (
    Condition,
    Did,
    First,
    InSegment,
    Last,
    Path,
    TraitTest,
    leaves,
)
from orchestrator.model.span import show_span
from orchestrator.model.version import Version
from orchestrator.rules.case import Case
from orchestrator.rules.history import History, measured
from orchestrator.rules.where import where


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of an audience, as it is to be asked. `depth`: inside how many segments."""

    condition: Condition
    path: Path
    spot: Spot | None
    depth: int

    @property
    def wanted(self) -> bool:
        """Whether it should hold: under `none` it should not."""
        return self.path.count("none") % 2 == 0


@dataclass(frozen=True, slots=True)
class LeafVerdict:
    """What one test came to. `until`: when it would, where time alone will do it."""

    says: str
    holds: bool
    wanted: bool
    value: Any
    until: datetime | None
    spot: Spot | None
    depth: int

    @property
    def passes(self) -> bool:
        """Whether the audience may be true because of it."""
        return self.holds == self.wanted


def leaves_of(version: Version) -> Iterator[Leaf]:
    """Every test of the audience, in reading order; those of a segment stand below it."""
    if version.campaign.audience is not None:
        yield from _leaves(version, version.campaign.audience, ("audience",), 0)


def _leaves(version: Version, condition: Condition, at: Path, depth: int) -> Iterator[Leaf]:
    for path, leaf in leaves(condition, at):
        yield Leaf(leaf, path, spot(version, path), depth)
        if isinstance(leaf, InSegment):
            inner = version.shop.segments[leaf.segment]
            yield from _leaves(version, inner, ("shop", "segments", leaf.segment), depth + 1)


def columns(case: Case, leaf: Leaf) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Whether it holds, and the number or instant that it looked at."""
    holds = where(leaf.condition, case.of_customer)
    match leaf.condition:
        case Did():
            value = measured(History.of_did(leaf.condition), case.of_customer.customer_id)
        case Last() | First():
            value = measured(History.of_moment(leaf.condition), case.of_customer.customer_id)
        case _:
            value = cast(null(), String)
    return holds, value


def verdict(leaf: Leaf, *, holds: bool, value: Any, traits: Mapping[str, Any]) -> LeafVerdict:
    """The test's verdict with what it looked at."""
    if isinstance(leaf.condition, TraitTest):
        value = traits.get(leaf.condition.trait)
    until = None
    if isinstance(leaf.condition, Last | First) and value is not None and not holds:
        older_than = leaf.condition.older_than
        until = value + older_than if older_than is not None else None
    return LeafVerdict(
        says=said(leaf.condition),
        holds=holds,
        wanted=leaf.wanted,
        value=value,
        until=until,
        spot=leaf.spot,
        depth=leaf.depth,
    )


def said(condition: Written) -> str:
    """A test much as it was written.

    >>> said(Did.model_validate({"did": "Order Completed", "at_least": 2, "within": "14d"}))
    'did: Order Completed, within: 2w, at_least: 2'
    """
    return ", ".join(f"{name}: {_shown(value)}" for name, value in _given(condition))


def _given(condition: Written) -> list[tuple[str, Any]]:
    fields = type(condition).model_fields
    given = [
        (field.alias or name, getattr(condition, name))
        for name, field in fields.items()
        if name in condition.model_fields_set
    ]
    return sorted(given, key=lambda pair: pair[0] not in _FIRST)


_FIRST = ("trait", "did", "last", "first", "consent", "segment", "got")


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return show_span(value)
        case Written():
            return "{" + said(value) + "}"
        case dict():
            inner = (f"{name}: {_shown(item)}" for name, item in value.items())
            return "{" + ", ".join(inner) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value)
