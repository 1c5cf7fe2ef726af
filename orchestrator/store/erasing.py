"""Erasing what is known of a customer besides the name and the addresses, table by table.

What stays: messages, attempts and their histories without address, text or words, for counts and
amounts; statements of consent, as evidence.
"""

from collections.abc import Callable, Collection, Mapping
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
    literal,
    or_,
    select,
    update,
)

from orchestrator.model.message import State
from orchestrator.store.forgetting import Left
from orchestrator.store.forgotten import PREFIX
from orchestrator.tables import (
    attempts,
    consent_log,
    consents,
    contents,
    event_products,
    events,
    feedback,
    habits,
    journeys,
    memberships,
    message_log,
    messages,
    targets,
    wishes,
)
from orchestrator.tables.json import ids_text, these_ids

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
    unbound = and_(
        feedback.c.message_id.is_(None), feedback.c.address_key.in_(one.address_keys or [""])
    )
    ids: list[int] = []
    for theirs in (feedback.c.message_id.in_(_theirs), unbound):  # each by an index of its own
        some = select(feedback.c.id).where(theirs, _SAYS).limit(_most)
        ids += connection.execute(some, _told(one, most - len(ids))).scalars()
    strip_heard(connection, ids)
    return len(ids)


# The provider's own name for what a customer wrote may be an address, too.
_IMPERSONAL = literal(PREFIX) + cast(feedback.c.id, String())
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
            "occasion": literal(PREFIX) + cast(messages.c.id, String()),  # an event's name, a day
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
