"""Erasing what is known of a customer, and knowing afterwards that it was erased.

What stays: messages, attempts and their histories without address, text or words, for counts and
amounts; statements of consent, as evidence; and keyed digests of the key and the addresses.
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.message import State
from orchestrator.store.customers import clock_ids
from orchestrator.store.dialect import insert_ignore, json_text
from orchestrator.tables import (
    addresses,
    attempts,
    consent_log,
    consents,
    contents,
    customers,
    deployment,
    event_products,
    events,
    feedback,
    forgetting,
    forgotten_addresses,
    habits,
    journeys,
    memberships,
    message_log,
    messages,
    suppressions,
    targets,
    wishes,
)
from orchestrator.tables.json import ids_text, rows, these_ids

REASON = "forgotten"
"""Of a message that ended so, and of an address that must not be used."""

_SECRET = "forgetting"
_DIGITS = 32
_PREFIX = "forgotten-"
_KEYS = rows("wanted", {"key": String()})
_wanted_keys = select(_KEYS.c.key)


# --- digests ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests by this database's own key, which never changes: without it nobody can try names."""

    secret: bytes

    def __repr__(self) -> str:
        return "Digests()"

    def of_customer(self, key: str) -> str:
        """What stands in place of a customer's key."""
        return _PREFIX + self._of(f"customer:{key}")

    def of_address(self, address_key: str) -> str:
        """By which an address is known again; `address_key` is the plain digest of it."""
        return self._of(f"address:{address_key}")

    def _of(self, what: str) -> str:
        return hmac.digest(self.secret, what.encode(), "sha256").hex()[:_DIGITS]


def digests(connection: Connection) -> Digests | None:
    """Those of this database; None where nobody was ever forgotten."""
    found = connection.scalar(select(deployment.c.value).where(deployment.c.name == _SECRET))
    return None if found is None else Digests(found.encode())


def make_digests(connection: Connection, new_secret: str) -> Digests:
    """Those of this database, which begin with `new_secret` where there are none yet."""
    row = {"name": _SECRET, "value": new_secret, "secret": True}
    connection.execute(insert_ignore(connection, deployment), row)
    found = digests(connection)
    assert found is not None  # the row is there, whoever wrote it
    return found


# --- what is known of those who were forgotten ----------------------------------------------------


def named(connection: Connection, key: str) -> int | None:
    """The customer with this key."""
    return connection.scalar(select(customers.c.id).where(customers.c.key == key))


def forgotten_at(connection: Connection, by: Digests, keys: Collection[str]) -> dict[str, datetime]:
    """When each of these customers was forgotten, of those who were."""
    named = {by.of_customer(key): key for key in keys}
    statement = select(customers.c.key, customers.c.forgotten_at).where(
        customers.c.key.in_(_wanted_keys), customers.c.forgotten_at.is_not(None)
    )
    found = connection.execute(statement, {"wanted": _texts(named)})
    return {named[row.key]: row.forgotten_at for row in found}


