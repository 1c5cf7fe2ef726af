"""How each provider account stands: its breaker, shared by all workers."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

from orchestrator.model.account import AccountName
from orchestrator.model.breaker import Breaker
from orchestrator.store.dialect import insert_ignore, upsert
from orchestrator.tables import accounts

_KEY = AccountName._fields
_COLUMNS = ("failures", "trips", "open_until", "credit", "at")
_HOW = select(*(accounts.c[name] for name in _COLUMNS))


def _is(account: AccountName) -> ColumnElement[bool]:
    return and_(accounts.c.channel == account.channel, accounts.c.plugin == account.plugin)


def breaker_of(connection: Connection, account: AccountName) -> Breaker:
    """How the account stands; a new one works."""
    row = connection.execute(_HOW.where(_is(account))).one_or_none()
    return Breaker() if row is None else Breaker(*row)


def breakers(connection: Connection) -> dict[AccountName, Breaker]:
    """All accounts that were ever used."""
    found = connection.execute(select(*(accounts.c[n] for n in (*_KEY, *_COLUMNS))))
    return {AccountName(*row[:2]): Breaker(*row[2:]) for row in found}


def change_breaker(
    connection: Connection,
    account: AccountName,
    change: Callable[[Breaker], Breaker],
    now: datetime,
) -> Breaker:
    """Change it, as it stands after whoever changed it at the same time."""
    new = {**account._asdict(), "credit": Breaker().credit, "at": now}
    connection.execute(insert_ignore(connection, accounts), new)
    locked = _HOW.where(_is(account)).with_for_update()
    before = Breaker(*connection.execute(locked).one())
    after = change(before)
    if after != before:
        row = {name: getattr(after, name) for name in _COLUMNS}
        statement = upsert(connection, accounts, _KEY, _COLUMNS)
        connection.execute(statement, {**account._asdict(), **row, "at": after.at or now})
    return after
