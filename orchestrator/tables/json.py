"""What rules ask of JSON columns, and tables that travel as one JSON parameter."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    Boolean,
    Float,
    Integer,
    Select,
    String,
    bindparam,
    column,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement, FromClause, FunctionElement
from sqlalchemy.types import TypeEngine

from orchestrator.tables.instant import Instant


class _Has(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True
    name = "json_has"


def json_has(document: ColumnElement[Any], key: str, value: Any) -> ColumnElement[bool]:
    """Whether the list under `key` holds `value`; unknown where there is no list."""
    return _Has(document, bindparam(None, key, unique=True), bindparam(None, value, unique=True))


@compiles(_Has, "sqlite")
def _has_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key, value = (compiler.process(clause, **kw) for clause in element.clauses)
    path = f"'$.\"' || {key} || '\"'"
    return (
        f"CASE WHEN json_type({document}, {path}) = 'array' THEN "
        f"EXISTS (SELECT 1 FROM json_each({document}, {path}) AS j WHERE j.value = {value}) END"
    )


@compiles(_Has, "postgresql")
def _has_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key, value = (compiler.process(clause, **kw) for clause in element.clauses)
    inner = f"({document} -> CAST({key} AS text))"
    holds = f"{inner} @> to_jsonb(CAST({value} AS text))"
    return f"CASE WHEN jsonb_typeof{inner} = 'array' THEN {holds} END"


class JsonValue(FunctionElement[Any]):
    """One key of a document, as a type that may not be its own; `clauses` are the two."""

    inherit_cache = True


class _Number(JsonValue):
    type = Float()
    inherit_cache = True
    name = "json_number"


class _Truth(JsonValue):
    type = Boolean()
    inherit_cache = True
    name = "json_truth"


def json_number(document: ColumnElement[Any], key: str) -> ColumnElement[float]:
    """The number under `key`, which may be written as text; unknown where there is none.

    PostgreSQL fails altogether where it is to make a number of other words: one customer's trait
    or one product's attribute would keep everybody from being asked about.
    """
    return _Number(document, bindparam(None, key, unique=True))


def json_truth(document: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """The yes or no under `key`; unknown where there is none."""
    return _Truth(document, bindparam(None, key, unique=True))


@compiles(_Number, "sqlite")
def _number_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = (compiler.process(clause, **kw) for clause in element.clauses)
    path = f"'$.\"' || {key} || '\"'"
    value = f"json_extract({document}, {path})"
    number = "IN ('integer', 'real')"
    written = (
        f"CASE WHEN json_valid({value}) THEN "
        f"CASE WHEN json_type({value}) {number} AND abs(CAST({value} AS REAL)) < 1e100 "
        f"THEN CAST({value} AS REAL) END END"
    )
    return (
        f"CASE WHEN json_type({document}, {path}) {number} THEN CAST({value} AS REAL) "
        f"WHEN json_type({document}, {path}) = 'text' THEN {written} END"
    )


# As JSON writes numbers, and no larger than any that can be kept.
_WRITTEN = r"'^\s*-?(0|[1-9][0-9]{0,60})([.][0-9]{1,60})?([eE][+-]?[0-9]{1,2})?\s*$'"


@compiles(_Number, "postgresql")
def _number_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = (compiler.process(clause, **kw) for clause in element.clauses)
    inner = f"({document} -> CAST({key} AS text))"
    value = f"({document} ->> CAST({key} AS text))"
    return (
        f"CASE jsonb_typeof{inner} WHEN 'number' THEN CAST({value} AS float) "
        f"WHEN 'string' THEN CASE WHEN {value} ~ {_WRITTEN} THEN CAST({value} AS float) END END"
    )


@compiles(_Truth, "sqlite")
def _truth_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = (compiler.process(clause, **kw) for clause in element.clauses)
    path = f"'$.\"' || {key} || '\"'"
    return f"CASE json_type({document}, {path}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"


@compiles(_Truth, "postgresql")
def _truth_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    document, key = (compiler.process(clause, **kw) for clause in element.clauses)
    inner = f"({document} -> CAST({key} AS text))"
    return f"CASE jsonb_typeof{inner} WHEN 'boolean' THEN CAST({inner} AS boolean) END"


def rows(name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """A table whose rows come in one JSON parameter called `name`.

    The parameter is a list of lists, in the order of `columns`; instants are microseconds (see
    `to_micros`). So a statement stays the same, and is compiled once, however many rows it gets.

    Read once, and kept: a database that read the JSON again for each row joined to it would take
    a minute where it takes a second.
    """
    parameter: BindParameter[Any] = bindparam(name, type_=String())
    source = _Rows(parameter).table_valued(column("value")).alias(f"{name}_json")
    cells = (
        _cell(source.c.value, index, type_).label(column_name)
        for index, (column_name, type_) in enumerate(columns.items())
    )
    return select(*cells).cte(name).prefix_with("MATERIALIZED")


def these_ids(name: str) -> Select[int]:
    """Ids that come in one JSON parameter called `name`, for `column.in_(…)`; see `ids_text`.

    A list of parameters would make another statement for each length, to be prepared anew.
    """
    return select(rows(name, {"id": Integer()}).c.id)


def ids_text(wanted: Iterable[int]) -> str:
    """The parameter for `these_ids`."""
    return msgspec.json.encode([[id] for id in wanted]).decode()


class _Rows(FunctionElement[Any]):
    inherit_cache = True
    name = "json_rows"


@compiles(_Rows, "sqlite")
def _rows_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Rows, "postgresql")
def _rows_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS jsonb))"


def _cell(row: ColumnElement[Any], index: int, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    kind = {Instant: _InstantCell, Integer: _IntegerCell}.get(type(type_), _TextCell)
    return kind(row, literal_column(str(index)))


class _TextCell(FunctionElement[str]):
    type = String()
    inherit_cache = True
    name = "text_cell"


class _IntegerCell(FunctionElement[int]):
    type = Integer()
    inherit_cache = True
    name = "integer_cell"


class _InstantCell(FunctionElement[Any]):
    type = Instant()
    inherit_cache = True
    name = "instant_cell"


@compiles(_TextCell, "sqlite")
def _text_cell_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    row, index = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(json_extract({row}, '$[{index}]') AS TEXT)"


@compiles(_IntegerCell, "sqlite")
@compiles(_InstantCell, "sqlite")
def _number_cell_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # A column without a type could not be looked up by index: SQLite would scan it for every row.
    row, index = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(json_extract({row}, '$[{index}]') AS INTEGER)"


@compiles(_TextCell, "postgresql")
def _text_cell_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    row, index = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({row} ->> {index})"


@compiles(_IntegerCell, "postgresql")
def _integer_cell_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    row, index = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST({row} ->> {index} AS bigint)"


@compiles(_InstantCell, "postgresql")
def _instant_cell_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    row, index = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"to_timestamp(CAST({row} ->> {index} AS bigint) / 1000000.0)"
