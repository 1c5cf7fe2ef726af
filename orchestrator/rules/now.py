"""The instant at which a rule is asked: a parameter of every statement, never a clock.

Statements are therefore built and compiled once for a campaign version, and asked again and again
with another `now`.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam

from orchestrator.tables.base import Instant
from orchestrator.tables.instant import later

NOW: ColumnElement[Any] = bindparam("now", type_=Instant())


def ago(span: timedelta) -> ColumnElement[Any]:
    """The instant `span` before now."""
    return later(NOW, -span)


def lately(at: ColumnElement[Any], within: timedelta | None) -> list[ColumnElement[bool]]:
    """`at` lies in the window (now - within, now], or just not in the future."""
    return [at <= NOW] if within is None else [at <= NOW, at > ago(within)]
