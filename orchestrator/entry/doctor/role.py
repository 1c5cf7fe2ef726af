"""What the server allows this role: its rights to our tables, and for how long it may work."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, text

from channels.contract import Finding
from orchestrator.entry.doctor.findings import error, warning
from orchestrator.store.schema import NOTED_IN
from orchestrator.tables import metadata

PLANNING = timedelta(minutes=10)
"""What a pass over millions of customers, or an index on their messages, may take."""

WAITING = timedelta(minutes=1)
"""What one process may wait for another, or work something out between two statements."""

LIMITS = {
    "statement_timeout": PLANNING,
    "transaction_timeout": PLANNING,
    "lock_timeout": WAITING,
    "idle_in_transaction_session_timeout": WAITING,
}
"""Settings that cut off what takes longer, and how much they should leave."""

_WHO = text("SELECT current_user::text, current_database()::text, current_schema()::text")
_TEMPORARY = text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
_LACKING = text("""
    WITH ours AS (
        SELECT oid, relname::text AS name FROM pg_class
        WHERE relname = ANY(:names) AND relkind = 'r' AND pg_table_is_visible(oid)
    )
    SELECT name, what FROM ours, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) what
    WHERE (name <> :read OR what = 'SELECT') AND NOT has_table_privilege(oid, what)
    UNION ALL
    SELECT relname::text, 'USAGE' FROM pg_depend JOIN pg_class ON pg_class.oid = objid
    WHERE deptype = 'a' AND refobjid IN (SELECT oid FROM ours) AND CASE relkind
        WHEN 'S' THEN NOT has_sequence_privilege(objid, 'USAGE') ELSE false END
    ORDER BY 1, 2
""")
_LIMIT = text("SELECT setting::bigint FROM pg_settings WHERE name = :name")  # milliseconds


def missing_rights(connection: Connection) -> Iterator[Finding]:
    """What the role would need, and has not been given. Who owns the tables has all of it."""
    role, database, schema = connection.execute(_WHO).one()
    if schema is None:
        said = f"none of the schemas where {role} looks for tables is there"
        yield error(said, f"make one, or `ALTER ROLE {role} SET search_path = …`")
        return
    if not connection.scalar(_TEMPORARY):
        said = f"{role} may make no temporary tables: nothing can be planned or imported"
        yield error(said, f"GRANT TEMPORARY ON DATABASE {database} TO {role}")
    asked = {"names": [*metadata.tables, NOTED_IN], "read": NOTED_IN}
    lacking = connection.execute(_LACKING, asked).all()
    if lacking:
        where = sorted({name for name, _ in lacking})
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        rights = ", ".join(sorted({right for _, right in lacking}))
        yield error(
            f"{role} lacks rights ({rights}) to {where[0]}{more}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES, and USAGE ON ALL SEQUENCES, "
            f"IN SCHEMA {schema} TO {role}",
        )


def short_limits(connection: Connection) -> Iterator[Finding]:
    """Settings of the role or the server that cut off what Tactful does."""
    for name, enough in LIMITS.items():
        limit_ms = connection.scalar(_LIMIT, {"name": name})  # None: an older server has no such
        if limit_ms and timedelta(milliseconds=limit_ms) < enough:
            shown = f"{limit_ms} ms" if limit_ms < 1000 else f"{limit_ms / 1000:g} s"
            said = f"{name} is {shown}: what takes longer fails, and is begun again"
            least_s = round(enough.total_seconds())
            yield warning(said, f"`ALTER ROLE … SET {name} = 0`, or {least_s} s at least")