def are_forgotten(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of these customers who were forgotten."""
    statement = select(customers.c.id).where(
        customers.c.id.in_(these_ids("wanted")), customers.c.forgotten_at.is_not(None)
    )
    return set(connection.execute(statement, {"wanted": ids_text(ids)}).scalars())


def forgotten_among(connection: Connection, by: Digests, address_keys: Collection[str]) -> set[str]:
    """Those of these addresses whose customers were forgotten."""
    named = {by.of_address(key): key for key in address_keys}
    statement = select(forgotten_addresses.c.digest).where(
        forgotten_addresses.c.digest.in_(_wanted_keys)
    )
    found = connection.execute(statement, {"wanted": _texts(named)}).scalars()
    return {named[digest] for digest in found}


def suppress_again(connection: Connection, by: Digests, address_keys: Collection[str]) -> None:
    """Addresses that came in: of those that were forgotten, what stood against them holds again."""
    named = {by.of_address(key): key for key in address_keys}
    statement = select(forgotten_addresses).where(forgotten_addresses.c.digest.in_(_wanted_keys))
    again = [
        {"address_key": named[row.digest], "scope": row.scope, "reason": row.reason, "at": row.at}
        for row in connection.execute(statement, {"wanted": _texts(named)})
    ]
    if again:
        connection.execute(insert_ignore(connection, suppressions), again)


_agreed_since = and_(
    consents.c.customer_id == addresses.c.customer_id,
    consents.c.given.is_(True),
    consents.c.at > suppressions.c.at,
)
_BACK = (
    select(addresses.c.address_key, addresses.c.kind, consents.c.channel)
    .join(suppressions, suppressions.c.address_key == addresses.c.address_key)
    .join(consents, _agreed_since)
    .where(
        addresses.c.customer_id.in_(these_ids("wanted")),
        suppressions.c.scope == "all",
        suppressions.c.reason == REASON,
    )
)


def welcome_back(connection: Connection, by: Digests, ids: Collection[int]) -> None:
    """Of these customers' addresses, those that they have agreed to since they were forgotten may
    be used again. What stood against them for any other reason goes on to do so.
    """
    found = connection.execute(_BACK, {"wanted": ids_text(ids)})
    back = {row.address_key for row in found if ADDRESS_KINDS.get(row.channel) == row.kind}
    if not back:
        return
    for table, column, keys in (
        (suppressions, suppressions.c.address_key, back),
        (forgotten_addresses, forgotten_addresses.c.digest, {by.of_address(k) for k in back}),
    ):
        connection.execute(
            delete(table).where(
                column.in_(_wanted_keys), table.c.scope == "all", table.c.reason == REASON
            ),
            {"wanted": _texts(keys)},
        )


# --- the beginning: from now on nothing is sent, and nobody finds the customer --------------------


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
    told = {"wanted": _texts(held)}
    against = suppressions.c.address_key.in_(_wanted_keys)
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
    earlier = forgotten_addresses.c.digest.in_(_wanted_keys)
    connection.execute(
        delete(forgotten_addresses).where(earlier, forgotten_addresses.c.reason == REASON),
        {"wanted": _texts(digest_of.values())},
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


def _texts(keys: Iterable[str]) -> str:
    return json_text([[key] for key in keys])


def _no_longer_shared(connection: Connection, keys: Collection[str]) -> None:
    if keys:
        alone = addresses.c.address_key.in_(_wanted_keys)
        statement = update(addresses).where(alone).values(shared=_holders > 1)
        connection.execute(statement, {"wanted": _texts(keys)})


def end_unanswered(connection: Connection, customer_id: int, now: datetime) -> None:
    """Nobody looks for a lost answer any more: there is nothing left to look by."""
    connection.execute(
        update(messages)
        .where(messages.c.customer_id == customer_id, messages.c.state == State.UNKNOWN)
        .values(state=State.UNKNOWN_FINAL, reason=REASON, ended_at=now, lease_until=None)
    )


# --- the rest, a bounded number of rows at a time -------------------------------------------------


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


Erase = Callable[[Connection, Left, int], int]
"""Erases so many rows at most, in one transaction; how many it was. 0: none are left."""

_customer = bindparam("customer", type_=Integer())
_most = bindparam("most", type_=Integer())

# A worker that is writing a message still records by it; what it has shown is erased afterwards.
_theirs = select(messages.c.id).where(
    messages.c.customer_id == _customer, messages.c.state != State.SENDING
)


def _told(one: Left, most: int) -> dict[str, Any]:
    return {"customer": one.customer_id, "most": most}


def _erase_events(connection: Connection, one: Left, most: int) -> int:
    """Events, with the products that they carry."""
    some = select(events.c.id).where(events.c.customer_id == _customer).limit(_most)
    ids = list(connection.execute(some, _told(one, most)).scalars())
    if ids:
        told = {"wanted": ids_text(ids)}
        lines = event_products.c.event_id.in_(these_ids("wanted"))
        connection.execute(delete(event_products).where(lines), told)
        connection.execute(delete(events).where(events.c.id.in_(these_ids("wanted"))), told)
    return len(ids)


def _gone(table: Table) -> Erase:
    """Delete the customer's rows."""
    key = next(iter(table.primary_key)) if len(table.primary_key) == 1 else None
    mine = table.c.customer_id == _customer
    # A longer key begins with the customer: of those there are some dozens.
    which = mine if key is None else key.in_(select(key).where(mine).limit(_most))
    statement = delete(table).where(which)

    def erase(connection: Connection, one: Left, most: int) -> int:
        return connection.execute(statement, _told(one, most)).rowcount

    return erase


def _emptied(table: Table, words: Mapping[str, Any], which: ColumnElement[bool]) -> Erase:
    """Take the words out of rows that stay; those that have none are passed by."""
    (key,) = table.primary_key
    columns = ((table.c[name], value) for name, value in words.items())
    said = or_(*(c.is_not(None) if v is None else c != v for c, v in columns))
    statement = (
        update(table)
        .where(key.in_(select(key).where(which, said).limit(_most).scalar_subquery()))
        .values(**words)
    )

    def erase(connection: Connection, one: Left, most: int) -> int:
        return connection.execute(statement, _told(one, most)).rowcount

    return erase


def _erase_contents(connection: Connection, one: Left, most: int) -> int:
    """What was shown; what it was paid for and which prices were quoted stays."""
    shown = (
        select(contents.c.message_id, contents.c.quote)
        .where(contents.c.message_id.in_(_theirs), contents.c.text != "")
        .limit(_most)
    )
    found = connection.execute(shown, _told(one, most)).all()
    if found:
        statement = update(contents).where(contents.c.message_id == bindparam("which"))
        connection.execute(
            statement.values(subject=None, text="", html=None, quote=bindparam("impersonal")),
            [
                {"which": id, "impersonal": [{**line, "order": None} for line in quote]}
                for id, quote in found
            ],
        )
    return len(found)


def _erase_heard(connection: Connection, one: Left, most: int) -> int:
    """What came back: with a message of theirs, or from one of their addresses."""
    by_address = and_(
        feedback.c.message_id.is_(None), feedback.c.address_key.in_(one.address_keys or [""])
    )
    theirs = or_(feedback.c.message_id.in_(_theirs), by_address)
    some = select(feedback.c.id).where(theirs, _SAYS).limit(_most)
    ids = list(connection.execute(some, _told(one, most)).scalars())
    strip_heard(connection, ids)
    return len(ids)


# The provider's own name for what a customer wrote may be an address, too.
_IMPERSONAL = literal(_PREFIX) + cast(feedback.c.id, String())
_SAYS = feedback.c.event_key != _IMPERSONAL
_STRIP = (
    update(feedback)
    .where(feedback.c.id.in_(these_ids("wanted")))
    .values(
        detail=None,
        address_key=None,
        provider_ref=None,
        event_key=_IMPERSONAL,
        read_at=func.coalesce(feedback.c.read_at, feedback.c.received_at),  # nobody has to any more
    )
)


def strip_heard(connection: Connection, ids: Collection[int]) -> None:
    """Leave of these events only that they happened."""
    if ids:
        connection.execute(_STRIP, {"wanted": ids_text(ids)})


ERASED: Mapping[str, Erase] = {
    "events": _erase_events,
    "contents": _erase_contents,
    "feedback": _erase_heard,
    "message_log": _emptied(message_log, {"detail": None}, message_log.c.message_id.in_(_theirs)),
    "attempts": _emptied(
        attempts, {"detail": None, "provider_ref": None}, attempts.c.message_id.in_(_theirs)
    ),
    "messages": _emptied(
        messages,
        {
            "address": None,
            "address_key": None,
            "event_id": None,
            "provider_ref": None,
            "occasion": literal(_PREFIX) + cast(messages.c.id, String()),  # an event's name, a day
        },
        messages.c.id.in_(_theirs),
    ),
    # Who agreed to which words stays, as evidence; by which words somebody ended it may be theirs.
    "consent_log": _emptied(
        consent_log,
        {"wording": ""},
        and_(consent_log.c.customer_id == _customer, consent_log.c.given.is_(False)),
    ),
    "consents": _gone(consents),
    "wishes": _gone(wishes),
    "journeys": _gone(journeys),
    "memberships": _gone(memberships),
    "habits": _gone(habits),
    "targets": _gone(targets),
}
"""What is erased of a customer besides the name and the addresses, table by table."""
