"""What happened to a product's price: the steps from one to the next that held."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from orchestrator.store.catalogue import Change, write_changes
from orchestrator.store.dialect import json_text
from orchestrator.store.prices import PRICE_KEYS, PriceKey, of_the_same, stored
from orchestrator.tables import prices, product_changes
from orchestrator.tables.instant import to_micros

_next = prices.alias("next_price")
_previous = prices.alias("previous_price")
_FOLLOWING = (
    select(_next.c.id)
    .where(of_the_same(_next, PRICE_KEYS), _next.c.valid_from > PRICE_KEYS.c.valid_from)
    .order_by(_next.c.valid_from)
    .limit(1)
    .correlate(PRICE_KEYS)
    .scalar_subquery()
)
_at = (
    select(PRICE_KEYS.c.product_id, PRICE_KEYS.c.currency, PRICE_KEYS.c.valid_from)
    .union(
        select(prices.c.product_id, prices.c.currency, prices.c.valid_from)
        .select_from(PRICE_KEYS)
        .join(prices, prices.c.id == _FOLLOWING)
    )
    .subquery("step_at")
)
_PRECEDING = (
    select(_previous.c.id)
    .where(of_the_same(_previous, _at), _previous.c.valid_from < _at.c.valid_from)
    .order_by(_previous.c.valid_from.desc())
    .limit(1)
    .correlate(_at)
    .scalar_subquery()
)
_STEPS = (
    select(
        _at.c.product_id,
        _at.c.valid_from,
        stored(prices.c.amount),
        stored(_previous.c.amount),
        _previous.c.valid_until,
        prices.c.tax.is_distinct_from(_previous.c.tax),
        stored(product_changes.c.before),
        stored(product_changes.c.after),
    )
    .select_from(_at)
    .outerjoin(prices, of_the_same(prices, _at) & (prices.c.valid_from == _at.c.valid_from))
    .outerjoin(_previous, _previous.c.id == _PRECEDING)
    .outerjoin(
        product_changes,
        (product_changes.c.product_id == _at.c.product_id)
        & (product_changes.c.kind == "price")
        & (product_changes.c.at == _at.c.valid_from),
    )
)
_NO_STEP = delete(product_changes).where(
    product_changes.c.product_id == bindparam("which"),
    product_changes.c.kind == "price",
    product_changes.c.at == bindparam("which_at"),
)


def note_price_changes(connection: Connection, keys: Collection[PriceKey]) -> list[int]:
    """Bring the changes of price at these keys, and at those that follow, up to date.

    The price before a change is the one that held until then; where none held, or it was told with
    another tax, nothing is known to have changed. Where no price begins any more nothing changes. A
    change keeps its id for as long as it stands. The ids of new changes.
    """
    written: list[Change] = []
    gone: list[dict[str, Any]] = []
    for id_, at, amount, before, ended, retaxed, known_before, known_after in connection.execute(
        _STEPS, {"asked": json_text(list(keys))}
    ):
        held = before is not None and not retaxed and (ended is None or ended >= at)
        if amount is not None and held and before != amount:
            if (known_before, known_after) != (before, amount):
                written.append(Change(id_, "price", to_micros(at), before, amount))
        elif known_before is not None:
            gone.append({"which": id_, "which_at": at})
    if gone:
        connection.execute(_NO_STEP, gone)
    return write_changes(connection, written)
