"""Money, prices as a shop must say them, and the quote: what a customer was told.

There are no floats here. Sources of the rules: EU 98/6/EC (unit price, prior price), UK DMCC Act
s. 230 and FTC 16 CFR 464 (the total price holds all mandatory fees and taxes).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, NamedTuple, Self

from orchestrator.model.currency import CODES, digits
from orchestrator.model.measure import Measure, reference

_STEPS = {n: Decimal(1).scaleb(-n) for n in range(5)}


class CurrencyMismatch(ValueError):
    """Money of two currencies was put into one sum or comparison."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency (ISO 4217). Sums and comparisons stay within a currency."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"an amount is a Decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise ValueError(f"an amount is a number, not {self.amount}")
        if self.currency not in CODES:
            raise ValueError(f"unknown currency {self.currency!r}: use a code of ISO 4217")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """Money from what a file says, rounded to the currency's digits.

        Raises ValueError for what is no number, TypeError for a float.
        """
        if isinstance(amount, (float, bool)):
            raise TypeError(f"an amount is never a {type(amount).__name__}")
        try:
            return cls(Decimal(amount), currency).rounded()
        except ArithmeticError as no_number:
            raise ValueError(f"{amount!r} is no amount of money") from no_number

    def rounded(self) -> Self:
        """To the digits of the currency, half away from zero, as tills do."""
        step = _STEPS[digits(self.currency)]
        return type(self)(self.amount.quantize(step, rounding=ROUND_HALF_UP), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"money goes with money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.amount

    def __add__(self, other: "Money") -> Self:
        return type(self)(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> Self:
        return type(self)(self.amount - self._same(other), self.currency)

    def __mul__(self, times: int | Decimal) -> Self:
        if isinstance(times, bool) or not isinstance(times, (int, Decimal)):
            raise TypeError(f"money is multiplied by int or Decimal, not {type(times).__name__}")
        return type(self)(self.amount * times, self.currency)

    def __truediv__(self, by: int | Decimal) -> Self:
        if isinstance(by, bool) or not isinstance(by, (int, Decimal)):
            raise TypeError(f"money is divided by int or Decimal, not {type(by).__name__}")
        return type(self)(self.amount / by, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        """For logs and the ledger (`2.49 USD`); what customers see is written in their locale."""
        return f"{self.amount:f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Tax:
    """How the total came by its tax: it was in the price, or was added to it.

    `rate` is a share (0.07), `amount` what it comes to.
    """

    kind: Literal["included", "added"] = "included"
    rate: Decimal | None = None
    amount: Money | None = None

    def __post_init__(self) -> None:
        if self.kind == "added" and self.rate is None and self.amount is None:
            raise ValueError("added tax needs its rate or its amount")


TAX_INCLUDED = Tax()


class Fee(NamedTuple):
    """A mandatory fee by the name that the customer reads, e.g. a bottle deposit."""

    name: str
    amount: Money


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of `per` (1 kg, 100 g, 1 lb, 1 each), rounded to the currency's digits."""

    price: Money
    per: Measure


class Reduction(NamedTuple):
    """The prior price, and by how many whole percent the total is below it."""

    was: Money
    percent: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a product costs, all in, from when until when. Make one with `price_of`."""

    price_id: int
    total: Money
    tax: Tax
    fees: tuple[Fee, ...]
    unit: Measure | None
    unit_price: UnitPrice | None
    valid_from: datetime
    valid_until: datetime | None = None
    lowest_30d: Money | None = None
    """The lowest total of the 30 days before this price (EU 98/6/EC Art. 6a)."""

    def __post_init__(self) -> None:
        if self.total.amount < 0:
            raise ValueError(f"a price is not below zero: {self.total}")
        for end in (self.valid_from, self.valid_until):
            if end is not None and end.tzinfo is None:
                raise ValueError("a price is valid from and until instants with an offset")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("a price is valid until after it is valid from")

    @property
    def reduction(self) -> Reduction | None:
        """Only against the lowest price of the 30 days before may a reduction be shown.

        The percentage is rounded down, and less than one percent is no reduction: never more is
        said than is true (EU 98/6/EC Art. 6a, C-330/23).
        """
        was = self.lowest_30d
        if was is None or was.currency != self.total.currency or not self.total < was:
            return None
        percent = int((was.amount - self.total.amount) * 100 / was.amount)
        return Reduction(was, percent) if percent >= 1 else None

    def valid_at(self, now: datetime) -> bool:
        """Whether the price holds at `now`: from its start up to, but not at, its end."""
        return self.valid_from <= now and (self.valid_until is None or now < self.valid_until)


def price_of(
    net: Money,
    *,
    price_id: int,
    valid_from: datetime,
    valid_until: datetime | None = None,
    tax: Tax = TAX_INCLUDED,
    fees: tuple[Fee, ...] = (),
    unit: Measure | None = None,
    lowest_30d: Money | None = None,
    small_units: bool = False,
) -> Price:
    """The total price from `net` (with tax in it, unless `tax` is added), tax and fees.

    A rate of added tax is charged on `net`; a given amount wins over the rate. The unit price is
    made from the total without fees that come back (fees are named apart), by the reference
    measure of `unit`; one that would round to zero is left out. `small_units` compares metric
    goods by 100 g and 100 ml. Raises CurrencyMismatch when fees or tax are of another currency.
    """
    goods = net.rounded()
    if tax.kind == "added":
        charged = tax.amount or (net * (tax.rate or Decimal(0)))
        tax = Tax("added", tax.rate, charged.rounded())
        goods = goods + charged.rounded()
    total = goods
    for fee in fees:
        total = total + fee.amount
    return Price(
        price_id=price_id,
        total=total.rounded(),
        tax=tax,
        fees=fees,
        unit=unit,
        unit_price=_unit_price(goods, unit, small_units),
        valid_from=valid_from,
        valid_until=valid_until,
        lowest_30d=lowest_30d,
    )


def _unit_price(goods: Money, unit: Measure | None, small: bool) -> UnitPrice | None:
    if unit is None:
        return None
    per, holds = reference(unit.unit, small=small)
    price = (goods * holds / unit.amount).rounded()
    return UnitPrice(price, per) if price.amount > 0 else None


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """What a customer was told about one product's price.

    `total` is always there: a line without it is no quote. The others are None when the message
    did not show them.
    """

    product_id: str
    price_id: int
    total: Money
    unit_price: UnitPrice | None = None
    was: Money | None = None
    percent: int | None = None
    valid_until: datetime | None = None
    order_link: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; amounts are strings, so that no reader makes floats of them."""
        unit, end = self.unit_price, self.valid_until
        return {
            "product": self.product_id,
            "price": self.price_id,
            "amount": str(self.total.amount),
            "currency": self.total.currency,
            "unit_amount": None if unit is None else str(unit.price.amount),
            "per": None if unit is None else str(unit.per.amount),
            "per_unit": None if unit is None else unit.per.unit,
            "was": None if self.was is None else str(self.was.amount),
            "percent": self.percent,
            "until": None if end is None else end.isoformat(),
            "order": self.order_link,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """The line that `as_dict` was made of."""
        currency, unit_amount = plain["currency"], plain["unit_amount"]
        unit = None
        if unit_amount is not None:
            per = Measure(Decimal(plain["per"]), plain["per_unit"])
            unit = UnitPrice(Money(Decimal(unit_amount), currency), per)
        return cls(
            product_id=plain["product"],
            price_id=plain["price"],
            total=Money(Decimal(plain["amount"]), currency),
            unit_price=unit,
            was=None if plain["was"] is None else Money(Decimal(plain["was"]), currency),
            percent=plain["percent"],
            valid_until=None if plain["until"] is None else datetime.fromisoformat(plain["until"]),
            order_link=plain["order"],
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """All prices that one message showed, in the order of first showing; kept with the message."""

    lines: tuple[QuoteLine, ...] = ()

    def to_json(self) -> str:
        """One line of JSON; equal quotes give equal text."""
        return json.dumps(
            [line.as_dict() for line in self.lines], ensure_ascii=False, separators=(",", ":")
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The quote that `to_json` wrote."""
        return cls(tuple(QuoteLine.from_dict(plain) for plain in json.loads(text)))
