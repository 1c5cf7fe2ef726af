"""The largest of several numbers of one row."""

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement


class greatest(FunctionElement[int]):
    """`greatest(a, b, …)`. None of them may be null: databases disagree about what it then is."""

    type = BigInteger()
    inherit_cache = True
    name = "greatest"


@compiles(greatest, "sqlite")
def _greatest_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    values = [compiler.process(clause, **kw) for clause in element.clauses]
    return f"max({', '.join(values)})" if len(values) > 1 else values[0]


@compiles(greatest)
def _greatest(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    values = [compiler.process(clause, **kw) for clause in element.clauses]
    return f"greatest({', '.join(values)})"
