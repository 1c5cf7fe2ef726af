"""Waiting for a database that is away: whoever serves day and night may be there before it is."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from orchestrator.entry.logs import get_logger
from orchestrator.model.errors import Away

T = TypeVar("T")

AGAIN_S = 2.0


def when_there(opens: Callable[[], T], stop: Event) -> T | None:
    """What it opens, as soon as the database answers; None if somebody asks to end before."""
    while not stop.is_set():
        try:
            return opens()
        except Away as error:
            get_logger("tactful").warning("the database is away", why=str(error))
        stop.wait(AGAIN_S)
    return None
