"""The clocks that customers share."""

from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import Connection, select

from orchestrator.model.clock import Clock
from orchestrator.tables import clocks, customers
from orchestrator.tables.json import ids_text, these_ids

clock_of = lru_cache(maxsize=100_000)(Clock.parse)
"""The clock of a key. There are few, and they are read over and over."""

_ALL = select(clocks.c.id, clocks.c.key)
_OF = _ALL.where(
    clocks.c.id.in_(select(customers.c.clock_id).where(customers.c.id.in_(these_ids("wanted"))))
)


def all_clocks(connection: Connection) -> dict[int, Clock]:
    """Every clock, by its id."""
    return {id: clock_of(key) for id, key in connection.execute(_ALL).all()}


def clocks_of(connection: Connection, customer_ids: Collection[int]) -> dict[int, Clock]:
    """The clocks of some customers, by the clock's id."""
    found = connection.execute(_OF, {"wanted": ids_text(customer_ids)}).all()
    return {id: clock_of(key) for id, key in found}
