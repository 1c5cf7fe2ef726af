"""A test that chooses no index."""

from typing import Any

from sqlalchemy import Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement


class unindexed(FunctionElement[bool]):
    """The same condition, by which SQLite does not look rows up.

    It has no statistics, and takes an index on a name for better than one on a range of customers:
    a range would then read the rows of all of them. PostgreSQL knows better by itself.
    """

    type = Boolean()
    inherit_cache = True
    name = "unindexed"


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+({compiler.process(element.clauses, **kw)})"


@compiles(unindexed)
def _unindexed(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"
