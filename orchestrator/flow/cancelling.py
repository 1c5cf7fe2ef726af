"""Cancelling, with an answer for each message: `cancelled`, or `too late`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from orchestrator.model.errors import NotFound
from orchestrator.model.message import ADMITTED
from orchestrator.model.problem import or_near
from orchestrator.store.campaigns import all_since
from orchestrator.store.cancelling import (
    Stopped,
    Waiting,
    Which,
    all_of,
    end,
    end_journeys,
    may_have_left,
    on_the_way,
    pending,
)
from orchestrator.store.customers import load_customers
from orchestrator.store.database import reading, writing
from orchestrator.store.planned import last_message

T = TypeVar("T")
Tell = Callable[[int, int], None]
"""Is told how many of how many have been seen to."""

AT_ONCE = 2_000
"""So many are ended in one transaction, and their customers held as long: a tenth of a second."""

TRIES = 3
"""PostgreSQL may end one of two who wait for each other; nothing was answered then."""

_WAITED_FOR_EACH_OTHER = "40P01"


@dataclass(frozen=True, slots=True)
class Answer:
    """`cancelled`: no provider is given the message, ever. `too late`: one may have it already."""

    message: int
    answer: Literal["cancelled", "too late"]
    state: str


def cancel(
    engine: Engine, which: Which, now: datetime, tell: Tell = lambda done, of: None
) -> list[Answer]:
    """End every message that has not left yet, and say which those are.

    Some are ended at a time, so that nobody waits long for a customer who is held: where it is
    interrupted, those are ended and the others are not. What is planned meanwhile does not count.
    Told of are the messages that had not come to an end; a single message in any case.
    """
    _leave(engine, which, now)
    with reading(engine) as connection:
        last = last_message(connection)
    stopped: list[Stopped] = []
    while waiting := _pending(engine, which, last):
        for at in range(0, len(waiting), AT_ONCE):
            tell(at, len(waiting))
            some = waiting[at : at + AT_ONCE]
            stopped += surely(engine, partial(end, waiting=some, now=now))
    with reading(engine) as connection:
        return [answer(one) for one in all_of(stopped, may_have_left(connection, which))]


def _leave(engine: Engine, which: Which, now: datetime) -> None:
    """Nobody plans a next step for long while whoever is on the way leaves."""
    after = 0
    while True:
        with reading(engine) as connection:
            some = on_the_way(connection, which, after, AT_ONCE)
        if not some:
            return
        surely(engine, partial(end_journeys, some=some, now=now))
        after = some[-1]


def _pending(engine: Engine, which: Which, last: int) -> list[Waiting]:
    with reading(engine) as connection:
        return pending(connection, which, last)


def surely(engine: Engine, work: Callable[[Connection], T]) -> T:
    """In a transaction; once more where the database ended it for somebody else's sake."""
    for tries_left in reversed(range(TRIES)):
        try:
            with writing(engine) as connection:
                return work(connection)
        except OperationalError as error:
            if not tries_left or not waited_for_each_other(error):
                raise
    raise AssertionError("the last try returns or raises")


def surely_none(engine: Engine, which: Which) -> None:
    """Nothing was there; raises NotFound where that may be a slip of the pen."""
    with reading(engine) as connection:
        campaigns = all_since(connection)
        customers = load_customers(connection, {which.customer} if which.customer else ())
    if which.campaign is not None and which.campaign not in campaigns:
        none = f"no campaign {which.campaign!r} was ever put to work"
        raise NotFound(or_near(none, which.campaign, campaigns))
    if which.customer is not None and which.customer not in customers:
        raise NotFound(f"there is no customer {which.customer!r}")


def waited_for_each_other(error: OperationalError) -> bool:
    """Whether the database ended this transaction so that another one can go on."""
    return getattr(error.orig, "sqlstate", "") == _WAITED_FOR_EACH_OTHER


def answer(one: Stopped) -> Answer:
    """In the words of the promise."""
    left = one.state in ADMITTED
    return Answer(one.message, "too late" if left else "cancelled", str(one.state))
