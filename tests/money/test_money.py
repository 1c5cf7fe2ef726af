from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.currency import CODES, digits
from orchestrator.model.measure import Measure, parse_measure
from orchestrator.model.money import (
    CurrencyMismatch,
    Fee,
    Money,
    Quote,
    QuoteLine,
    Tax,
    UnitPrice,
    price_of,
)

START = datetime(2017, 11, 1, tzinfo=UTC)
cents = st.integers(0, 10_000_00).map(lambda n: Money(Decimal(n) / 100, "USD"))


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_currencies_and_digits_are_those_of_cldr() -> None:
    in_use = {
        code
        for currencies in get_global("territory_currencies").values()
        for code, _, end, tender in currencies
        if end is None and tender
    }
    assert in_use == CODES
    assert {code: digits(code) for code in CODES} == {
        code: get_currency_precision(code) for code in CODES
    }


@pytest.mark.parametrize("amount", [2.5, True])
def test_floats_are_no_money(amount: object) -> None:
    with pytest.raises(TypeError):
        Money.of(amount, "USD")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(amount, "USD")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        usd("1") * 0.5  # type: ignore[operator]


@pytest.mark.parametrize("amount", ["", "1,20", "NaN", "Infinity", "one"])
def test_what_is_no_number_is_no_money(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        Money.of(amount, "USD")


def test_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money.of("1", "usd")


def test_rounding_follows_the_currency() -> None:
    assert Money.of("2.345", "USD").amount == Decimal("2.35")
    assert Money.of("-2.345", "USD").amount == Decimal("-2.35")
    assert Money.of("2.5", "JPY").amount == Decimal(3)
    assert Money.of("2.3455", "KWD").amount == Decimal("2.346")
    assert str(Money.of("2", "USD")) == "2.00 USD"


def test_currencies_do_not_mix() -> None:
    euro = Money.of("1", "EUR")
    with pytest.raises(CurrencyMismatch):
        usd("1") + euro
    with pytest.raises(CurrencyMismatch):
        assert usd("1") < euro
    assert usd("1") != Money.of("1", "EUR")


@given(cents, cents)
def test_sums_are_exact(a: Money, b: Money) -> None:
    assert (a + b) - b == a
    assert (a + b) >= a


def test_total_holds_added_tax_and_fees() -> None:
    price = price_of(
        usd("10.00"),
        price_id=7,
        valid_from=START,
        tax=Tax("added", rate=Decimal("0.0725")),
        fees=(Fee("deposit", usd("0.25")),),
        unit=Measure(Decimal(16), "oz"),
    )
    assert price.tax.amount == usd("0.73")
    assert price.total == usd("10.98")
    # A deposit comes back: it is not what an ounce costs.
    assert price.unit_price == UnitPrice(usd("0.67"), Measure(Decimal(1), "oz"))


def test_added_tax_says_how_much() -> None:
    with pytest.raises(ValueError, match="rate or its amount"):
        Tax("added")


def test_unit_prices() -> None:
    def per(net: Money, size: str, *, small: bool = False) -> tuple[str, str] | None:
        price = price_of(
            net, price_id=1, valid_from=START, unit=parse_measure(size), small_units=small
        )
        unit = price.unit_price
        return unit and (str(unit.price), f"{unit.per.amount} {unit.per.unit}")

    assert per(Money.of("2.49", "EUR"), "250 G") == ("9.96 EUR", "1 kg")
    assert per(Money.of("2.49", "EUR"), "250 G", small=True) == ("1.00 EUR", "100 g")
    assert per(Money.of("2.49", "EUR"), "75 CL") == ("3.32 EUR", "1 l")
    assert per(Money.of("2.00", "EUR"), "2 L", small=True) == ("0.10 EUR", "100 ml")
    assert per(usd("3.20"), "16 OZ") == ("0.20 USD", "1 oz")
    assert per(usd("3.00"), "12 CT") == ("0.25 USD", "1 each")
    assert per(usd("2.00"), "1/2 GAL") == ("4.00 USD", "1 gal")
    assert per(usd("1.00"), "1000 CT") is None
    assert per(usd("1.00"), "LARGE") is None


@given(cents, st.none() | cents)
def test_a_reduction_is_never_overstated(total: Money, lowest: Money | None) -> None:
    price = price_of(total, price_id=1, valid_from=START, lowest_30d=lowest)
    if price.reduction is None:
        assert lowest is None or total.amount * 100 > lowest.amount * 99 or lowest.amount == 0
    else:
        was, percent = price.reduction
        assert was == lowest
        assert was.amount * (100 - percent) >= total.amount * 100
        assert was.amount * (99 - percent) < total.amount * 100


def test_validity_is_half_open() -> None:
    end = START + timedelta(days=7)
    price = price_of(usd("1"), price_id=1, valid_from=START, valid_until=end)
    assert price.valid_at(START)
    assert price.valid_at(end - timedelta(seconds=1))
    assert not price.valid_at(end)
    assert not price.valid_at(START - timedelta(seconds=1))


def test_impossible_prices_are_refused() -> None:
    with pytest.raises(ValueError, match="below zero"):
        price_of(usd("-0.01"), price_id=1, valid_from=START)
    with pytest.raises(ValueError, match="offset"):
        price_of(usd("1"), price_id=1, valid_from=START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="until after"):
        price_of(usd("1"), price_id=1, valid_from=START, valid_until=START)


lines = st.builds(
    QuoteLine,
    product_id=st.text(),
    price_id=st.integers(0, 2**62),
    total=cents,
    unit_price=st.none() | st.builds(UnitPrice, cents, st.just(Measure(Decimal("100"), "g"))),
    was=st.none() | cents,
    percent=st.none() | st.integers(1, 99),
    valid_until=st.none() | st.datetimes(timezones=st.just(UTC)),
    order_link=st.none() | st.text(),
)


@given(st.lists(lines).map(tuple))
def test_a_quote_comes_back_from_json(several: tuple[QuoteLine, ...]) -> None:
    quote = Quote(several)
    assert Quote.from_json(quote.to_json()) == quote
