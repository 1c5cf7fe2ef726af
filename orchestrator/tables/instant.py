"""Points in time in the database, and the little arithmetic that rules need on them.

PostgreSQL keeps `timestamptz`. SQLite has no such type, so an instant is a whole number of
microseconds since 1970 there: exact, short in an index, and easy to add to.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import String, TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970; naive datetimes are refused, for nobody knows what they mean."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime."""
    return _EPOCH + timedelta(0, 0, micros)


class Instant(TypeDecorator[datetime]):
    """An aware datetime; always UTC when read."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A number on SQLite, `timestamptz` elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Into the database."""
        if value is None:
            return None
        return to_micros(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Out of the database."""
        return _read(dialect)(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], datetime | None]:
        """The same, without a layer in between: rows have several instants each."""
        return _read(dialect)


def _read(dialect: Dialect) -> Callable[[Any], datetime | None]:
    return _from_micros if dialect.name == "sqlite" else _in_utc


def _from_micros(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(0, 0, value)


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class _Later(FunctionElement[datetime]):
    type = Instant()
    inherit_cache = True
    name = "later"


def later(at: ColumnElement[Any], span: timedelta) -> ColumnElement[datetime]:
    """`at + span`, in SQL; a negative span is earlier."""
    if not span:
        return at
    return _Later(at, literal_column(str(span // _MICROSECOND)))


def later_by(at: ColumnElement[Any], micros: ColumnElement[int]) -> ColumnElement[datetime]:
    """`at` and so many microseconds, in SQL."""
    return _Later(at, micros)


@compiles(_Later, "sqlite")
def _later_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    at, micros = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({at} + {micros})"


@compiles(_Later, "postgresql")
def _later_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    at, micros = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(CAST({at} AS timestamptz) + {micros} * interval '1 microsecond')"


class micros(FunctionElement[int]):
    """An instant as microseconds since 1970, for whoever reads hundreds of thousands of them."""

    type = BigInteger()
    inherit_cache = True
    name = "micros"


@compiles(micros, "sqlite")
def _micros_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(micros, "postgresql")
def _micros_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    at = compiler.process(element.clauses, **kw)
    return f"CAST(extract(epoch FROM {at}) * 1000000 AS bigint)"


class _DayShift(FunctionElement[str]):
    type = String()
    inherit_cache = True
    name = "day_shift"


def day_shift(day: ColumnElement[Any], days: int) -> ColumnElement[str]:
    """The ISO date `days` after the ISO date `day`, in SQL."""
    return _DayShift(day, literal_column(str(days)))


@compiles(_DayShift, "sqlite")
def _day_shift_sqlite(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"date({day}, '{days} days')"


@compiles(_DayShift, "postgresql")
def _day_shift_postgresql(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"to_char(CAST({day} AS date) + {days}, 'YYYY-MM-DD')"
