"""Tidying takes away what is old, a batch at a time, and nothing that is still needed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from channels.contract import FeedbackKind
from orchestrator.flow import tidying
from orchestrator.flow.report import report
from orchestrator.flow.tidying import Tidied, tidy
from orchestrator.model.shop import Keep
from orchestrator.store import tidying as store
from orchestrator.store.database import writing
from orchestrator.store.targets import Target, keep_targets
from orchestrator.tables import (
    attempts,
    collected,
    contents,
    feedback,
    message_log,
    messages,
    targets,
)
from tests.cli.shop import ShopFolder, shop
from tests.feedback.stage import TEXT, listen, told
from tests.support.shop import NOW, Small, consent, customer, event

__all__ = ["shop"]

DAY = timedelta(days=1)
KEEP = Keep()

on_both = pytest.mark.parametrize("small", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def small(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Small]:
    """Three texts were sent; a batch is of two rows."""
    for module in (store, tidying):
        monkeypatch.setattr(module, "BATCH_SIZE_MAX", 2)
    on = getattr(request, "param", "sqlite")
    url = None if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = Small(tmp_path, {"text": TEXT}, database=url)
    for key in ("ann1", "bob2", "cy3"):
        made.add(customer(key), consent(key, "sms"), event(key, "Cart Updated", NOW))
    made.tick(NOW)
    yield made
    made.engine.dispose()


def done(small: Small, days: float) -> Tidied:
    return tidy(small.engine, KEEP, NOW + timedelta(days=days))


@on_both
def test_what_is_old_goes_and_what_is_young_stays(small: Small) -> None:
    for day in range(5):
        at = NOW + day * DAY
        listen(small, told("opened", f"e{day}", 1, at=at), now=at)
        small.execute(insert(collected), {"key": f"k{day}", "at": at})
    before = report(small.tactful, NOW + DAY)
    assert done(small, 29) == Tidied(0, 0, 0, 0)
    assert done(small, 32.5) == Tidied(0, 3, 0, 0)
    assert done(small, 182.5) == Tidied(3, 2, 0, 0)
    assert [row["event_key"] for row in small.rows(feedback)] == ["e3", "e4"]
    assert small.rows(collected) == []
    assert done(small, 732) == Tidied(2, 0, 0, 3)
    assert done(small, 732) == Tidied(0, 0, 0, 0)
    # What reports and proofs stand on is all there.
    assert [row["segments"] for row in small.rows(contents)] == [1, 1, 1]
    assert {row["text"] for row in small.rows(contents)} == {""}
    assert len(small.rows(messages)) == len(small.rows(attempts)) == 3
    assert len(small.rows(message_log)) == 5
    assert report(small.tactful, NOW + DAY) == before


@on_both
def test_links_go_once_nothing_has_led_there_for_so_long(small: Small) -> None:
    ann = small.ids()["ann1"]
    for day, keys in enumerate(["ab", "b", "c", "b"]):
        with writing(small.engine) as connection:
            found = [Target(key, f"https://x/{key}", ann) for key in keys]
            keep_targets(connection, found, NOW + day * DAY)
    assert {row["key"]: row["at"] for row in small.rows(targets)} == {
        "a": NOW,
        "b": NOW + 3 * DAY,
        "c": NOW + 2 * DAY,
    }
    assert done(small, 729).links == 0
    assert done(small, 732.5).links == 2
    assert [row["key"] for row in small.rows(targets)] == ["b"]


def test_what_waits_to_be_read_or_worked_in_stays(small: Small) -> None:
    for key in ("r1", "r2"):
        listen(small, told(FeedbackKind.replied, key, 1, detail="hm"), now=NOW)
    listen(small, told("opened", "o", 1), now=NOW)
    small.execute(feedback.update().where(feedback.c.id == 2).values(read_at=NOW, read_as="fine"))
    small.execute(feedback.update().where(feedback.c.id == 3).values(settled=False))
    assert done(small, 1000).feedback == 1
    assert [row["id"] for row in small.rows(feedback)] == [1, 3]


def test_the_words_of_what_has_not_ended_stay(small: Small) -> None:
    small.execute(messages.update().where(messages.c.id == 1).values(state="unknown"))
    later = NOW + 800 * DAY
    small.execute(messages.update().where(messages.c.id == 2).values(expires_at=later))
    assert done(small, 1000).texts == 1
    assert [bool(row["text"]) for row in small.rows(contents)] == [True, True, False]


@pytest.mark.parametrize("wrong", [{"feedback": "6d"}, {"calls": "23h"}, {"texts": "29d"}])
def test_too_short_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="too short"):
        Keep.model_validate(wrong)


def test_from_the_command_line(shop: ShopFolder) -> None:
    shop.add_customer("c1")
    assert shop.json("tidy") == {"feedback": 0, "calls": 0, "links": 0, "texts": 0}
    assert "0 events" in shop.ok("tidy")
