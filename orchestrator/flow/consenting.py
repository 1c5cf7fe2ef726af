"""Customers who end or begin something themselves: recorded with evidence, effective at once.

Whoever calls holds the customers (`messages.lock_customers`), as whoever sends does. So nothing is
admitted any more once the transaction has committed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple

from sqlalchemy import Connection

from orchestrator.flow.ingest.returning import came_in
from orchestrator.store.consents import (
    ANY_TOPIC,
    LogRow,
    Statement,
    log_consents,
    restate_consents,
    said_on,
    standing,
)
from orchestrator.store.customers import touch_customers
from orchestrator.store.forgotten import digests
from orchestrator.tables.instant import to_micros


class Evidence(NamedTuple):
    """When it was said, where, and in which words."""

    at: datetime
    touchpoint: str
    wording: str


def state(connection: Connection, said: Sequence[LogRow], now: datetime) -> None:
    """Record statements, and work out what holds."""
    if said and log_consents(connection, said):
        who = {row.customer_id for row in said}
        changed = restate_consents(connection, who)
        forgotten = digests(connection)
        if forgotten is not None:
            came_in(connection, forgotten, who)
        touch_customers(connection, changed, now)


def withdrawal(customer_id: int, channel: str, evidence: Evidence) -> LogRow:
    """Nothing more on this channel, whatever it is about; messages of service aside."""
    return LogRow(
        customer_id,
        channel,
        ANY_TOPIC,
        False,
        to_micros(evidence.at),
        None,
        evidence.touchpoint,
        evidence.wording,
    )


def taken_back(
    connection: Connection,
    customers: Collection[int],
    channels: Collection[str],
    evidence: Evidence,
) -> list[LogRow]:
    """What makes an end by `touchpoint` undone, however often it was said: all that held before it
    holds again.

    Nothing, where the last word on the channel was another one: who never agreed has not now.
    """
    found: list[LogRow] = []
    at = to_micros(evidence.at)
    for (customer, channel), said in said_on(connection, customers, channels).items():
        latest_first = sorted(said, key=lambda row: (row.at, not row.given), reverse=True)
        ends = list(takewhile(lambda row: _ends_all(row, evidence.touchpoint), latest_first))
        if not ends:
            continue
        since = ends[-1].at
        earlier = [Statement(r.at, r.given, r.topic, r.until) for r in said if r.at < since]
        before = standing(earlier)
        lasting = {t for t, one in before.items() if one.given and (one.until or at + 1) > at}
        # What had been ended by itself before must not come back with all the others.
        found += [
            LogRow(customer, channel, topic, topic in lasting, at, one.until, *evidence[1:])
            for topic, one in before.items()
            if topic in lasting or ANY_TOPIC in lasting
        ]
    return found


def _ends_all(row: LogRow, touchpoint: str) -> bool:
    return not row.given and row.topic == ANY_TOPIC and row.touchpoint == touchpoint
