"""Some days of random shops: caps, quiet hours, consent and ends, by the provider's own log."""

import os
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.delivery.world import DAY, check, unreliable, world
from tests.support.databases import seeded
from tests.support.shop import Small

pytestmark = pytest.mark.usefixtures("databases")

SEEDS = range(int(os.environ.get("TACTFUL_SEEDS", "3")))


@seeded(SEEDS)
def test_no_window_holds_more_than_its_cap_and_nobody_is_disturbed(
    tmp_path: Path, seed: int
) -> None:
    made = world(seed, days=5, people=6)
    chance = Random(f"{seed}/ticks")
    shop = Small(tmp_path, made.campaigns, shop=made.shop, since=made.start - timedelta(days=1))
    shop.recording.script = unreliable(chance)
    shop.recording.loses = lambda item: chance.random() < 0.05
    waiting = list(made.records)
    now = made.start
    while now < made.end:
        arrived = [record for at, record in waiting if at <= now]
        waiting = waiting[len(arrived) :]
        if arrived:
            shop.add(*arrived, now=now)
        shop.tick(now)
        now += timedelta(minutes=chance.choice([20, 47, 90, 180]))
    while now < made.end + 4 * DAY:
        shop.dispatch(now)
        shop.tactful.reconcile(now)
        now += timedelta(hours=1)
    states = check(shop, made)
    assert states["accepted"] > 10, "a simulation in which nothing is sent would show nothing"
    assert states["capped"] + states["skipped"] > 10, "nor one in which nothing is stopped"
