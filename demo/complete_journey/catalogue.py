"""Products sold at least 20 times in the year, their prices and their gaps in stock."""

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from demo.complete_journey.customers import Record
from demo.complete_journey.prices import WeekPrice, price_records, unsettled
from demo.complete_journey.source import pa, pc, read
from demo.complete_journey.stock import stock_records
from demo.complete_journey.titles import readable, size, title

LINES_MIN = 20
"""Lines a year below which a product is left out: its price would rest on too few sales."""

PIECES_MAX = 100
"""More than this on one line is a measure (thousandths of a gallon of petrol), not pieces."""

BATCH = 16_384
"""Rows turned into Python objects at a time."""

_NO_GOODS = {"COUPON", "FUEL", "CNTRL/STORE SUP"}
_NO_GOODS_CATEGORY = {"COUPON/MISC ITEMS", "COUPONS/STORE & MFG"}


def products() -> Iterator[Record]:
    """Product records in the order of their numbers."""
    columns = ("product_id", "department", "brand", "product_category", "product_type")
    wanted = pc.field("product_id").isin(sorted(sold_products()))
    table = read("products", (*columns, "package_size"), wanted)
    for row in table.sort_by("product_id").to_pylist():
        number = str(row["product_id"])
        package = row["package_size"]
        yield {
            "id": number,
            "title": title(row["product_type"], row["product_category"], package, row["brand"]),
            "category": readable(row["product_category"]),
            "type": readable(row["product_type"]),
            "department": readable(row["department"]),
            "brand": row["brand"],
            "size": size(package),
            "url": f"https://shop.example.com/p/{number}",
            "image_url": None,
            "stock": None,
        }


@cache
def sold_products() -> frozenset[int]:
    """The goods with at least LINES_MIN lines; coupons, petrol and store supplies are none."""
    sold = read("transactions", ("product_id",), pc.field("sales_value") > 0)
    counts = sold.group_by("product_id").aggregate([("product_id", "count")])
    often = counts.filter(pc.field("product_id_count") >= LINES_MIN)["product_id"].to_pylist()
    other = read(
        "products",
        ("product_id",),
        pc.field("department").isin(sorted(_NO_GOODS))
        | pc.field("product_category").isin(sorted(_NO_GOODS_CATEGORY))
        | pc.field("product_type").is_null(),
    )
    return frozenset(often) - frozenset(other["product_id"].to_pylist())


def prices() -> Iterator[Record]:
    """Price records of all products, in order of time."""
    for record in _prices():
        yield dict(record)


@cache
def _prices() -> tuple[Record, ...]:
    # Kept, because the history and the replay each need their part of the same year.
    records: list[Record] = []
    for product, rows in groupby(_paid(), key=itemgetter(0)):
        weeks: list[WeekPrice] = []
        lists: set[int] = set()
        lines = at_mode = 0
        for _, week, cents, list_cents, count in rows:
            if not weeks or weeks[-1].week != week:
                weeks.append(WeekPrice(week, cents, list_cents))
                at_mode += count
            lists.add(list_cents)
            lines += count
        if not unsettled(lines, len(lists), at_mode):
            records += price_records(product, weeks)
    return tuple(sorted(records, key=itemgetter("at", "product")))


def stock() -> Iterator[Record]:
    """Out-of-stock and back-in-stock records, in order of time."""
    table = _lines(("product_id", "week"))
    counts = table.group_by(["product_id", "week"], use_threads=False).aggregate(
        [("week", "count")]
    )
    ordered = counts.sort_by([("product_id", "ascending"), ("week", "ascending")])
    rows = zip(*(ordered[c].to_pylist() for c in ("product_id", "week", "week_count")), strict=True)
    records: list[Record] = []
    for product, weeks in groupby(rows, key=itemgetter(0)):
        records += stock_records(product, {week: count for _, week, count in weeks})
    records.sort(key=itemgetter("at", "product"))
    yield from records


def _lines(columns: tuple[str, ...]) -> Any:
    return read(
        "transactions",
        columns,
        (pc.field("quantity") > 0)
        & (pc.field("quantity") <= PIECES_MAX)
        & (pc.field("sales_value") > 0)
        & (pc.field("coupon_match_disc") == 0)
        & pc.field("product_id").isin(sorted(sold_products())),
    )


def _paid() -> Iterator[tuple[int, int, int, int, int]]:
    """(product, week, cents, list cents, lines), each week's commonest price first."""
    table = _lines(("product_id", "week", "quantity", "sales_value", "retail_disc"))
    paid = table["sales_value"]
    keys = pa.table(
        {
            "product": table["product_id"],
            "week": table["week"],
            "cents": _cents(paid, table["quantity"]),
            "list": _cents(pc.add(paid, table["retail_disc"]), table["quantity"]),
        }
    )
    counted = keys.group_by(keys.column_names, use_threads=False).aggregate([("week", "count")])
    ordered = counted.sort_by(
        [
            ("product", "ascending"),
            ("week", "ascending"),
            ("week_count", "descending"),
            ("cents", "ascending"),
            ("list", "descending"),
        ]
    )
    names = ("product", "week", "cents", "list", "week_count")
    for batch in ordered.select(names).to_batches(max_chunksize=BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _cents(dollars: Any, pieces: Any) -> Any:
    each = pc.divide(pc.multiply(dollars, 100.0), pc.cast(pieces, pa.float64()))
    return pc.cast(pc.round(each, round_mode="half_up"), pa.int64())
