"""Titles, prices and stock as worked out from the till's data."""

import pytest

from demo.complete_journey.prices import WeekPrice, price_records, unsettled
from demo.complete_journey.stock import stock_records
from demo.complete_journey.titles import readable, size, title


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("ICE - CRUSHED/CUBED", "Ice - Crushed/Cubed"),
        ("FRZN ICE", "Frozen Ice"),
        ("YOGURT NOT MULTI-PACKS", "Yogurt"),
        ("BREAD:ITALIAN/FRENCH", "Bread: Italian/French"),
        ("SANDWICHES&HANDHELDS", "Sandwiches & Handhelds"),
        ("ONIONS RED (BULK&BAG)", "Onions Red"),
        ("APPLES RED DELICIOUS (BULK&BAG", "Apples Red Delicious"),
        ("CHRISTMAS  SEASONAL", "Christmas Seasonal"),
        ("CANNED CAT FOOD (9 LIVES/FRISK", "Canned Cat Food"),
        ("  ", None),
        (None, None),
    ],
)
def test_till_abbreviations_become_readable(given: str | None, shown: str | None) -> None:
    assert readable(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("22 LB", "22 lb"),
        (".5 GA", "0.5 gal"),
        ("14.5 OZ", "14.5 oz"),
        ("1 DZ", "1 dozen"),
        ("970095PK", None),  # an article number in the wrong column
        ("A D   1 DZ", None),
        (None, None),
    ],
)
def test_sizes_are_shown_only_when_they_are_sizes(given: str | None, shown: str | None) -> None:
    assert size(given) == shown


def test_a_title_says_what_it_is_whose_and_how_much() -> None:
    assert title("ICE - CRUSHED/CUBED", "FRZN ICE", "22 LB", "National") == (
        "Ice - Crushed/Cubed, 22 lb"
    )
    assert title("APPLE SAUCE", None, "50 OZ", "Private") == "Our Brand Apple Sauce, 50 oz"
    assert title("PREMIUM", "BACON", "1 LB", "National") == "Premium Bacon, 1 lb"


def prices(*weeks: tuple[int, int, int]) -> list[tuple[str, str, str | None, str | None]]:
    records = price_records(7, [WeekPrice(*week) for week in weeks])
    return [
        (r["at"][:10], r["amount"], r["list_amount"], r["until"] and r["until"][:10])
        for r in records
    ]


def test_a_price_is_recorded_when_it_changes_and_only_then() -> None:
    assert prices((2, 199, 199), (3, 199, 199), (5, 209, 209)) == [
        ("2017-01-02", "1.99", None, None),
        ("2017-01-23", "2.09", None, None),
    ]


def test_a_reduction_names_its_list_price_and_its_end() -> None:
    assert prices((2, 199, 199), (3, 100, 199), (4, 199, 199)) == [
        ("2017-01-02", "1.99", None, None),
        ("2017-01-09", "1.00", "1.99", "2017-01-16"),
        ("2017-01-16", "1.99", None, None),
    ]


def test_a_reduction_that_outlasts_the_year_has_no_end() -> None:
    assert prices((52, 100, 199), (53, 100, 199)) == [("2017-12-18", "1.00", "1.99", None)]


@pytest.mark.parametrize(("cents", "records"), [(200, 1), (201, 2)])
def test_a_cent_is_rounding_and_two_are_a_change(cents: int, records: int) -> None:
    assert len(prices((2, 199, 199), (3, cents, cents))) == records


def test_goods_cut_and_weighed_have_no_price_a_piece() -> None:
    assert unsettled(lines=100, list_prices=31, lines_at_mode=60)
    assert unsettled(lines=100, list_prices=5, lines_at_mode=24)
    assert not unsettled(lines=100, list_prices=30, lines_at_mode=25)


def steady(*gaps: int, lines: int = 6) -> dict[int, int]:
    return {week: lines for week in range(1, 54) if week not in gaps}


def test_a_steady_seller_that_nobody_bought_for_a_week_was_out_of_stock() -> None:
    assert list(stock_records(7, steady(46))) == [
        {"product": "7", "stock": 0, "at": "2017-11-06T05:00:00Z"},
        {"product": "7", "stock": 6, "at": "2017-11-13T05:00:00Z"},
    ]


@pytest.mark.parametrize(
    ("why", "lines"),
    [
        ("never missing", steady()),
        ("gone for too long", steady(44, 45, 46)),
        ("too slow a seller", steady(46, lines=4)),
    ],
)
def test_no_stock_is_guessed_without_grounds(why: str, lines: dict[int, int]) -> None:
    assert list(stock_records(7, lines)) == [], why
