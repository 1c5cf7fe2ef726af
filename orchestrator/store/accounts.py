"""How each provider account stands: its breaker, shared by all workers."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from orchestrator.model.breaker import Breaker
from orchestrator.store.dialect import insert_ignore, upsert
from orchestrator.tables import accounts

_COLUMNS = ("failures", "trips", "open_until", "credit", "at")
_HOW = select(*(accounts.c[name] for name in _COLUMNS))


def breaker_of(connection: Connection, account: str) -> Breaker:
    """How the account stands; a new one works."""
    row = connection.execute(_HOW.where(accounts.c.name == account)).one_or_none()
    return Breaker() if row is None else Breaker(*row)


def breakers(connection: Connection) -> dict[str, Breaker]:
    """All accounts that were ever used."""
    found = connection.execute(select(accounts.c.name, *(accounts.c[n] for n in _COLUMNS)))
    return {row[0]: Breaker(*row[1:]) for row in found}


def change_breaker(
    connection: Connection, account: str, change: Callable[[Breaker], Breaker], now: datetime
) -> Breaker:
    """Change it, as it stands after whoever changed it at the same time."""
    new = {"name": account, "credit": Breaker().credit, "at": now}
    connection.execute(insert_ignore(connection, accounts), new)
    locked = _HOW.where(accounts.c.name == account).with_for_update()
    before = Breaker(*connection.execute(locked).one())
    after = change(before)
    if after != before:
        row = {name: getattr(after, name) for name in _COLUMNS}
        statement = upsert(connection, accounts, ["name"], _COLUMNS)
        connection.execute(statement, {"name": account, **row, "at": after.at or now})
    return after
