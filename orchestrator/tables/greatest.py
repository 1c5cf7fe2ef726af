"""The largest and the least of several numbers of one row."""

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


class least(FunctionElement[int]):
    """`least(a, b, …)`. As `greatest`, with none that may be null."""

    type = BigInteger()
    inherit_cache = True
    name = "least"


@compiles(least, "sqlite")
def _least_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"min({', '.join(compiler.process(clause, **kw) for clause in element.clauses)})"


@compiles(least)
def _least(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"least({', '.join(compiler.process(clause, **kw) for clause in element.clauses)})"
