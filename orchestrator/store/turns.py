"""Work that one process at a time does, such as planning for everyone: who finds another at it
leaves it to that one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

KEPT_MAX_S = 30
"""A process that was stopped in the middle keeps others from it for so long at most."""

ALIVE_EVERY_S = 5.0
"""So often one that works says that it does."""

_KEPT_MAX = text(f"SET LOCAL idle_in_transaction_session_timeout = '{KEPT_MAX_S}s'")
_TAKE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_ALIVE = text("SET LOCAL application_name = 'tactful turn'")


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
        if not mine:
            yield False
            return
        with _alive(connection):
            yield True
        try:
            connection.rollback()
        except SQLAlchemyError:  # it was cut off: whoever came meanwhile has done the same work
            connection.invalidate()


@contextmanager
def _alive(connection: Connection) -> Iterator[None]:
    """Nobody else uses the connection in the block. Whose turn was cut off goes on without it."""
    over = Event()

    def says() -> None:
        with suppress(SQLAlchemyError):
            while not over.wait(ALIVE_EVERY_S):
                connection.execute(_ALIVE)

    thread = Thread(target=says, name="turn", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
