"""What arrives, checked: one tuple for each kind of record.

`line` is where it stood in its source, from 1; a refusal names it. Instants are microseconds since
1970, amounts ten-thousandths. In `given`, a name that is missing says nothing, and None says that
there is no such value any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["customers", "products", "prices", "stock", "consents", "events"]
KINDS: tuple[Kind, ...] = ("customers", "products", "prices", "stock", "consents", "events")


LOCAL_PHONE = "local_phone"


class CustomerRecord(NamedTuple):
    """`given`: clock words, locale, wishes. `addresses`: kind → normalised address.

    `given[LOCAL_PHONE]` is the number as written, where the record itself names no country: it was
    read in the shop's, and another one may be known of the customer. `at`: when it was told, where
    somebody says so.
    """

    line: int
    key: str
    given: Mapping[str, Any]
    addresses: Mapping[str, str | None]
    traits: Mapping[str, Any]
    at: int | None = None


class ProductRecord(NamedTuple):
    """`given`: columns of the table; `attributes`: everything else."""

    line: int
    key: str
    given: Mapping[str, Any]
    attributes: Mapping[str, Any]


class PriceRecord(NamedTuple):
    """A price from `at` on."""

    line: int
    product: str
    currency: str
    at: int
    amount: int
    list_amount: int | None
    tax: str | None
    until: int | None


class StockRecord(NamedTuple):
    """How many pieces there are, as counted at `at`."""

    line: int
    product: str
    at: int
    stock: int


class ConsentRecord(NamedTuple):
    """A statement: agreed to, or withdrawn."""

    line: int
    customer: str
    channel: str
    topic: str
    given: bool
    at: int
    until: int | None
    touchpoint: str
    wording: str


EventLine = tuple[str, int, int | None, str | None, str | None]
"""A product of an event: its key, quantity, amount for one; title and category, where told.

A plain tuple: there are ten times as many of them as of everything else.
"""


class EventRecord(NamedTuple):
    """What a customer did; `properties` is JSON text."""

    line: int
    key: str
    customer: str
    name: str
    at: int
    properties: str
    lines: Sequence[EventLine]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of any kinds, written in one transaction. Within a kind their order counts."""

    customers: tuple[CustomerRecord, ...] = ()
    products: tuple[ProductRecord, ...] = ()
    prices: tuple[PriceRecord, ...] = ()
    stock: tuple[StockRecord, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()


class Refused(NamedTuple):
    """A record that was not taken, and why."""

    kind: Kind
    line: int
    reason: str


@dataclass(slots=True)
class Tally:
    """How many records were new, changed something, or said what was known."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def add(self, other: "Tally") -> None:
        """Count in another tally."""
        self.new += other.new
        self.changed += other.changed
        self.same += other.same


@dataclass(slots=True)
class Ingested:
    """What a batch did.

    `customers`: ids of those of whom something is new; `events`: ids of new events;
    `changes`: ids of new rows in product_changes. `forgotten`: so many records were left out,
    being about customers who were forgotten; they are among those that changed nothing.
    """

    tallies: dict[Kind, Tally] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    customers: set[int] = field(default_factory=set)
    events: list[int] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    forgotten: int = 0
