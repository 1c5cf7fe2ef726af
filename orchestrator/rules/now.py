"""The instant at which a rule is asked: a parameter of every statement, never a clock.

Statements are therefore built and compiled once for a campaign version, and asked again and again
with another `now`.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select

from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later

NOW: ColumnElement[Any] = bindparam("now", type_=Instant())


def ago(span: timedelta) -> ColumnElement[Any]:
    """The instant `span` before now."""
    return later(NOW, -span)


def once(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same instant, for statements about very many rows: worked out once, not for each row.

    Else PostgreSQL would, for what it adds to an instant could depend on the session's time zone.
    """
    return select(at).scalar_subquery()


def lately(at: ColumnElement[Any], within: timedelta | None) -> list[ColumnElement[bool]]:
    """`at` lies in the window (now - within, now], or just not in the future."""
    return [at <= NOW] if within is None else [at <= NOW, at > ago(within)]
