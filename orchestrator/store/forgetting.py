"""Forgetting a customer: from the first transaction on nobody is written to, and nobody is found.

The name and the addresses go at once. What else is known is erased afterwards, a bounded number of
rows at a time (`store/erasing.py`); here stands who is still to be looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    select,
    update,
)

from orchestrator.model.message import State
from orchestrator.store.customers import clock_ids
from orchestrator.store.dialect import insert_ignore
from orchestrator.store.forgotten import REASON, Digests, keys_text, wanted_keys
from orchestrator.tables import (
    addresses,
    customers,
    forgetting,
    forgotten_addresses,
    messages,
    suppressions,
)


def take_name(
    connection: Connection, by: Digests, customer_id: int, key: str, clock: str, now: datetime
) -> tuple[str, ...]:
    """Take a customer's name and addresses, and note what has to be known of them afterwards; the
    plain digests of the addresses.

    `clock`: the key of the clock of whom nothing is known. The rest is erased by `erase`.
    """
    digest = by.of_customer(key)
    # Whoever came back and goes again leaves two rows; the newer one counts.
    before = update(customers).where(customers.c.key == digest)
    connection.execute(before.values(key=customers.c.key + f"-before-{customer_id}"))
    held = connection.execute(
        select(addresses.c.kind, addresses.c.address_key, addresses.c.shared).where(
            addresses.c.customer_id == customer_id
        )
    ).all()
    _suppress(connection, by, {row.address_key: row.shared for row in held}, now)
    connection.execute(delete(addresses).where(addresses.c.customer_id == customer_id))
    _no_longer_shared(connection, [row.address_key for row in held if row.shared])
    connection.execute(
        update(customers)
        .where(customers.c.id == customer_id)
        .values(
            key=digest,
            clock_id=clock_ids(connection, [clock])[clock],
            place=None,
            locale=None,
            preferred_channel=None,
            max_per_week=None,
            paused_until=None,
            told=None,
            bucket=0,  # it was drawn from the key
            traits={},
            created_at=now,
            updated_at=now,
            forgotten_at=now,
        )
    )
    keys = tuple(sorted(one.address_key for one in held))
    row = {
        "customer_id": customer_id,
        "address_keys": list(keys),
        "began_at": now,
        "due_at": now,
    }
    connection.execute(insert(forgetting), row)
    return keys


def _suppress(connection: Connection, by: Digests, held: Mapping[str, bool], now: datetime) -> None:
    """Keep what stands against the addresses, and that they were forgotten, by keyed digest.

    The plain digest stays only where another customer has the address as well.
    """
    if not held:
        return
    told = {"wanted": keys_text(held)}
    against = suppressions.c.address_key.in_(wanted_keys)
    kept = [
        (row.address_key, row.scope, row.reason, row.at)
        for row in connection.execute(select(suppressions).where(against), told)
        if row.reason != REASON
    ]
    # Who gave a bad address does not get it back by agreeing once more: the first reason stays.
    kept += [
        (key, "all", REASON, now) for key in held.keys() - {k for k, s, *_ in kept if s == "all"}
    ]
    digest_of = {key: by.of_address(key) for key in held}
    earlier = forgotten_addresses.c.digest.in_(wanted_keys)
    connection.execute(
        delete(forgotten_addresses).where(earlier, forgotten_addresses.c.reason == REASON),
        {"wanted": keys_text(digest_of.values())},
    )
    connection.execute(delete(suppressions).where(against), told)
    for table, column, rows_ in (
        (forgotten_addresses, "digest", [(digest_of[key], *what) for key, *what in kept]),
        (suppressions, "address_key", [one for one in kept if held[one[0]]]),
    ):
        names = (column, "scope", "reason", "at")
        if rows_:
            connection.execute(
                insert_ignore(connection, table),
                [dict(zip(names, one, strict=True)) for one in rows_],
            )


_other = addresses.alias()
_holders = (
    select(func.count())
    .select_from(_other)
    .where(_other.c.address_key == addresses.c.address_key)
    .scalar_subquery()
)


def _no_longer_shared(connection: Connection, keys: Collection[str]) -> None:
    if keys:
        alone = addresses.c.address_key.in_(wanted_keys)
        statement = update(addresses).where(alone).values(shared=_holders > 1)
        connection.execute(statement, {"wanted": keys_text(keys)})


def end_unanswered(connection: Connection, customer_id: int, now: datetime) -> None:
    """Nobody looks for a lost answer any more: there is nothing left to look by."""
    connection.execute(
        update(messages)
        .where(messages.c.customer_id == customer_id, messages.c.state == State.UNKNOWN)
        .values(state=State.UNKNOWN_FINAL, reason=REASON, ended_at=now, lease_until=None)
    )


@dataclass(frozen=True, slots=True)
class Left:
    """A customer of whom something may be left to erase."""

    customer_id: int
    address_keys: tuple[str, ...]
    began_at: datetime


def left(connection: Connection, now: datetime, *, most: int) -> list[Left]:
    """Those who are due to be looked at, the longest due first."""
    statement = (
        select(forgetting.c.customer_id, forgetting.c.address_keys, forgetting.c.began_at)
        .where(forgetting.c.due_at <= now)
        .order_by(forgetting.c.due_at, forgetting.c.customer_id)
        .limit(most)
    )
    return [Left(row[0], tuple(row[1]), row[2]) for row in connection.execute(statement)]


def look_again(connection: Connection, customer_id: int, at: datetime | None) -> None:
    """When this customer is to be looked at again; None: never more."""
    mine = forgetting.c.customer_id == customer_id
    if at is None:
        connection.execute(delete(forgetting).where(mine))
    else:
        connection.execute(update(forgetting).where(mine).values(due_at=at))


def is_being_written(connection: Connection, customer_id: int) -> bool:
    """Whether a message to this customer is with a worker that may still have an answer."""
    statement = select(messages.c.id).where(
        messages.c.customer_id == customer_id, messages.c.state == State.SENDING
    )
    return connection.execute(statement.limit(1)).first() is not None
