"""Some days of random shops: caps, quiet hours, consent and ends, by the provider's own log."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.delivery.world import DAY, World, check, unreliable, world
from tests.support.databases import seeded
from tests.support.shop import Small

pytestmark = pytest.mark.usefixtures("databases")

SEEDS = range(int(os.environ.get("TACTFUL_SEEDS", "3")))


@seeded(SEEDS)
def test_no_day_week_or_month_of_the_calendar_holds_more_than_its_cap(
    tmp_path: Path, seed: int
) -> None:
    made = world(seed, days=8, people=4, calendar=True)
    states = some_days(tmp_path, made)
    assert states["accepted"] > 10, states
    assert states["capped"] + states["skipped"] > 0, states


@seeded(SEEDS)
def test_no_window_holds_more_than_its_cap_and_nobody_is_disturbed(
    tmp_path: Path, seed: int
) -> None:
    states = some_days(tmp_path, world(seed, days=5, people=6))
    assert states["accepted"] > 10, "a simulation in which nothing is sent would show nothing"
    assert states["capped"] + states["skipped"] > 10, "nor one in which nothing is stopped"


def some_days(folder: Path, made: World) -> Counter[str]:
    """What the world's days come to, with a provider that cannot be relied on."""
    chance = Random(f"{made.seed}/ticks")
    shop = Small(folder, made.campaigns, shop=made.shop, since=made.start - timedelta(days=1))
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
    return check(shop, made)
