"""What Alembic runs before any revision: which connection, which tables, which words in drafts."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from orchestrator.tables import metadata
from orchestrator.tables.base import Amount, Id, Instant, Json

_WORDS = {"Amount": Amount, "Id": Id, "Instant": Instant, "Json": Json}
"""Types that a revision names as the tables do. A type never changes what it stores: a column that
is to store something else gets a type with another name."""


def _write_type(kind: str, item: Any, drafted: AutogenContext) -> str | Literal[False]:
    """The type by its word, or False for Alembic's own way to write it."""
    if kind == "type":
        for word, type_ in _WORDS.items():
            if item is type_ or (isinstance(type_, type) and isinstance(item, type_)):
                drafted.imports.add(f"from orchestrator.tables.base import {word}")
                return word
    return False


_ON_EXPRESSIONS = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if len(index.columns) < len(index.expressions)
}


def _can_be_compared(_item: Any, name: str | None, kind: str, *_others: Any) -> bool:
    """SQLite does not tell an index's expressions: such an index is written by hand."""
    return not (kind == "index" and name in _ON_EXPRESSIONS)


given = context.config.attributes
options: dict[str, Any] = {
    "target_metadata": metadata,
    # Each revision is committed by itself: locks are held no longer than it takes.
    "transaction_per_migration": True,
    "render_item": _write_type,
    "compare_type": True,
    "compare_server_default": True,
}
if context.is_offline_mode():
    context.configure(dialect_name=given["dialect"], literal_binds=True, **options)
else:
    on_sqlite = given["connection"].dialect.name == "sqlite"
    if on_sqlite:
        options |= {"render_as_batch": True, "include_object": _can_be_compared}
    context.configure(connection=given["connection"], **options)
with context.begin_transaction():
    context.run_migrations()
