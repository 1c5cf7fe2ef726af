"""The last check before the write: every gate once more, and the prices that were shown.

What does not pass goes where the gate says; what only waits comes back when it may.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.compose import Composed
from orchestrator.flow.gather import prices_of
from orchestrator.flow.statements import Question
from orchestrator.model.clock import Clock
from orchestrator.model.message import State
from orchestrator.model.money import Price, QuoteLine
from orchestrator.model.shop import Shop
from orchestrator.rules.case import Case
from orchestrator.rules.offers import prices_now
from orchestrator.store.messages import Move
from orchestrator.tables.json import ids_text

CAPPED_AGAIN_AFTER = timedelta(hours=1)
"""When a message that waits for a full cap is asked about again."""


@dataclass(frozen=True)
class Checked:
    """What the last check came to: the moves of those that must not leave now; and for the others,
    when it closes again: by then no provider may still hold them."""

    moves: list[Move] = field(default_factory=list)
    closes_at: dict[int, datetime | None] = field(default_factory=dict)


def last_check(
    connection: Connection,
    question: Question,
    composed: Mapping[int, Composed],
    clocks: Mapping[int, Clock],
    provider: str,
    now: datetime,
) -> Checked:
    """Ask about messages of one send on one channel, which would leave through this plugin."""
    parameters = {
        "now": now,
        "provider": provider,
        "clock_rows": question.case.clock_rules().parameter(now, clocks),
        "message_ids": ids_text(composed),
    }
    found = Checked()
    for row in connection.execute(question.decisions, parameters).all():
        message_id, reason, address, _, closes_at, _ = row
        if reason is not None:
            found.moves.append(_move(row, question.ends_as[reason], question.case, now))
        elif address != composed[message_id].claimed.address:
            found.moves.append(Move(message_id, State.PLANNED, "address_changed", now))
        else:
            found.closes_at[message_id] = closes_at
    for id in _changed_prices(connection, composed, question.case.shop, now):
        if id in found.closes_at:  # rendered again, as it is now
            del found.closes_at[id]
            found.moves.append(Move(id, State.PLANNED, "price_changed", now))
    return found


def _move(row: Any, state: State, case: Case, now: datetime) -> Move:
    if state is State.CAPPED and case.campaign.when_full == "defer":
        return _come_back(row, now + CAPPED_AGAIN_AFTER)
    if state is State.DEFERRED:
        return _come_back(row, row.opens_at, spread_over=case.shop.spread, closes_at=row.closes_at)
    return Move(row.message_id, state, row.reason)


def _come_back(
    row: Any,
    at: datetime,
    *,
    spread_over: timedelta = timedelta(0),
    closes_at: datetime | None = None,
) -> Move:
    if at >= row.expires_at:
        return Move(row.message_id, State.EXPIRED, row.reason)
    return Move(row.message_id, State.DEFERRED, row.reason, at, None, spread_over, closes_at)


def _changed_prices(
    connection: Connection, composed: Mapping[int, Composed], shop: Shop, now: datetime
) -> Iterator[int]:
    """The messages that show a price which no longer holds, or of which anything that they show
    was corrected meanwhile; or a product that is gone.
    """
    quoted = {id: one.rendered.quote.lines for id, one in composed.items()}
    shown = {line.price_id for lines in quoted.values() for line in lines}
    if not shown:
        return
    parameters = {"price_ids": ids_text(shown), "now": now}
    held = set(connection.execute(prices_now(shop.currency), parameters).scalars().all())
    told = prices_of(connection, held, shop)
    for id, lines in quoted.items():
        if not all(line.price_id in told and _is_so(line, told[line.price_id]) for line in lines):
            yield id


def _is_so(line: QuoteLine, price: Price) -> bool:
    """Whether all that was shown of the price is as it stands now."""
    was, percent = price.reduction or (None, None)
    shown = (
        (line.unit_price, price.unit_price),
        (line.was, was),
        (line.percent, percent),
        (line.valid_until, price.valid_until),
    )
    return line.total == price.total and all(one in (None, now) for one, now in shown)
