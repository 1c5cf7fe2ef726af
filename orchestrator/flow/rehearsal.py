"""Looking ahead: the engine's own planning in a transaction that is always undone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from orchestrator.model.version import Version
from orchestrator.store.campaigns import all_since, save_versions, set_since

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def rehearsing(
    engine: Engine,
    versions: Sequence[Version],
    begins: Mapping[str, datetime],
    first: Callable[[Connection], None] = lambda connection: None,
) -> Iterator[Connection]:
    """A connection on which these campaigns are at work, and of which nothing stays. `first` is
    done before they are put to work.

    A campaign that was never put to work counts as if it had been since `begins`, or long ago: what
    has happened already asks for its messages too.
    """
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            first(connection)
            known = all_since(connection)
            save_versions(connection, versions, LONG_AGO)
            for name in begins.keys() - known.keys():
                set_since(connection, name, begins[name])
            yield connection
        finally:
            transaction.rollback()
