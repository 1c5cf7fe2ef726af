"""Tables that are looked through in the order in which they are written."""

from typing import Any

from sqlalchemy import FromClause, Join, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class _InOrder(Join):
    inherit_cache = True


def in_order(first: FromClause, *others: FromClause) -> FromClause:
    """All of them joined, each row with each, as the statement's conditions then narrow it.

    SQLite begins with the first. Without statistics it takes a column's `=` for one that leaves
    ten rows: for a batch of messages it read all pairs of products there are. PostgreSQL knows
    better by itself.
    """
    joined = first
    for other in others:
        joined = _InOrder(joined, other, true())
    return joined


@compiles(_InOrder, "sqlite")
def _in_order_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # The one join that SQLite does not turn round (https://sqlite.org/optoverview.html#crossjoin).
    kw.pop("from_linter", None)  # it looks for tables that nobody meant to join; these are meant
    left, right = (compiler.process(side, **kw) for side in (element.left, element.right))
    return f"{left} CROSS JOIN {right}"


@compiles(_InOrder)
def _in_order(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    joined: str = compiler.visit_join(element, **kw)  # type: ignore[no-untyped-call]
    return joined
