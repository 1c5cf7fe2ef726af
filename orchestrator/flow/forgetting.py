"""Forgetting a customer: nothing is sent any more, and everything about the person is erased.

The first transaction is the moment from which nobody finds the customer, and nothing leaves for
them. The rest is erased in further ones, each of a bounded number of rows. Whatever is left when a
process dies, or is written by one that had begun before, is erased by the next looks at it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from orchestrator.flow.cancelling import Answer, answer, surely
from orchestrator.model.clock import Clock
from orchestrator.store import erasing, forgetting, forgotten
from orchestrator.store.cancelling import Which
from orchestrator.store.cancelling import cancel as end
from orchestrator.store.database import reading, writing
from orchestrator.store.forgetting import Left
from orchestrator.store.messages import lock_customers

ROWS_AT_ONCE = 1_000
"""So many rows are erased in one transaction."""

CUSTOMERS_AT_ONCE = 100
"""So many customers are looked at by one look of `erase_what_is_left`."""

LONGEST = timedelta(hours=1)
"""No transaction of ours that had begun before is under way any more after so long."""

SOON = timedelta(minutes=1)
"""When a message that is just being written is looked at again."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of it. `at`: when the customer was forgotten, now or before.

    `answers` tells of every message that had not ended: `cancelled`, or `too late`.
    """

    at: datetime
    before: bool
    answers: Sequence[Answer] = ()
    erased: Counter[str] = field(default_factory=Counter)
    """Table → rows that were deleted, or emptied of what is personal."""


def forget(engine: Engine, customer: str, new_secret: str, now: datetime) -> Forgotten | None:
    """Forget the customer with this key; None where there is none, and never was.

    `new_secret` becomes the key of the digests where nobody was forgotten before.
    """
    begun = surely(engine, partial(_begin, customer=customer, new_secret=new_secret, now=now))
    if not isinstance(begun, tuple):
        return begun
    told, one = begun
    return replace(told, erased=_erase(engine, one, now))


def erase_what_is_left(engine: Engine, now: datetime) -> Counter[str]:
    """Erase what is left of customers who were forgotten; table → rows."""
    done: Counter[str] = Counter()
    with reading(engine) as connection:
        found = forgetting.left(connection, now, most=CUSTOMERS_AT_ONCE)
    for one in found:
        done += _erase(engine, one, now)
    return done


def _begin(
    connection: Connection, customer: str, new_secret: str, now: datetime
) -> tuple[Forgotten, Left] | Forgotten | None:
    by = forgotten.make_digests(connection, new_secret)
    id = forgotten.named(connection, customer)
    if id is not None:
        lock_customers(connection, [id])
        id = forgotten.named(connection, customer)  # somebody else may have been faster
    if id is None:
        at = forgotten.forgotten_at(connection, by, [customer]).get(customer)
        return None if at is None else Forgotten(at, before=True)
    answers = _stop(connection, id, now)
    keys = forgetting.take_name(connection, by, id, customer, Clock().key, now)
    return Forgotten(now, before=False, answers=answers), Left(id, keys, now)


def _stop(connection: Connection, id: int, now: datetime) -> list[Answer]:
    """End what has not left; nobody looks for answers that were lost any more."""
    lock_customers(connection, [id])
    stopped = end(connection, Which(customer_id=id), now, reason=forgotten.REASON)
    forgetting.end_unanswered(connection, id, now)
    return [answer(one) for one in stopped]


def _erase(engine: Engine, one: Left, now: datetime) -> Counter[str]:
    done: Counter[str] = Counter()
    with writing(engine) as connection:
        _stop(connection, one.customer_id, now)  # what was planned by who had begun before
    for table, erase in erasing.ERASED.items():
        rows = ROWS_AT_ONCE
        while rows >= ROWS_AT_ONCE:
            with writing(engine) as connection:
                rows = erase(connection, one, ROWS_AT_ONCE)
            done[table] += rows
    with writing(engine) as connection:
        again: datetime | None = one.began_at + LONGEST
        if forgetting.is_being_written(connection, one.customer_id):
            again = now + SOON
        elif again is not None and again <= now:
            again = None
        forgetting.look_again(connection, one.customer_id, again)
    return +done
