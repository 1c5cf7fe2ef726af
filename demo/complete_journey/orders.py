"""Baskets as `Order Completed` events, in order of time.

`price` is what one piece cost, sales_value / quantity; `total` is the sum over the lines of what
was sold, `discount` what the loyalty card took off. Lines that brought nothing (returns, coupon
slips) are left out. Petrol and other measured goods come as one piece: the data counts them in
thousandths, and a line of 12,358 pieces would tell nobody anything.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from demo.complete_journey.catalogue import PIECES_MAX
from demo.complete_journey.clock import WEEKS, week_start
from demo.complete_journey.customers import Record
from demo.complete_journey.source import pa, pc, read

BATCH = 4096
"""Orders turned into Python objects at a time."""

SPAN = timedelta(days=62)
"""Orders read from the file at a time, so that memory does not grow with the year."""

NAME = "Order Completed"

Progress = Callable[[str, int, int], None]
"""Called with what is read, how many records are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders as arrow tables, for an importer that works in columns.

    `events`: id, name, customer, at (UTC), properties (JSON text), order by time.
    `lines`: event (the id), line (0, 1, …), product, quantity, price, in the same order.
    """

    events: Any
    lines: Any


def orders(
    since: datetime | None = None,
    until: datetime | None = None,
    households: Collection[int] | None = None,
) -> Orders:
    """Orders with since <= at < until as columns; without bounds the whole year."""
    lines = _lines(since, until, households)
    starts, ends = _bounds(lines["basket_id"])
    events = _events(lines, starts, ends)
    every = pa.array(range(lines.num_rows), pa.int32())
    basket = pc.list_parent_indices(pa.ListArray.from_arrays(_offsets(starts, ends), every))
    flat = pa.table(
        {
            "event": events["id"].take(basket),
            "line": pc.subtract(every, starts.take(basket)),
            "product": pc.cast(lines["product_id"], pa.string()),
            "quantity": lines["pieces"],
            "price": lines["price"],
        }
    )
    return Orders(events, flat)


def _events(lines: Any, starts: Any, ends: Any) -> Any:
    heads = lines.take(starts)
    by_basket = pa.ListArray.from_arrays(_offsets(starts, ends), _line_texts(lines))
    properties = _json(
        ('{"order_id":"', heads["basket_id"]),
        ('","store":"', heads["store_id"]),
        ('","currency":"USD","total":', _sums(lines["sales_value"], starts, ends)),
        (',"discount":', _sums(lines["retail_disc"], starts, ends)),
        (',"coupon_used":', pc.greater(_sums(lines["coupons"], starts, ends), 0)),
        (',"products":[', pc.binary_join(by_basket, ",")),
        ("]}",),
    )
    return pa.table(
        {
            "id": _json(("basket-", heads["basket_id"])),
            "name": pa.repeat(pa.scalar(NAME), len(starts)),
            "customer": _json(("hh-", heads["household_id"])),
            "at": pc.assume_timezone(heads["transaction_timestamp"], "UTC"),
            "properties": properties,
        }
    )


def order_events(
    since: datetime | None = None,
    until: datetime | None = None,
    households: Collection[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """The same orders as event records; Python objects exist for one batch at a time."""
    begin, end = since or week_start(1), until or week_start(WEEKS + 1)
    total = _count(begin, end, households) if progress is not None else 0
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    done = 0
    while begin < end:
        stop = min(begin + SPAN, end)
        lines = _lines(begin, stop, households)
        events = _dated(_events(lines, *_bounds(lines["basket_id"])))
        for batch in events.to_batches(max_chunksize=BATCH):
            for record in batch.to_pylist():
                record["properties"] = decode(record["properties"])
                yield record
            done += batch.num_rows
            if progress is not None:
                progress("orders", done, total)
        begin = stop


def _dated(events: Any) -> Any:
    at = pc.cast(events["at"], pa.timestamp("s", "UTC"))
    column = pc.strftime(at, format="%Y-%m-%dT%H:%M:%SZ")
    return events.set_column(events.column_names.index("at"), "at", column)


def _where(
    since: datetime | None, until: datetime | None, households: Collection[int] | None
) -> Any:
    where = pc.field("sales_value") > 0
    at = pc.field("transaction_timestamp")
    if since is not None:
        where &= at >= _naive(since)
    if until is not None:
        where &= at < _naive(until)
    if households is not None:
        where &= pc.field("household_id").isin(sorted(households))
    return where


def _count(since: datetime, until: datetime, households: Collection[int] | None) -> int:
    baskets = read("transactions", ("basket_id",), _where(since, until, households))
    return int(pc.count_distinct(baskets["basket_id"]).as_py())


def _lines(
    since: datetime | None, until: datetime | None, households: Collection[int] | None
) -> Any:
    columns = ("household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value")
    more = ("retail_disc", "coupon_disc", "coupon_match_disc", "transaction_timestamp")
    table = read("transactions", (*columns, *more), _where(since, until, households))
    table = table.sort_by(
        [(key, "ascending") for key in ("transaction_timestamp", "basket_id", "product_id")]
    ).combine_chunks()
    quantity = table["quantity"]
    counted = pc.and_(pc.greater(quantity, 0), pc.less_equal(quantity, PIECES_MAX))
    pieces = pc.if_else(counted, quantity, 1)
    price = pc.round(pc.divide(table["sales_value"], pc.cast(pieces, pa.float64())), 4)
    coupons = pc.add(table["coupon_disc"], table["coupon_match_disc"])
    return (
        table.append_column("pieces", pieces)
        .append_column("price", price)
        .append_column("coupons", coupons)
        .drop_columns(["quantity", "coupon_disc", "coupon_match_disc"])
    )


def _naive(instant: datetime) -> Any:
    """The data's timestamps are UTC without saying so; a filter must not say so either."""
    return pa.scalar(instant, pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))


