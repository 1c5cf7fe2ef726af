"""A product's price records from what was paid for it, week by week.

The data says what a line brought (`sales_value`) and what the loyalty card took off
(`retail_disc`, positive here). Per piece that gives the price paid, sales_value / quantity, and
the list price, (sales_value + retail_disc) / quantity, as the R package completejourney documents
them. Lines with a coupon matched by the shop are left out: their sales_value lies below the price.

Shops of one chain differ by a few cents and a sale seen in one is not a change everywhere, so the
price of a week is the one that most lines paid (a tie goes to the lower).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from demo.complete_journey.clock import WEEKS, week_text
from demo.complete_journey.customers import Record

JITTER_CENTS = 2
"""A change below this is rounding of "3 for $5", not a new price."""

UNSETTLED_LIST_PRICES = 0.3
UNSETTLED_MODE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class WeekPrice:
    """What most lines of a week paid for one piece, and its list price, in cents."""

    week: int
    cents: int
    list_cents: int


@dataclass(frozen=True, slots=True)
class _Spell:
    """Weeks `first` up to but without `end` at one price."""

    first: int
    end: int
    cents: int
    list_cents: int

    @property
    def reduced(self) -> bool:
        return self.list_cents - self.cents >= JITTER_CENTS


def unsettled(lines: int, list_prices: int, lines_at_mode: int) -> bool:
    """Whether a piece has no price of its own: mostly goods cut and weighed, each another price.

    `lines` sold, at how many different list prices, and how many of them at their week's
    commonest price. Such products get no price record: a made-up one would be worse than none.
    """
    return (
        list_prices > UNSETTLED_LIST_PRICES * lines or lines_at_mode < UNSETTLED_MODE_SHARE * lines
    )


def price_records(product: int, weeks: Sequence[WeekPrice]) -> Iterator[Record]:
    """The records of one product from its weeks in order; weeks without a sale change nothing.

    A reduction names the list price and ends (`until`) where the next spell begins; the price
    that follows is a record of its own. A reduction still running at the end of the year has no
    end: nobody has seen one.
    """
    for spell in _spells(weeks):
        ends = spell.reduced and spell.end <= WEEKS
        yield {
            "product": str(product),
            "amount": dollars(spell.cents),
            "currency": "USD",
            "at": week_text(spell.first),
            "until": week_text(spell.end) if ends else None,
            "list_amount": dollars(spell.list_cents) if spell.reduced else None,
            "tax": "included",
        }


def _spells(weeks: Sequence[WeekPrice]) -> Iterator[_Spell]:
    current: WeekPrice | None = None
    for seen in weeks:
        if current is None:
            current = seen
        elif _differs(current, seen):
            yield _Spell(current.week, seen.week, current.cents, current.list_cents)
            current = seen
    if current is not None:
        yield _Spell(current.week, WEEKS + 1, current.cents, current.list_cents)


def _differs(now: WeekPrice, then: WeekPrice) -> bool:
    return abs(now.cents - then.cents) >= JITTER_CENTS or (
        now.list_cents > now.cents and abs(now.list_cents - then.list_cents) >= JITTER_CENTS
    )


def dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
