"""The gain of a campaign, against published numbers."""

import pytest

from orchestrator.flow.report import Arm, lift


def arm(reached: int, customers: int) -> Arm:
    return Arm(customers, reached, 0, 0.0)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10
        (arm(56, 70), arm(48, 80), 5.24, 33.39),
        (arm(9, 10), arm(3, 10), 17.05, 80.90),
        (arm(5, 56), arm(0, 29), -3.81, 19.26),
        (arm(0, 10), arm(0, 10), -27.75, 27.75),
        (arm(10, 10), arm(0, 10), 60.75, 100.00),
    ],
)
def test_the_interval_is_the_published_one(
    first: Arm, second: Arm, low: float, high: float
) -> None:
    found = lift(first, second)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.006)


def test_who_was_left_out_must_be_somebody() -> None:
    assert lift(arm(5, 10), arm(0, 0)) is None
    assert lift(arm(0, 0), arm(5, 10)) is None


@pytest.mark.parametrize(
    ("first", "second", "enough", "certain"),
    [
        (arm(56, 70), arm(48, 80), True, True),
        (arm(50, 70), arm(50, 80), True, False),
        (arm(90, 100), arm(1, 5), False, False),
        (arm(0, 1000), arm(0, 1000), False, False),
    ],
)
def test_small_numbers_and_chance_are_told_apart(
    first: Arm, second: Arm, enough: bool, certain: bool
) -> None:
    found = lift(first, second)
    assert found is not None
    assert (found.enough, found.certain) == (enough, certain)
