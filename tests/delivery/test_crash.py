"""A process that dies at any point, and the next one: nothing is lost, and nothing sent twice.

The oracle is the provider's own log. A failure names the point, or the seed, that brings it back.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator.tables import attempts, journeys, messages
from tests.delivery.world import check, unreliable, world
from tests.support.crash import Crash, Fate, Fated, Snapshot
from tests.support.shop import BEFORE, NOW, Small, consent, customer, event

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SEEDS = range(int(os.environ.get("TACTFUL_SEEDS", "4")))
STRIDE = int(os.environ.get("TACTFUL_STRIDE", "3"))
"""Of the second tick, which is much like the first, only every so many points."""
CAMPAIGNS = {
    "hello": {"trigger": {"event": "Signed Up"}},
    "tour": {
        "purpose": "service",
        "trigger": {"event": "Signed Up"},
        "steps": [{"send": {}}, {"wait": "1h"}, {"send": {"template": "again"}}],
    },
}
EXPECTED = Counter({"hello for ann1": 1, "tour for ann1": 2})


class Fatal:
    """A shop on a file whose process may die; another takes over on the same file and outbox."""

    def __init__(
        self,
        folder: Path,
        campaigns: dict[str, Any],
        *records: Any,
        since: datetime = BEFORE,
        **shop: Any,
    ) -> None:
        self.fate = Fate()
        self.outbox = folder / "outbox"
        path = folder / "shop.db"
        self.shop = Small(
            self.outbox, campaigns, shop=shop, database=str(path),
            channel=Fated(self.outbox, self.fate), since=since,
        )  # fmt: skip
        self.shop.add(*records)
        self.snapshot = Snapshot(path, self.shop.engine)
        self.fate.watch(self.shop.engine)

    def again(self) -> None:
        """From the beginning."""
        self.fate.begin(None)
        self.next_process()
        self.snapshot.restore(self.outbox)

    def next_process(self) -> None:
        """New connections to the database and to the provider, which remember nothing."""
        self.shop.engine.dispose()
        self.shop.replace_channel(Fated(self.outbox, self.fate))

    def tick(self, now: datetime, at: int | None) -> bool:
        """Whether the process lived through a tick; if not, the next one stands ready."""
        return self._lives(lambda: self.shop.tick(now), at)

    def send(self, now: datetime, at: int | None) -> bool:
        """The same with nothing new planned."""
        return self._lives(lambda: (self.shop.dispatch(now), self.shop.tactful.reconcile(now)), at)

    def _lives(self, act: Callable[[], object], at: int | None) -> bool:
        self.fate.begin(at)
        try:
            act()
        except Crash:
            self.next_process()
            return False
        return True

    def points(self, now: datetime) -> int:
        """At how many points a tick may end."""
        self.tick(now, None)
        return self.fate.points

    def finish(self, start: datetime) -> None:
        """Tick until there is nothing left to do."""
        times = [*(start + n * 4 * MINUTE for n in range(3)), start + 2 * HOUR, start + 4 * HOUR]
        for now in times:
            assert self.tick(now, None)


@pytest.fixture(scope="module")
def fatal(tmp_path_factory: pytest.TempPathFactory) -> Fatal:
    records = [customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW)]
    return Fatal(tmp_path_factory.mktemp("crash"), CAMPAIGNS, *records)


def check_all(shop: Small, expected: Counter[str]) -> None:
    """The provider has each message once, and the ledger knows it."""
    assert Counter(shop.told()) == expected
    taken = {record.message_id: record.attempt_id for record in shop.sent()}
    assert len(taken) == len(shop.sent())
    rows = shop.rows(messages)
    assert {str(row["id"]) for row in rows} == taken.keys()
    assert {row["state"] for row in rows} == {"accepted"}
    assert all(row["ended_at"] and row["token"] is None for row in rows)
    ends = {str(row["id"]): row["outcome"] for row in shop.rows(attempts)}
    assert all(ends[attempt] == "accepted" for attempt in taken.values())
    assert {row["ended_as"] for row in shop.rows(journeys)} <= {"finished"}


@pytest.mark.parametrize("tick", [0, 1])
def test_a_process_that_dies_at_any_point_loses_and_doubles_nothing(
    fatal: Fatal, tick: int
) -> None:
    start = NOW + tick * HOUR

    def until_then() -> None:
        fatal.again()
        for n in range(tick):
            assert fatal.tick(NOW + n * HOUR, None)

    until_then()
    points = fatal.points(start)
    assert points > 40
    for point in range(0, points, STRIDE if tick else 1):
        until_then()
        try:
            assert not fatal.tick(start, point)
            fatal.finish(start + MINUTE)
            check_all(fatal.shop, EXPECTED)
        except AssertionError as error:
            raise AssertionError(f"died at point {point} of {points}: {error}") from error


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_that_die_again_and_again(tmp_path: Path, seed: int) -> None:
    """A random shop whose processes die at random points, over a provider that loses answers."""
    made = world(seed, days=2, people=4)
    chance = Random(f"{seed}/crash")
    fatal = Fatal(tmp_path, made.campaigns, since=made.start - DAY, **made.shop)
    shop, waiting = fatal.shop, list(made.records)
    script, lost = unreliable(chance), lambda item: chance.random() < 0.1
    died = 0
    now = made.start
    while now < made.end + 4 * DAY:
        fatal.fate.begin(None)
        arrived = [record for at, record in waiting if at <= now]
        waiting = waiting[len(arrived) :]
        if arrived:
            shop.add(*arrived, now=now)
        shop.recording.script, shop.recording.loses = script, lost
        at = chance.randrange(chance.choice([20, 60, 200])) if chance.random() < 0.6 else None
        lived = fatal.tick(now, at) if now < made.end else fatal.send(now, at)
        died += not lived
        now += timedelta(minutes=3 if not lived else chance.choice([30, 100, 200]))
    fatal.fate.begin(None)
    states = check(shop, made)
    assert died > 3
    assert states["accepted"] > 0
    shop.engine.dispose()
