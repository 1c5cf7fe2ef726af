"""Conditions: tests on a customer's profile and history, as a tree.

A leaf is known by its first word: `trait`, `did`, `last`, `first`, `consent`, `segment`, `got`.
A group has any of `all`, `any` and `none`, and holds when each of those it has holds.

What is not known never matches, and its negation does not match either: a customer whose city is
unknown is neither in Paris nor "not in Paris".
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from orchestrator.model.base import Written
from orchestrator.model.span import Day, Number, Span, YesNo

Scalar = bool | int | Decimal | date | str
Operator = Literal[
    "is", "is_not", "in", "not_in", "at_least", "at_most", "above", "below", "has",
    "before", "after", "known", "within_last", "within_next", "older_than",
]  # fmt: skip
OPERATORS: tuple[Operator, ...] = get_args(Operator)


class Tests(Written):
    """What is asked of one value. Several tests must all hold.

    `before` and `after` compare dates; `within_last`, `within_next` and `older_than` compare a date
    with the customer's local day; `has` looks into a list; `known: no` asks for a gap.
    """

    is_: Scalar | None = Field(None, alias="is", description="It is this.", examples=["new"])
    is_not: Scalar | None = Field(None, description="It is known, and not this.", examples=["new"])
    in_: tuple[Scalar, ...] | None = Field(
        None,
        alias="in",
        min_length=1,
        description="It is one of these.",
        examples=["[new, active]"],
    )
    not_in: tuple[Scalar, ...] | None = Field(
        None, min_length=1, description="It is known, and none of these.", examples=["[lapsing]"]
    )
    at_least: Number | None = Field(None, description="This much or more.", examples=["3"])
    at_most: Number | None = Field(None, description="This much or less.", examples=["3"])
    above: Number | None = Field(None, description="More than this.", examples=["3"])
    below: Number | None = Field(None, description="Less than this.", examples=["3"])
    has: Scalar | None = Field(None, description="The list has this in it.", examples=["chess"])
    before: Day | None = Field(None, description="A date before this one.")
    after: Day | None = Field(None, description="A date after this one.")
    known: YesNo | None = Field(None, description="Whether anything is known.", examples=["no"])
    within_last: Span | None = Field(
        None, description="A day of the last so many, today's among them.", examples=["30d"]
    )
    within_next: Span | None = Field(
        None, description="A day of the next so many, today's among them.", examples=["7d"]
    )
    older_than: Span | None = Field(
        None, description="A day so long ago, or longer.", examples=["365d"]
    )

    def tests(self) -> tuple[tuple[Operator, Any], ...]:
        """The tests that were written, as (operator, value)."""
        pairs = ((op, getattr(self, f"{op}_" if op in ("is", "in") else op)) for op in OPERATORS)
        return tuple((op, value) for op, value in pairs if value is not None)


class TraitTest(Tests):
    """`{trait: lifecycle, in: [new, active]}`"""

    trait: str = Field(description="One of the traits of shop.yaml.", examples=["lifecycle"])

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.tests():
            raise ValueError(f"asks nothing of the trait; add one of: {', '.join(OPERATORS)}")
        return self


class PropertyTests(Tests):
    """What is asked of one property of an event or a product."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.tests():
            raise ValueError(f"asks nothing; add one of: {', '.join(OPERATORS)}")
        return self


def _as_tests(value: Any) -> Any:
    if isinstance(value, list):
        return {"in": value}
    return value if isinstance(value, dict | PropertyTests) else {"is": value}


Where = dict[
    str,
    Annotated[
        PropertyTests,
        BeforeValidator(
            _as_tests, json_schema_input_type=PropertyTests | Scalar | tuple[Scalar, ...]
        ),
    ],
]
"""`{theme: running, total: {at_least: 20}, store: [1, 2]}`"""


class EventFilter(Written):
    """Which events: by name, by properties, by the products they carry."""

    where: Where = Field(
        default_factory=dict,
        description="What its properties must be.",
        examples=["{total: {at_least: 20}, store: [1, 2]}"],
    )
    product: Where = Field(
        default_factory=dict,
        description="What at least one of its products must be.",
        examples=["{category: COFFEE}"],
    )


