"""Facts: what is known of a customer, whatever the occasion, as one number or one instant.

A fact is a specification first: which rows, which of them, and what about them. It has two plans.
For few customers it is a subquery for the customer at hand. For very many, all facts that all
campaigns ask for are rolled up in one scan of each table, and set aside with a row for each
customer and a column for each fact: `Facts`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    FromClause,
    Join,
    MetaData,
    Select,
    Table,
    and_,
    column,
    distinct,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql.operators import json_getitem_op
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.sql.visitors import replacement_traverse

from orchestrator.rules.now import ago, once
from orchestrator.rules.within import Within
from orchestrator.tables import (
    addresses,
    consents,
    customers,
    events,
    journeys,
    messages,
    suppressions,
)
from orchestrator.tables.base import Id, Instant
from orchestrator.tables.json import JsonValue
from orchestrator.tables.unindexed import unindexed

Measure = Literal["count", "sum", "distinct", "first", "last"]

STAGED = "staged_facts"


@dataclass(frozen=True, eq=False)
class Source:
    """A table that facts are about: one scan of it answers all of them.

    `kind` is the column by which one fact's rows are most easily told from another's. `others`:
    an index leads from a kind to its rows of all customers, whoever is asked about.
    """

    name: str
    rows: FromClause
    customer_id: ColumnElement[Any]
    at: ColumnElement[Any] | None = None
    kind: ColumnElement[Any] | None = None
    others: bool = False

    @property
    def tables(self) -> list[FromClause]:
        """What the rows are made of."""
        rows = self.rows
        return [rows.left, rows.right] if isinstance(rows, Join) else [rows]


EVENTS = Source("events", events, events.c.customer_id, events.c.at, events.c.name, others=True)
EVENT_TIMES = replace(EVENTS, name="event_times")
"""The same events, for facts that ask only what happened when: an index alone can answer them."""

EVENT_VALUES = replace(EVENTS, name="event_values")
"""The same events, for facts that tell values apart: for those alone rows need be sorted."""

MESSAGES = Source(
    "messages", messages, messages.c.customer_id, messages.c.counts_at, messages.c.campaign
)
JOURNEYS = Source(
    "journeys", journeys, journeys.c.customer_id, journeys.c.began_at, journeys.c.campaign
)
CONSENTS = Source("consents", consents, consents.c.customer_id)
SUPPRESSIONS = Source(
    "suppressions",
    addresses.join(suppressions, suppressions.c.address_key == addresses.c.address_key),
    addresses.c.customer_id,
)


@dataclass(frozen=True)
class Fact:
    """`measure` over the rows of a source that are of a kind and pass `tests`, if they say so.

    `within`: those of the time since so long before now. Counts and sums of nothing are 0; the
    first and last of nothing are unknown. `key` tells the tests of one fact from another's.
    """

    key: str
    source: Source
    measure: Measure = "count"
    kind: str | None = None
    tests: tuple[ColumnElement[bool], ...] = ()
    within: timedelta | None = None
    of: ColumnElement[Any] | None = None

    @property
    def name(self) -> str:
        """Of the column where it is set aside."""
        window = None if self.measure == "last" else self.within
        said = repr((self.source.name, self.measure, self.kind, self.key, window))
        return f"f_{sha256(said.encode()).hexdigest()[:16]}"

    @property
    def read(self) -> list[ColumnElement[bool]]:
        """Of what kind the rows are, and of what time: what an index can tell."""
        source, read = self.source, []
        if self.kind is not None:
            assert source.kind is not None
            read.append(source.kind == self.kind)
        if self.within is not None:
            assert source.at is not None
            read.append(source.at > ago(self.within))
        return read

    def correlated(self, customer_id: ColumnElement[Any]) -> ColumnElement[Any]:
        """For the customer at hand."""
        return self._of(customer_id, self._or_nothing(self._measured())).scalar_subquery()

    def any_of(self, customer_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the customer at hand has any such row."""
        return exists(self._of(customer_id, self.source.customer_id))

    def rolled_up(self, read: "_Read") -> Any:
        """One of the columns of a scan that is grouped by customer."""
        source, tests = self.source, []
        if self.kind is not None:
            tests.append(source.kind == self.kind)
        if self.within is not None:
            assert source.at is not None
            tests.append(source.at > once(ago(self.within)))
        found = self._measured().filter(*tests, *self.tests)
        return read.adapted(found).label(self.name)

    def set_aside(self, grouped: Any) -> Any:
        """From the grouped scan, where customers without any row are missing."""
        return self._or_nothing(grouped.c[self.name]).label(self.name)

    def column(self) -> Column[Any]:
        """Where it is set aside."""
        if self.measure in ("first", "last"):
            return Column(self.name, Instant)
        return Column(self.name, Float() if self.measure == "sum" else BigInteger())

    def _of(self, customer_id: ColumnElement[Any], what: ColumnElement[Any]) -> Select[Any]:
        found = select(what).select_from(self.source.rows)
        mine = found.where(self.source.customer_id == customer_id, *self.read, *self.tests)
        return mine.correlate_except(*self.source.tables)

    def _measured(self) -> Any:
        match self.measure:
            case "count":
                return func.count()
            case "sum":
                return func.sum(self.of)
            case "distinct":
                assert self.of is not None
                return func.count(distinct(self.of))
            case "first":
                return func.min(self.source.at)
            case "last":
                return func.max(self.source.at)

    def _or_nothing(self, value: Any) -> Any:
        if self.measure in ("first", "last"):
            return value
        return func.coalesce(value, 0.0 if self.measure == "sum" else 0)


