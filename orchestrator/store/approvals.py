"""Who has approved of which content, and of how many customers in a day."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from orchestrator.tables import approvals as table


@dataclass(frozen=True, slots=True)
class Approval:
    """`plan`: the digest of the plan that was looked at. `audience`: customers in a day."""

    campaign: str
    version: str
    plan: str
    audience: int
    approved_by: str
    at: datetime


_COLUMNS = [table.c[name] for name in Approval.__dataclass_fields__]
_OLDEST_FIRST = select(*_COLUMNS).order_by(table.c.id)


def approvals(connection: Connection) -> dict[str, Approval]:
    """Version → the approval that holds: the last one."""
    return {row.version: Approval(*row) for row in connection.execute(_OLDEST_FIRST)}


def approve(connection: Connection, some: Sequence[Approval]) -> None:
    """Keep these; earlier ones of the same versions stay on record."""
    if some:
        connection.execute(insert(table), [asdict(one) for one in some])