def _line_texts(lines: Any) -> Any:
    return _json(
        ('{"product_id":"', lines["product_id"]),
        ('","quantity":', lines["pieces"]),
        (',"price":', lines["price"]),
        ("}",),
    )


def _bounds(baskets: Any) -> tuple[Any, Any]:
    """Each basket's first line and the line after its last; a basket's lines stand together."""
    count = len(baskets)
    if count == 0:
        return pa.array([], pa.int32()), pa.array([], pa.int32())
    changes = pc.indices_nonzero(pc.not_equal(baskets[1:], baskets[:-1]))
    inner = pc.cast(pc.add(changes, 1), pa.int32())
    first, last = pa.array([0], pa.int32()), pa.array([count], pa.int32())
    return pa.concat_arrays([first, inner]), pa.concat_arrays([inner, last])


def _offsets(starts: Any, ends: Any) -> Any:
    return pa.concat_arrays([pa.array([0], pa.int32()), ends if len(starts) else starts])


def _sums(dollars: Any, starts: Any, ends: Any) -> Any:
    """Dollars per basket, added in whole cents. Differences of a running sum keep the order;
    arrow's grouping would not."""
    cents = pc.cast(pc.round(pc.multiply(dollars, 100.0)), pa.int64())
    running = pc.cumulative_sum(cents)
    if isinstance(running, pa.ChunkedArray):
        running = running.combine_chunks()
    upto = pa.concat_arrays([pa.array([0], pa.int64()), running])
    each = pc.subtract(upto.take(ends), upto.take(starts))
    return pc.divide(pc.cast(each, pa.float64()), 100.0)


def _json(*pieces: tuple[Any, ...]) -> Any:
    """Text and columns joined row by row into one column of text."""
    parts: list[Any] = []
    for text, *column in pieces:
        parts.append(text)
        parts += [pc.cast(values, pa.string()) for values in column]
    joined = pc.binary_join_element_wise(*parts, "")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