class Facts:
    """The facts that some campaigns ask for, in a table with a column for each."""

    def __init__(self) -> None:
        self.table = Table(
            STAGED,
            MetaData(),
            Column("customer_id", Id, primary_key=True, autoincrement=False),
            prefixes=["TEMPORARY"],
        )
        self._asked: dict[str, Fact] = {}

    def value(self, fact: Fact) -> ColumnElement[Any]:
        """The column of a fact, which is asked for from now on."""
        known = self._asked.get(fact.name)
        if known is None:
            self.table.append_column(fact.column())
        self._asked[fact.name] = fact if known is None else _longer(known, fact)
        return self.table.c[fact.name]

    @classmethod
    def together(cls, some: Iterable["Facts"]) -> "Facts":
        """All that any of them asks for."""
        all_of_them = cls()
        for facts in some:
            for fact in facts._asked.values():
                all_of_them.value(fact)
        return all_of_them

    def filling(self) -> Select[Any]:
        """A row for each customer of a range, with every fact: one scan of each source."""
        joined: FromClause = customers
        columns: list[ColumnElement[Any]] = [customers.c.id.label("customer_id")]
        found: dict[str, ColumnElement[Any]] = {}
        for source, facts in self._by_source():
            grouped = _rolled_up(source, facts).subquery(f"its_{source.name}")
            joined = joined.outerjoin(grouped, grouped.c.customer_id == customers.c.id)
            found |= {fact.name: fact.set_aside(grouped) for fact in facts}
        columns += [found[column.name] for column in self.table.columns if column.name in found]
        return select(*columns).select_from(joined).where(Within.RANGE.holds(customers.c.id))

    def _by_source(self) -> Iterator[tuple[Source, list[Fact]]]:
        sources = {fact.source.name: fact.source for fact in self._asked.values()}
        for source in sources.values():
            yield source, [fact for fact in self._asked.values() if fact.source is source]


def value(fact: Fact, customer_id: ColumnElement[Any], facts: Facts | None) -> ColumnElement[Any]:
    """What is set aside of the customer, or else a subquery for the customer at hand."""
    return fact.correlated(customer_id) if facts is None else facts.value(fact)


def any_of(fact: Fact, customer_id: ColumnElement[Any], facts: Facts | None) -> ColumnElement[bool]:
    """Whether the customer has any such row; true or false, never unknown.

    Where facts are set aside, all windows share one: when it was the last time.
    """
    if facts is None:
        return fact.any_of(customer_id)
    if fact.source.at is None:
        return facts.value(fact) > 0
    last = facts.value(replace(fact, measure="last"))
    since = [] if fact.within is None else [last > once(ago(fact.within))]
    return and_(last.is_not(None), *since)


def _longer(one: Fact, other: Fact) -> Fact:
    if one.within is None or other.within is None:
        return replace(one, within=None)
    return replace(one, within=max(one.within, other.within))


def _rolled_up(source: Source, facts: Sequence[Fact]) -> Select[Any]:
    reads = _read(facts)
    if source.others:
        reads = [unindexed(read) for read in reads]
    wanted = (Within.RANGE.holds(source.customer_id), *reads)
    read = _Read(source)
    columns = [fact.rolled_up(read) for fact in facts]
    rows = read.rows(wanted)
    customer_id = read.adapted(source.customer_id)
    found = select(customer_id.label("customer_id"), *map(read.adapted, columns)).select_from(rows)
    return (found if read.values else found.where(*wanted)).group_by(customer_id)


class _Read:
    """The rows of a scan, where each value in a JSON document is read once for all facts."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.values: dict[tuple[str, str], Any] = {}
        self._inner: Any = None

    def adapted(self, found: Any) -> Any:
        """The same, with values instead of their places in documents."""
        if self._inner is not None:
            return ClauseAdapter(self._inner).traverse(found)
        return replacement_traverse(found, {}, self._value)

    def rows(self, wanted: Sequence[ColumnElement[bool]]) -> FromClause:
        """What is scanned; `adapted` then speaks of its columns."""
        if not self.values:
            return self.source.rows
        values = (value.label(_named(key)) for key, value in self.values.items())
        inner = select(*self.source.rows.c, *values).where(*wanted).offset(literal_column("0"))
        self._inner = inner.subquery(f"read_{self.source.name}")
        return self._inner  # type: ignore[no-any-return]

    def _value(self, element: Any, **_: Any) -> Any:
        if isinstance(element, JsonValue):
            document, name = element.clauses
        elif getattr(element, "operator", None) is json_getitem_op:
            document, name = element.left, element.right
        else:
            return None
        if getattr(document, "table", None) is not self.source.rows:
            return None
        key = (str(name.value), type(element.type).__name__)
        self.values.setdefault(key, element)
        return column(_named(key), element.type)


def _named(key: tuple[str, str]) -> str:
    return f"v_{sha256(repr(key).encode()).hexdigest()[:16]}"


def _read(facts: Sequence[Fact]) -> list[ColumnElement[bool]]:
    """What no fact asks for need not be read."""
    widest: dict[str | None, Fact] = {}
    for fact in facts:
        known = widest.get(fact.kind)
        widest[fact.kind] = fact if known is None else _longer(known, fact)
    reads = [fact.read for fact in widest.values()]
    return [or_(*(and_(*read) for read in reads))] if all(reads) else []
