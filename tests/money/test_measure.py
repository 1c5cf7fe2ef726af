from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.measure import Measure, parse_measure


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("22 LB", "22", "lb"),
        ("14.5 OZ", "14.5", "oz"),
        ("  14.5   oz ", "14.5", "oz"),
        (".5 L", "0.5", "l"),
        ("2 L", "2", "l"),
        ("750 ML", "750", "ml"),
        ("75 CL", "750", "ml"),
        ("12 CT", "12", "each"),
        ("2 DZ", "24", "each"),
        ("1/2 GAL", "0.5", "gal"),
        ("HALF GAL", "0.5", "gal"),
        ("10 3/4 OZ", "10.75", "oz"),
        ("8 9/16 OZ", "8.5625", "oz"),
        ("64 FL OZ", "64", "fl_oz"),
        ("75 SQ FT", "75", "sq_ft"),
        ("LB", "1", "lb"),
        ("5-LB BAG", "5", "lb"),
        ("12 OZ CAN", "12", "oz"),
        ("6 PK 12 OZ", "72", "oz"),
        ("6 PK .5 L", "3", "l"),
        ("24/12 OZ", "288", "oz"),
        ("6/16.9 OZ", "101.4", "oz"),
        ("10/200 ML", "2000", "ml"),
    ],
)
def test_sizes_that_say_an_amount(text: str, amount: str, unit: str) -> None:
    measure = parse_measure(text)
    assert measure is not None
    assert (measure.amount, measure.unit) == (Decimal(amount), unit)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "LARGE", "L", "8 IN", "P   16 OZ", "CTN", "SIZE 4", "0 OZ", "12", "OZ"),
        # More than one reading:
        *("6 PK/5 OZ", "12 CT/11 OZ", "20 C/13 GAL", "4/6/12 OZ", "3/8 OZ", "10 12 OZ", "4-6 OZ"),
        *("2 PK 6 CT", "7 PK 0 OZ", "0/12 OZ", "1/0 OZ", "-3 OZ", "NaN OZ", "٣ OZ"),
    ],
)
def test_what_says_no_certain_amount_is_none(text: str | None) -> None:
    assert parse_measure(text) is None


@given(st.text(alphabet="0123456789/.- OZLBPKCT", max_size=24))
def test_any_text_gives_a_measure_or_none(text: str) -> None:
    measure = parse_measure(text)
    assert measure is None or measure.amount > 0


def test_a_measure_is_above_zero_and_no_float() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Measure(Decimal(0), "oz")
    with pytest.raises(TypeError):
        Measure(1.5, "oz")  # type: ignore[arg-type]
