"""Work that one process at a time does, such as planning for everyone: who finds another at it
leaves it to that one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine, text

KEPT_MAX = timedelta(minutes=10)
"""A process that was stopped in the middle keeps others from it for so long at most."""

_KEPT_MAX = text(f"SET LOCAL idle_in_transaction_session_timeout = '{int(KEPT_MAX.seconds)}s'")
_TAKE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


@contextmanager
def turn(engine: Engine, name: str) -> Iterator[bool]:
    """Whether it is this process's turn, which it then keeps until the block ends.

    A saving, nothing that anybody may rely on: two who plan at once write the same rows. On
    PostgreSQL an advisory lock, which ends with the process; it is kept by a transaction of its
    own, which holds no snapshot, so that nothing waits for it. On SQLite it is always one's turn:
    there one process writes at a time anyway.
    """
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.connect() as connection:
        mine = bool(connection.scalar(_TAKE, {"name": f"tactful turn {name}"}))
        # Last, for it needs no snapshot: so the transaction keeps none while it waits.
        connection.execute(_KEPT_MAX)
        yield mine
