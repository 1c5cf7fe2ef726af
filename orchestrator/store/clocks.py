"""The clocks that customers share."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select

from orchestrator.model.clock import Clock
from orchestrator.tables import clocks, customers

_ALL = select(clocks.c.id, clocks.c.key)
_OF = _ALL.where(
    clocks.c.id.in_(
        select(customers.c.clock_id).where(
            customers.c.id.in_(bindparam("customer_ids", expanding=True))
        )
    )
)


def all_clocks(connection: Connection) -> dict[int, Clock]:
    """Every clock, by its id."""
    return {id: Clock.parse(key) for id, key in connection.execute(_ALL)}


def clocks_of(connection: Connection, customer_ids: Collection[int]) -> dict[int, Clock]:
    """The clocks of some customers, by the clock's id."""
    found = connection.execute(_OF, {"customer_ids": list(customer_ids)})
    return {id: Clock.parse(key) for id, key in found}
