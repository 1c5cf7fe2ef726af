"""Counts of the messages around the moment of sending, for very many customers who ask at once.

For one customer each count is a subquery. For many it is a column of one look at the messages of
all who ask, and whom nobody can have written to is left out of it.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from orchestrator.rules.facts import MESSAGES, Fact, Facts, any_of
from orchestrator.rules.now import ago, once
from orchestrator.tables import customers, messages

COUNTED = "counted"


class Counts:
    """The counts that gates ask for, one column each."""

    def __init__(self) -> None:
        self._asked: list[tuple[ColumnElement[bool], ...]] = []
        self._reach = timedelta(0)

    def value(self, reach: timedelta, tests: tuple[ColumnElement[bool], ...]) -> ColumnElement[int]:
        """How many messages pass the tests, which look no further back than `reach`."""
        self._asked.append(tests)
        self._reach = max(reach, self._reach)
        name = f"{COUNTED}.{_name(len(self._asked))}"
        return func.coalesce(literal_column(name, BigInteger()), 0)

    def joined_to(self, joined: FromClause, asked: Any, facts: Facts) -> FromClause:
        """`joined` with the counts of everyone in it; `asked` says who is `alone`."""
        if not self._asked:
            return joined
        marketing = messages.c.marketing.is_(True)
        lately = Fact("marketing", MESSAGES, tests=(marketing,), within=self._reach)
        some = any_of(lately, customers.c.id, facts)
        theirs = and_(
            messages.c.customer_id == customers.c.id,
            messages.c.counts_at > once(ago(self._reach)),
        )
        counts = (
            func.count().filter(*tests).label(_name(number))
            for number, tests in enumerate(self._asked, 1)
        )
        counted = (
            select(asked.c.customer_id, *counts)
            .select_from(joined.join(messages, theirs))
            .where(marketing, case((or_(~asked.c.alone, some), true()), else_=false()))
            .group_by(asked.c.customer_id)
            .cte(COUNTED)
            .prefix_with("MATERIALIZED")
        )
        return joined.outerjoin(counted, counted.c.customer_id == asked.c.customer_id)


def _name(number: int) -> str:
    return f"count_{number}"
