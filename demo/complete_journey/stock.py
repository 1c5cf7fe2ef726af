"""Stock that ran out, derived from weeks in which a steady seller did not sell at all.

The data has no stock. A product that sells in nearly every week, several pieces a week, and then
in one or two weeks to nobody, was most likely not on the shelf: it is recorded as out of stock
from the Monday of the gap and as back on the Monday after it.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from demo.complete_journey.clock import WEEKS, week_text
from demo.complete_journey.customers import Record

SELLING_WEEKS_MIN = 49
LINES_PER_WEEK_MIN = 5
GAP_WEEKS_MAX = 2
_FULL_WEEKS = range(2, WEEKS)  # week 1 is a single day, week 53 the end of the year


def stock_records(product: int, lines: Mapping[int, int]) -> Iterator[Record]:
    """Out-of-stock and back-in-stock records of one product from its lines sold per week."""
    sold = [week for week in _FULL_WEEKS if lines.get(week)]
    total = sum(lines.values())
    if len(sold) < SELLING_WEEKS_MIN or total < LINES_PER_WEEK_MIN * len(sold):
        return
    usual = round(total / len(sold))
    for last, back in pairwise(sold):
        if 1 <= back - last - 1 <= GAP_WEEKS_MAX:
            yield {"product": str(product), "stock": 0, "at": week_text(last + 1)}
            yield {"product": str(product), "stock": usual, "at": week_text(back)}