class Did(EventFilter):
    """`{did: Order Completed, where: …, at_least: 3 times, within: 14d}`

    Counts the events, or sums a property (`sum: total`), or counts its different values
    (`distinct: store`). Without a number, once is enough; `at_most: 0` is "never did".
    """

    did: str = Field(description="The event.", examples=["Order Completed"])
    within: Span | None = Field(
        None, description="Only the last so much time counts.", examples=["14d"]
    )
    sum: str | None = Field(
        None,
        description="Add up this property, instead of counting the events.",
        examples=["total"],
    )
    distinct: str | None = Field(
        None, description="Count the different values of this property.", examples=["store"]
    )
    at_least: Number | None = Field(None, description="So often or more; once, without it.")
    at_most: Number | None = Field(None, description="So often or less; 0 is never.")
    above: Number | None = Field(None, description="More often than this.")
    below: Number | None = Field(None, description="Less often than this.")
    exactly: Number | None = Field(None, description="So often, no more and no less.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.sum and self.distinct:
            raise ValueError("has both sum and distinct; keep one")
        return self

    def bounds(self) -> tuple[tuple[str, Decimal | int], ...]:
        """The numbers asked for, as (name, value); once, where none is written."""
        names = ("at_least", "at_most", "above", "below", "exactly")
        written = tuple((n, getattr(self, n)) for n in names if getattr(self, n) is not None)
        return written or (("at_least", 1),)


class Moment(EventFilter):
    """When something was done for the first or the last time."""

    within: Span | None = Field(None, description="Not longer ago than this.", examples=["14d"])
    older_than: Span | None = Field(None, description="So long ago, or longer.", examples=["30d"])

    @model_validator(mode="after")
    def _asks_when(self) -> Self:
        if (self.within is None) == (self.older_than is None):
            raise ValueError(
                "does not say when; write either within (not longer ago) or older_than (longer ago)"
            )
        return self


class Last(Moment):
    """`{last: Order Completed, older_than: 30d}`; unknown where it never happened."""

    last: str = Field(description="The event whose last time counts.", examples=["Order Completed"])


class First(Moment):
    """`{first: Order Completed, within: 14d}`; unknown where it never happened."""

    first: str = Field(
        description="The event whose first time counts.", examples=["Order Completed"]
    )


class HasConsent(Written):
    """`{consent: sms, topic: offers}`: agreed, not withdrawn, not run out."""

    consent: str = Field(description="The channel that was agreed to.", examples=["sms"])
    topic: str | None = Field(None, description="The topic; without it, any.", examples=["offers"])


class InSegment(Written):
    """`{segment: loyal}`: one of the segments of `shop.yaml`."""

    segment: str = Field(description="A segment that the customer is in.", examples=["loyal"])


class Got(Written):
    """`{got: winback, within: 30d}`: a message of that campaign left for this customer."""

    got: str = Field(
        description="A campaign whose message left for the customer.", examples=["winback"]
    )
    within: Span | None = Field(
        None, description="Only the last so much time counts.", examples=["30d"]
    )


class Group(Written):
    """Holds when all of `all`, at least one of `any` and none of `none` hold."""

    all: tuple["Condition", ...] = Field((), description="All of these hold.")
    any: tuple["Condition", ...] = Field((), description="At least one of these holds.")
    none: tuple["Condition", ...] = Field((), description="Each of these is known not to hold.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.all or self.any or self.none):
            raise ValueError("is empty; write at least one condition under all, any or none")
        return self


LEAVES: dict[str, type[Written]] = {
    "trait": TraitTest,
    "did": Did,
    "last": Last,
    "first": First,
    "consent": HasConsent,
    "segment": InSegment,
    "got": Got,
}


def kind_of(value: Any) -> str | None:
    """The word that tells what sort of condition this is; None where there is no such word."""
    if isinstance(value, Written):
        return next((word for word, leaf in LEAVES.items() if type(value) is leaf), "group")
    if not isinstance(value, dict):
        return None
    return next(
        (word for word in LEAVES if word in value),
        "group" if value.keys() & {"all", "any", "none"} else None,
    )


Condition = Annotated[
    Annotated[TraitTest, Tag("trait")]
    | Annotated[Did, Tag("did")]
    | Annotated[Last, Tag("last")]
    | Annotated[First, Tag("first")]
    | Annotated[HasConsent, Tag("consent")]
    | Annotated[InSegment, Tag("segment")]
    | Annotated[Got, Tag("got")]
    | Annotated[Group, Tag("group")],
    Discriminator(
        kind_of,
        custom_error_type="condition",
        custom_error_message="a condition begins with one of: "
        + ", ".join(LEAVES)
        + "; a group with all, any or none",
    ),
]
Group.model_rebuild()

Path = tuple[str | int, ...]


def leaves(condition: Condition, at: Path = ()) -> Iterator[tuple[Path, Condition]]:
    """Every leaf of the tree with the path that leads to it, in reading order."""
    if not isinstance(condition, Group):
        yield at, condition
        return
    for word in ("all", "any", "none"):
        for index, child in enumerate(getattr(condition, word)):
            yield from leaves(child, (*at, word, index))
