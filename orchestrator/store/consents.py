"""Statements of consent, and addresses that must not be used."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, delete, func, select

from orchestrator.store.dialect import insert_ignore, insert_stored
from orchestrator.tables import consent_log, consents, suppressions
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import ids_text, rows

ANY_TOPIC = "*"
Scope = Literal["all", "marketing"]

_IDS = rows("ids", {"id": Integer()})


class Statement(NamedTuple):
    """What was said about a topic; instants are microseconds. Sorts by time, grants first."""

    at: int
    given: bool
    topic: str
    until: int | None


class Standing(NamedTuple):
    """What holds now for a customer, a channel and a topic."""

    customer_id: int
    channel: str
    topic: str
    given: bool
    at: int
    until: int | None


class LogRow(NamedTuple):
    """A row of the log, in the order of its columns."""

    customer_id: int
    channel: str
    topic: str
    given: bool
    at: int
    until: int | None
    touchpoint: str
    wording: str


def log_consents(connection: Connection, said: Sequence[LogRow]) -> int:
    """Append statements; the number of those that the log did not have."""
    before = _log_size(connection, {row.customer_id for row in said})
    insert_stored(connection, consent_log, LogRow._fields, said, ignore=True)
    return _log_size(connection, {row.customer_id for row in said}) - before


def _log_size(connection: Connection, customers: Collection[int]) -> int:
    count = select(func.count()).where(consent_log.c.customer_id.in_(select(_IDS.c.id)))
    return int(connection.execute(count, {"ids": ids_text(customers)}).scalar_one())


def standing(statements: Iterable[Statement]) -> dict[str, Statement]:
    """What holds for each topic after all statements about one channel, in whatever order.

    The latest statement about the topic, or about all topics, holds; of two at one instant, the
    withdrawal. A grant that comes while another one runs never shortens it: a consent implied by a
    purchase does not put an end to the one that was given in words.
    """
    found: dict[str, Statement] = {}
    said = sorted(statements, key=lambda one: (one.at, not one.given, one.topic, one.until or 0))
    for topic in {one.topic for one in said} | {ANY_TOPIC}:
        last: Statement | None = None
        for one in said:
            if one.topic in (topic, ANY_TOPIC):
                last = one._replace(topic=topic, until=_longer(last, one))
        if last is not None:
            found[topic] = last
    return found


def _longer(last: Statement | None, one: Statement) -> int | None:
    if not one.given:
        return None
    if one.until is None or last is None or not last.given:
        return one.until
    if last.until is None:
        return None
    return max(last.until, one.until)


def restate_consents(connection: Connection, customers: Collection[int]) -> set[int]:
    """Work out from the log what holds for these customers; ids of those for whom it changed."""
    wanted = {"ids": ids_text(customers)}
    held = {row[:3]: row for row in _held(connection, wanted)}
    now_held = {row[:3]: row for row in _worked_out(connection, wanted)}
    written = [row for key, row in now_held.items() if held.get(key) != row]
    # A topic loses its row only when its statements were erased from the log.
    gone = [key for key in held if key not in now_held]
    insert_stored(
        connection,
        consents,
        Standing._fields,
        written,
        key=("customer_id", "channel", "topic"),
        replace=("given", "at", "until"),
    )
    if gone:
        connection.execute(
            delete(consents).where(
                consents.c.customer_id == bindparam("which"),
                consents.c.channel == bindparam("which_channel"),
                consents.c.topic == bindparam("which_topic"),
            ),
            [{"which": c, "which_channel": ch, "which_topic": t} for c, ch, t in gone],
        )
    return {row.customer_id for row in written} | {key[0] for key in gone}


_HELD = select(*(consents.c[name] for name in Standing._fields)).where(
    consents.c.customer_id.in_(select(_IDS.c.id))
)
_LOG = (
    select(
        consent_log.c.customer_id,
        consent_log.c.channel,
        consent_log.c.at,
        consent_log.c.given,
        consent_log.c.topic,
        consent_log.c.until,
    )
    .where(consent_log.c.customer_id.in_(select(_IDS.c.id)))
    .order_by(consent_log.c.customer_id, consent_log.c.channel)
)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _held(connection: Connection, wanted: dict[str, str]) -> Iterator[Standing]:
    for id_, channel, topic, given, at, until in connection.execute(_HELD, wanted).all():
        yield Standing(id_, channel, topic, given, to_micros(at), _micros(until))


def _worked_out(connection: Connection, wanted: dict[str, str]) -> Iterator[Standing]:
    for (id_, channel), said in groupby(connection.execute(_LOG, wanted), key=itemgetter(0, 1)):
        statements = [
            Statement(to_micros(at), given, topic, _micros(until))
            for _, _, at, given, topic, until in said
        ]
        for topic, one in standing(statements).items():
            yield Standing(id_, channel, topic, one.given, one.at, one.until)


_SAID = select(*(consent_log.c[name] for name in LogRow._fields)).where(
    consent_log.c.customer_id.in_(select(_IDS.c.id))
)


def said_on(
    connection: Connection, customers: Collection[int], channels: Collection[str]
) -> dict[tuple[int, str], list[LogRow]]:
    """Everything that these customers have ever said about these channels, in no order."""
    found: dict[tuple[int, str], list[LogRow]] = {}
    for row in connection.execute(_SAID, {"ids": ids_text(customers)}).all():
        id_, channel, topic, given, at, until, touchpoint, wording = row
        micros = to_micros(at), _micros(until)
        one = LogRow(id_, channel, topic, given, *micros, touchpoint, wording)
        if one.channel in channels:
            found.setdefault((one.customer_id, one.channel), []).append(one)
    return found


BY_PROVIDER = "provider"
"""Why an address is suppressed: so the provider answered when it was written to."""


def suppress(
    connection: Connection, address_key: str, scope: Scope, reason: str, at: datetime
) -> bool:
    """Never use this address again: for anything ("all"), or for marketing.

    Whether this was not known yet; the first reason stays.
    """
    known = connection.execute(
        select(suppressions.c.at).where(
            suppressions.c.address_key == address_key, suppressions.c.scope == scope
        )
    ).first()
    if known is not None:
        return False
    row = {"address_key": address_key, "scope": scope, "reason": reason, "at": at}
    connection.execute(insert_ignore(connection, suppressions), row)
    return True
