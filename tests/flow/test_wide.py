"""Several hands at one pass come to what one hand comes to, and no range is lost."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, RowMapping

from orchestrator.flow import asking, wide
from orchestrator.store import decided
from orchestrator.store.database import open_database
from orchestrator.tables import controls, messages, passes
from tests.support.shop import NOW, Small, consent, customer

PEOPLE = 23
DAILY = {"trigger": {"cron": "0 12 * * *"}, "max_audience": 1_000}
MARK = "the power is gone"


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CHUNK_CUSTOMERS", 4)
    monkeypatch.setattr(wide, "WIDE_FROM_CUSTOMERS", 10)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path, which: str) -> Iterator[Engine]:
    """Hands need connections of their own, which a database in memory has not."""
    sqlite = str(tmp_path / "wide.db")
    url = sqlite if which == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    yield engine
    engine.dispose()


pytestmark = pytest.mark.parametrize("which", ["sqlite", "postgresql"])


def shop_on(folder: Path, database: Engine, hands: int, **campaign: Any) -> Small:
    """Customers of whom every third has not agreed."""
    shop = Small(folder, {"daily": {**DAILY, **campaign}}, database=database)
    shop.tactful.hands = hands
    for n in range(PEOPLE):
        shop.add(customer(f"c{n}"))
        if n % 3:
            shop.add(consent(f"c{n}"))
    return shop


def plain(shop: Small) -> list[dict[str, Any]]:
    """The ledger without what depends on the order of writing."""

    def row_of(row: RowMapping) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name != "id"}

    return sorted(map(row_of, shop.rows(messages)), key=lambda row: row["customer_id"])


@pytest.mark.parametrize("max_audience", [1_000, 20], ids=["never near", "looked at first"])
def test_several_hands_write_what_one_hand_writes(
    tmp_path: Path, database: Engine, max_audience: int
) -> None:
    alone = Small(tmp_path / "alone", {"daily": {**DAILY, "max_audience": max_audience}})
    together = shop_on(tmp_path, database, 3, max_audience=max_audience)
    for n in range(PEOPLE):
        alone.add(customer(f"c{n}"))
        if n % 3:
            alone.add(consent(f"c{n}"))
    assert together.plan(NOW) == alone.plan(NOW)
    assert plain(together) == plain(alone)
    assert len(plain(together)) == PEOPLE - 8
    (done,), (done_alone,) = together.rows(passes), alone.rows(passes)
    assert done["counts"] == done_alone["counts"]
    assert together.plan(NOW) == {}, "asked again, it adds nothing"


def test_too_many_are_found_before_anything_is_written(tmp_path: Path, database: Engine) -> None:
    shop = shop_on(tmp_path, database, 2, max_audience=14)
    (verdicts,) = shop.tactful.plan(NOW)
    assert verdicts.halted == "would reach 15 customers in a day; max_audience is 14"
    assert shop.rows(messages) == [] == shop.rows(passes)
    (stop,) = shop.rows(controls)
    assert (stop["scope"], stop["name"]) == ("campaign", "daily")


@pytest.mark.parametrize("max_audience", [1_000, 20])
def test_a_hand_that_dies_leaves_ranges_for_the_next_look(
    tmp_path: Path, database: Engine, max_audience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_on(tmp_path, database, 2, max_audience=max_audience)
    write, written = decided.write_staged, []

    def dies(*args: Any, **more: Any) -> None:
        if len(written) == 3:
            raise ConnectionError(MARK)
        written.append(more["ids"])
        write(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(decided, "write_staged", dies)
        with pytest.raises(ConnectionError, match=MARK):
            shop.plan(NOW)
    assert 0 < len(shop.rows(messages)) < PEOPLE - 8
    assert shop.rows(passes) == []
    shop.plan(NOW + timedelta(minutes=1))
    assert len(shop.rows(messages)) == PEOPLE - 8
    assert len(shop.rows(passes)) == 1


def test_whom_a_pause_held_back_is_asked_again(tmp_path: Path, database: Engine) -> None:
    shop = shop_on(tmp_path, database, 2)
    row = {"scope": "channel", "name": "email", "reason": "", "at": NOW}
    shop.execute(controls.insert(), row)
    shop.plan(NOW)
    assert shop.rows(messages) == [] == shop.rows(passes)
    shop.execute(controls.delete())
    shop.plan(NOW + timedelta(minutes=1))
    assert len(shop.rows(messages)) == PEOPLE - 8
