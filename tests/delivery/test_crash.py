"""A process that dies at any point, and the next one: nothing is lost, and nothing sent twice.

The oracle is the provider's own log. A failure names the point, or the seed, that brings it back.
"""

import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tables import attempts, journeys, messages
from tests.support.crash import Crash, Fate, Fated, Snapshot
from tests.support.shop import NOW, Small, consent, customer, event

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SEEDS = range(int(os.environ.get("TACTFUL_SEEDS", "12")))
STRIDE = int(os.environ.get("TACTFUL_STRIDE", "1"))
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

    def __init__(self, folder: Path, campaigns: dict[str, Any], *records: Any, **shop: Any) -> None:
        self.fate = Fate()
        self.outbox = folder / "outbox"
        path = folder / "shop.db"
        self.shop = Small(
            self.outbox, campaigns, shop=shop, database=str(path),
            channel=Fated(self.outbox, self.fate),
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
        self.fate.begin(at)
        try:
            self.shop.tick(now)
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
        times = [*(start + n * 4 * MINUTE for n in range(5)), start + 2 * HOUR, start + 4 * HOUR]
        for now in times:
            assert self.tick(now, None)


@pytest.fixture(scope="module")
def fatal(tmp_path_factory: pytest.TempPathFactory) -> Fatal:
    records = [customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW)]
    return Fatal(tmp_path_factory.mktemp("crash"), CAMPAIGNS, *records)


def check(shop: Small, expected: Counter[str]) -> None:
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
    for point in range(0, points, STRIDE):
        until_then()
        try:
            assert not fatal.tick(start, point)
            fatal.finish(start + MINUTE)
            check(fatal.shop, EXPECTED)
        except AssertionError as error:
            raise AssertionError(f"died at point {point} of {points}: {error}") from error
