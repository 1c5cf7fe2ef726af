"""What a database itself says of its schema."""

from sqlalchemy import Connection, text

_POSTGRESQL = (
    """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
           column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    """,
    """
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    """
    SELECT indrelid::regclass, pg_get_indexdef(indexrelid), indisvalid, indisunique
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace
    """,
    "SELECT sequencename, data_type, cycle FROM pg_sequences WHERE schemaname = 'public'",
)


def catalogue(connection: Connection) -> set[str]:
    """Everything there is: types, defaults, keys, conditions and expressions of indexes."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT tbl_name, name, sql FROM sqlite_master"))
        return {
            f"{table} {name}: {part.strip().rstrip(',')}"
            for table, name, definition in found
            for part in (definition or "").splitlines()
            if part.strip()
        }
    return {
        " ".join(map(str, row)) for query in _POSTGRESQL for row in connection.execute(text(query))
    }
