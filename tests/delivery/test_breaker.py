"""The breaker of a provider account: when it opens, what it lets through, and how often again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.flow.pace import BURST_S, LocalPace
from orchestrator.model.breaker import (
    CREDIT_AT_FIRST,
    CREDIT_MAX,
    FAILURES_MAX,
    LOCKED_FOR,
    OPEN_FOR,
    OPEN_FOR_MAX,
    RETRIES_PER_S,
    RETRY_SHARE,
    Breaker,
    Sign,
)
from tests.support.shop import NOW

SECOND = timedelta(seconds=1)
W, F, L = Sign.WORKS, Sign.FAILS, Sign.LOCKED


NEW = Breaker()


def after(*signs: Sign, breaker: Breaker = NEW) -> Breaker:
    for sign in signs:
        breaker = breaker.saw(sign, NOW)
    return breaker


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        ([], "closed"),
        ([F] * (FAILURES_MAX - 1), "closed"),
        ([F] * FAILURES_MAX, "open"),
        ([F] * (FAILURES_MAX - 1) + [W] + [F] * (FAILURES_MAX - 1), "closed"),
        ([L], "open"),
        ([W, L], "open"),
        ([F] * FAILURES_MAX + [W], "closed"),
    ],
)
def test_so_many_failures_in_a_row_open_it(signs: list[Sign], state: str) -> None:
    assert after(*signs).state(NOW) == state


def test_it_opens_for_longer_each_time_up_to_a_limit() -> None:
    breaker, now = after(*[F] * FAILURES_MAX), NOW
    for n in range(12):
        span = min(OPEN_FOR * 2**n, OPEN_FOR_MAX)
        assert breaker.open_until == now + span
        assert breaker.most(now + span - timedelta(microseconds=1)) == 0
        assert breaker.most(now + span) == 1, "half open: one goes first to see"
        assert breaker.state(now + span) == "half open"
        now += span
        breaker = breaker.saw(F, now)
    closed = breaker.saw(W, now + OPEN_FOR_MAX)
    assert closed.most(now + OPEN_FOR_MAX) is None
    assert closed.trips == 0


def test_who_refuses_our_login_is_left_alone_for_longer_at_first() -> None:
    assert after(L).open_until == NOW + LOCKED_FOR
    assert after(*[F] * FAILURES_MAX).open_until == NOW + OPEN_FOR
    assert LOCKED_FOR > OPEN_FOR


def test_what_was_on_its_way_when_it_opened_does_not_open_it_for_longer() -> None:
    opened = after(*[F] * FAILURES_MAX)
    assert after(F, F, F, L, breaker=opened).open_until == opened.open_until


def test_a_provider_that_asks_for_time_gets_it_and_has_not_failed() -> None:
    asked = Breaker().waits(NOW + 60 * SECOND)
    assert asked.most(NOW + 59 * SECOND) == 0
    assert asked.most(NOW + 60 * SECOND) is None
    assert asked.waits(NOW + 30 * SECOND) == asked, "a shorter wish ends no longer one"
    assert asked.saw(W, NOW).most(NOW + SECOND) == 0, "nor does a success that came meanwhile"
    assert asked.failures == asked.trips == 0


signs = st.lists(
    st.tuples(st.sampled_from([W, W, F, F, F, L]), st.integers(0, 700)), max_size=20
)  # (what, seconds later)


@given(signs)
def test_never_more_than_so_many_failures_in_a_row_leave_it_closed(
    seen: list[tuple[Sign, int]],
) -> None:
    breaker, now, in_a_row = Breaker(), NOW, 0
    for sign, later in seen:
        now += later * SECOND
        before = breaker.most(now)
        breaker = breaker.saw(sign, now)
        in_a_row = 0 if sign is W else in_a_row + 1
        if in_a_row >= FAILURES_MAX:
            assert breaker.most(now) in (0, 1)
        if before == 1 and sign is not W:
            assert breaker.most(now) == 0, "half open, one failure opens it again"
        if sign is W:
            assert breaker.most(now) is None
        if breaker.open_until is not None and breaker.open_until > now:
            assert breaker.open_until <= now + OPEN_FOR_MAX


batches = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300), st.floats(-5, 200)), max_size=20
)  # (first attempts, second ones, seconds later)


@given(batches)
@example([(0, 0, -1.0), (0, 11, 1.0)])
def test_second_attempts_never_go_beyond_what_first_ones_and_time_have_earned(
    batches: list[tuple[int, int, float]],
) -> None:
    """A batch holds no more of them than what is left."""
    breaker, now = Breaker(), NOW
    first_ones, again_ones = 0, 0
    began: datetime | None = None  # with the first attempt, and no sooner
    latest = NOW
    for first, wanted, later_s in batches:
        now += later_s * SECOND
        began, latest = (now, now) if began is None else (began, max(latest, now))
        again = min(wanted, breaker.retries(now))
        breaker = breaker.tried(first, again, now)
        first_ones, again_ones = first_ones + first, again_ones + again
        earned = RETRY_SHARE * first_ones + RETRIES_PER_S * (latest - began).total_seconds()
        assert again_ones <= CREDIT_AT_FIRST + earned + 1e-6


@given(batches)
def test_the_credit_is_never_negative_whatever_has_left(
    batches: list[tuple[int, int, float]],
) -> None:
    breaker, now = Breaker(), NOW
    for first, again, later_s in batches:
        now += later_s * SECOND
        breaker = breaker.tried(first, again, now)
        assert 0 <= breaker.credit <= CREDIT_MAX
        assert breaker.may_retry(now) == (breaker.retries(now) > 0)


def test_time_alone_earns_second_attempts_up_to_a_limit() -> None:
    spent = Breaker().tried(0, int(CREDIT_AT_FIRST), NOW)
    assert spent.retries(NOW) == 0
    assert not spent.may_retry(NOW)
    assert spent.retries(NOW + 7 * SECOND) == int(7 * RETRIES_PER_S)
    assert spent.retries(NOW + timedelta(days=1)) == CREDIT_MAX
    assert spent.retries(NOW - timedelta(days=1)) == 0, "nor does a clock that goes back"


def test_in_the_good_case_nothing_changes_that_anybody_would_have_to_write() -> None:
    full = Breaker(credit=CREDIT_MAX - 5, at=NOW)
    assert full.tried(500, 0, NOW + 5 * SECOND) is full
    assert full.tried(500, 0, NOW + 4 * SECOND) is not full
    assert full.tried(500, 1, NOW + 5 * SECOND).credit == CREDIT_MAX - 1


steps = st.lists(
    st.tuples(st.floats(0, 5), st.integers(1, 400), st.floats(0, 1)), min_size=1, max_size=12
)  # (seconds later, wanted, the share of what was granted that is given back)


@given(steps, st.floats(0.1, 200), st.sampled_from([1.0, 0.5, 0.1]))
def test_over_any_window_no_more_is_granted_than_the_pace_allows(
    steps: list[tuple[float, int, float]], rate_per_s: float, share: float
) -> None:
    pace, at_s = LocalPace(share), 1000.0
    used: list[tuple[float, int]] = []
    for later_s, wanted, unused in steps:
        at_s += later_s
        granted = pace.take("a", wanted, rate_per_s, at_s)
        assert 0 <= granted <= wanted
        back = int(granted * unused)
        pace.give_back("a", back)
        used.append((at_s, granted - back))
    rate = rate_per_s * share
    burst = max(rate * BURST_S, 1.0)
    for n, (begin, _) in enumerate(used):
        for end, _ in used[n:]:
            total = sum(number for at, number in used if begin <= at <= end)
            assert total <= burst + rate * (end - begin) + 1e-6


def test_what_is_not_granted_at_once_is_granted_in_time() -> None:
    pace = LocalPace()
    assert pace.take("a", 100, 10.0, 0.0) == 10
    assert pace.take("a", 100, 10.0, 0.05) == 0
    assert pace.take("b", 100, 10.0, 0.05) == 10, "each account has a pace of its own"
    assert pace.take("a", 100, 10.0, 0.55) == 5
    assert pace.take("a", 100, 10.0, 0.2) == 0, "a clock that goes back grants nothing"
