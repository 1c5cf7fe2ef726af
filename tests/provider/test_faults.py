"""A script says what it does, and chance is the same chance every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provider.faults import Clause, Dice, Faults, Kind, always

numbers = st.floats(min_value=0, max_value=1e6)
clauses = st.builds(
    lambda kind, value, rate, to, first, more: Clause(
        kind, value, rate, to, first, None if first is None or more is None else first + more
    ),
    st.sampled_from(Kind),
    st.none() | numbers,
    st.none() | st.floats(min_value=0, max_value=1),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
    st.none() | st.integers(min_value=1, max_value=10**9),
    st.none() | st.integers(min_value=0, max_value=100),
)


@given(st.lists(clauses), st.integers())
def test_what_is_printed_is_read_back(those: list[Clause], seed: int) -> None:
    faults = Faults(tuple(those), seed)
    assert Faults.parse(str(faults), seed) == faults


def test_a_script_reads_as_it_is_said() -> None:
    faults = Faults.parse("half_open#17, rate_limited:30@+12125550100#1-3, drop~0.04, slow#5-")
    assert faults.clauses == (
        Clause(Kind.half_open, first=17, last=17),
        Clause(Kind.rate_limited, 30.0, to="+12125550100", first=1, last=3),
        Clause(Kind.drop, rate=0.04),
        Clause(Kind.slow, first=5),
    )


@pytest.mark.parametrize("text", ["dropp", "drop~1.5", "drop:x", "drop@", "drop#x", "drop;slow"])
def test_a_wrong_script_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("~")[0]):
        Faults.parse(text)


def met(dice: Dice, *messages: tuple[str, str]) -> list[str | None]:
    return [None if clause is None else clause.kind for clause in dice.draw(messages)]


def test_ordinals_count_for_the_recipient_or_for_all() -> None:
    dice = Dice(Faults.parse("drop@b#2, slow#4-5"))
    drawn = [met(dice, (to, f"m{n}"))[0] for n, to in enumerate("abbbba")]
    assert drawn == [None, None, "drop", "slow", "slow", None]


def test_the_first_clause_that_fits_is_met() -> None:
    assert met(Dice(Faults.parse("drop@a, slow")), ("a", "1"), ("b", "2")) == ["drop", "slow"]


def test_chance_does_not_depend_on_the_order_of_messages() -> None:
    faults = Faults.parse("drop~0.2, error~0.3", seed=3)
    names = [f"m{n}" for n in range(500)]
    one, other = Dice(faults), Dice(faults)
    forward = {name: met(one, ("a", name)) for name in names}
    backward = {name: met(other, ("a", name)) for name in reversed(names)}
    assert forward == backward
    assert {name: met(Dice(Faults(faults.clauses, 4)), ("a", name)) for name in names} != forward


def test_chance_keeps_its_rate_and_draws_again_for_a_second_try() -> None:
    dice = Dice(Faults.parse("drop~0.2, error~0.3, refuse~0.1", seed=1))
    first = [met(dice, ("a", f"m{n}"))[0] for n in range(4000)]
    again = [met(dice, ("a", f"m{n}"))[0] for n in range(4000)]
    assert first != again
    # A refusal comes before a cut: 0.2 of what is not refused.
    for kind, rate in (("error", 0.3), ("refuse", 0.1), ("drop", 0.2 * 0.6)):
        assert first.count(kind) / 4000 == pytest.approx(rate, abs=0.025)


def test_a_cut_by_chance_strikes_a_request_once_and_anywhere() -> None:
    dice = Dice(Faults.parse("accept_then_drop~0.5", seed=1))
    drawn = [met(dice, *((f"to{n}", f"m{r}.{n}") for n in range(10))) for r in range(400)]
    struck = [one.index("accept_then_drop") for one in drawn if any(one)]
    assert len(struck) / 400 == pytest.approx(0.5, abs=0.08)
    assert {sum(kind is not None for kind in one) for one in drawn} == {0, 1}
    assert set(struck) == set(range(10))


def test_without_a_script_nothing_goes_wrong() -> None:
    assert Dice(Faults()).calm
    assert not Dice(always(Kind.drop)).calm
