"""Indexes on tables that are in use."""

from collections.abc import Sequence
from typing import Any

from alembic import op


def add_index(
    name: str, table: str, columns: Sequence[str | Any], *, unique: bool = False, **options: Any
) -> None:
    """Build an index while others write; for every table that was there before this revision.

    On PostgreSQL `CREATE INDEX CONCURRENTLY`, which cannot run in a transaction: what the revision
    did before is committed, so let the index have a revision of its own. If it is cut off, the
    invalid remains are removed when it runs again. SQLite has one writer anyway.
    """
    if op.get_context().dialect.name != "postgresql":
        op.create_index(name, table, columns, unique=unique, **options)
        return
    drop_index(name, table)
    with op.get_context().autocommit_block():
        op.create_index(
            name, table, columns, unique=unique, postgresql_concurrently=True, **options
        )


def drop_index(name: str, table: str) -> None:
    """Take an index away while others read; it may be gone already."""
    if op.get_context().dialect.name != "postgresql":
        op.drop_index(name, table, if_exists=True)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
