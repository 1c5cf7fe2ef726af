"""Tidying: what is older than the shop wants to keep goes, in short transactions.

It may be stopped at any moment, run twice, and run while everything else works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from orchestrator.model.shop import Keep
from orchestrator.store.database import writing
from orchestrator.store.tidying import (
    BATCH_SIZE_MAX,
    drop_calls,
    drop_feedback,
    drop_links,
    drop_words,
)

Drop = Callable[[Connection, datetime, int], tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class Tidied:
    """How much was taken away: events, names of calls, counted links, and messages' words."""

    feedback: int
    calls: int
    links: int
    texts: int


def tidy(engine: Engine, keep: Keep, now: datetime) -> Tidied:
    """Take away all that is old enough."""
    return Tidied(
        feedback=_along(engine, drop_feedback, now - keep.feedback),
        calls=_all(engine, drop_calls, now - keep.calls),
        links=_all(engine, drop_links, now - keep.links),
        texts=_along(engine, drop_words, now - keep.texts),
    )


def _along(engine: Engine, drop: Drop, before: datetime) -> int:
    """Along the ids, a transaction for each batch."""
    total, last = 0, 0
    while True:
        with writing(engine) as connection:
            dropped, reached = drop(connection, before, last)
        total += dropped
        if reached is None:
            return total
        last = reached


def _all(engine: Engine, drop: Callable[[Connection, datetime], int], before: datetime) -> int:
    """As long as there are any, a transaction for each batch."""
    total, dropped = 0, BATCH_SIZE_MAX
    while dropped == BATCH_SIZE_MAX:
        with writing(engine) as connection:
            dropped = drop(connection, before)
        total += dropped
    return total
