"""The promises, over many seeds: workers that die, stall and cross, and a bad provider."""

import os

import pytest

from tests.simulation.seeds import STAGE_SEEDS, play, theatre

SEEDS = int(os.environ.get("TACTFUL_SIM_SEEDS", "2000"))


@pytest.mark.parametrize("first", range(0, SEEDS, STAGE_SEEDS))
def test_every_promise_holds(first: int) -> None:
    tally = play(range(first, min(first + STAGE_SEEDS, SEEDS)))
    assert tally.states["accepted"] > tally.seeds, "runs in which little is sent show little"
    assert tally.deaths > tally.seeds, "and so do those in which nobody dies"
    assert tally.stalls > tally.seeds / 2
    assert tally.states["unknown_final"] + tally.states["capped"] > 10


def test_a_seed_tells_the_same_story_again() -> None:
    with theatre() as stage:
        stories = []
        for _ in range(2):
            for seed in (3, 7):
                run = stage.run(seed)
                run.play()
                stories.append((run.baton.story, run.provider.written))
    assert stories[:2] == stories[2:]
    assert len(stories[0][0]) > 50
