"""The engine without one of its safeguards is found out: the simulation sees what it must."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.oracle import Violated
from tests.simulation.run import ROUGH_EVERY
from tests.simulation.seeds import Failed, play

SEEDS = range(ROUGH_EVERY - 1, 1000, ROUGH_EVERY)
"""The rough runs, in which workers cross each other most often."""

FOUND_BY = {
    "no_second_check": 14,
    "no_deadline": 14,
    "no_ownership": 84,
    "retry_unknown": 29,
    "caps_of_accepted": 364,
}
"""The seed that finds each. One more statement in the engine and it may be another one: then all of
`SEEDS` are asked, until one of them finds it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_safeguard_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    with pytest.raises(Failed) as found:
        play([FOUND_BY[name], *SEEDS])
    assert isinstance(found.value.__cause__, Violated), "it broke down, which shows nothing"
