"""What purchases teach: which products a customer buys again and again, and what goes with what.

A *habit* is a product that a customer bought on at least three different days of the last 180, at
gaps that resemble each other: their standard deviation is at most 0.6 of their mean. It is due
again one mean gap after the last time.

A *pair* is a product and one of another category that are in the same basket more often than
chance would put them there (lift above 1), in at least eight baskets of the last 90 days. What is
of the same category is its substitute, not its complement.

A *better* product is of the same category and size, and costs more, but at most twice as much.

A product's *popularity* is in how many baskets of the last 28 days it was.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import chain, groupby, islice
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from orchestrator.model.shop import Shop
from orchestrator.store.learned import (
    Basket,
    HabitRule,
    Shelved,
    baskets,
    categories,
    replace_habits,
    replace_pairs,
    set_popularity,
    shelves,
)

HABIT_WINDOW = timedelta(days=180)
HABIT_DAYS_MIN = 3
HABIT_VARIATION_MAX = Fraction(6, 10)
PAIR_WINDOW = timedelta(days=90)
POPULAR_WINDOW = timedelta(days=28)
PAIR_BASKETS_MIN = 8
PAIRS_PER_PRODUCT_MAX = 5
DEARER_MAX = 2
"""An up-sell costs at most so many times the price of what it is compared with."""

BASKET_PRODUCTS_MAX = 200
"""A larger basket is a restaurant's or an office's: everything in it goes with everything."""


def learn_habits(
    connection: Connection, now: datetime, shop: Shop, since: datetime | None = None
) -> None:
    """Work out the habits of everyone; with `since`, only as to what was bought since then.

    What is no longer bought keeps its habit until the next full
    pass: without one now and then, a habit outlives the window that it was learned from.
    """
    rule = HabitRule(
        event=shop.bought,
        begin=now - HABIT_WINDOW,
        end=now,
        days_min=HABIT_DAYS_MIN,
        variation_max=HABIT_VARIATION_MAX,
        # Days are the shop's: an evening's two visits are one, although midnight UTC lies between.
        day_begins=now.astimezone(ZoneInfo(shop.zone)).utcoffset() or timedelta(0),
    )
    replace_habits(connection, rule, since)


def learn_pairs(connection: Connection, now: datetime, shop: Shop) -> int:
    """Work out anew what goes with what; the number of pairs written."""
    found = list(
        _pairs(
            list(baskets(connection, shop.bought, now - PAIR_WINDOW, now)), categories(connection)
        )
    )
    replace_pairs(connection, "goes_with", found)
    return len(found)


def learn_better(connection: Connection, now: datetime, shop: Shop) -> int:
    """Work out anew which product is the finer one of the same; the number of pairs written."""
    found = [
        (cheap.product_id, fine.product_id, -float(fine.amount / cheap.amount))
        for _, of_a_kind in groupby(
            shelves(connection, shop.currency, now), key=lambda one: (one.category, one.size)
        )
        for cheap, fine in _steps_up(list(of_a_kind))
    ]
    replace_pairs(connection, "better", found)
    return len(found)


def _steps_up(by_price: Sequence[Shelved]) -> Iterator[tuple[Shelved, Shelved]]:
    """For each product the nearest that cost more, and not more than DEARER_MAX times as much."""
    for place, cheap in enumerate(by_price):
        if cheap.amount <= 0:
            continue
        dearer = (one for one in by_price[place + 1 :] if one.amount > cheap.amount)
        for fine in islice(dearer, PAIRS_PER_PRODUCT_MAX):
            if fine.amount <= cheap.amount * DEARER_MAX:
                yield cheap, fine


def learn_popularity(connection: Connection, now: datetime, shop: Shop) -> None:
    """Work out anew what sells most now."""
    set_popularity(connection, shop.bought, now - POPULAR_WINDOW, now)


def _pairs(
    bought: Sequence[Basket], category: dict[int, str | None]
) -> Iterator[tuple[int, int, float]]:
    support = Counter(product for basket in bought for product in basket)
    frequent = {product for product, times in support.items() if times >= PAIR_BASKETS_MIN}
    kept = [basket & frequent for basket in bought if len(basket) <= BASKET_PRODUCTS_MAX]
    holding: dict[int, list[Basket]] = {}
    for basket in kept:
        for product in basket:
            holding.setdefault(product, []).append(basket)
    # Product by product: all pairs at once would be counted in hundreds of megabytes.
    for product, with_it in holding.items():
        together = Counter(chain.from_iterable(with_it))
        del together[product]
        own = category.get(product)
        ranked = sorted(
            (
                (times * len(bought) / (support[product] * support[other]), other)
                for other, times in together.items()
                if times >= PAIR_BASKETS_MIN
                and own is not None
                and category.get(other) not in (None, own)
            ),
            key=lambda pair: (-pair[0], pair[1]),
        )
        for lift, other in ranked[:PAIRS_PER_PRODUCT_MAX]:
            if lift > 1:
                yield product, other, lift
