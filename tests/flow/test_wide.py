"""Several hands at one pass come to what one hand comes to, and no range is lost."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, RowMapping

from orchestrator.flow import asking, hands, wide
from orchestrator.flow.ingest import address_key
from orchestrator.store import decided
from orchestrator.store.consents import suppress
from orchestrator.store.database import open_database, writing
from orchestrator.tables import controls, messages, passes
from tests.support.shop import NOW, Small, consent, customer, event, price, product

PEOPLE = 23
BEGUN = NOW - timedelta(hours=2)
"""No slot before was missed."""

DAILY = {"trigger": {"cron": "0 12 * * *"}, "max_audience": 1_000}
MARK = "the power is gone"


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.setattr(asking, "CHUNK_CUSTOMERS", 4)
    monkeypatch.setattr(wide, "WIDE_FROM_CUSTOMERS", 10)
    monkeypatch.setattr(hands, "WRITE_ROWS_MAX", 3)
    monkeypatch.setattr(wide, "ASIDE_FROM_CAMPAIGNS", 1 if "facts" in which else 100)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path, which: str) -> Iterator[Engine]:
    """Hands need connections of their own, which a database in memory has not."""
    sqlite = str(tmp_path / "wide.db")
    url = sqlite if "sqlite" in which else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    yield engine
    engine.dispose()


pytestmark = pytest.mark.parametrize(
    "which", ["sqlite", "sqlite with facts set aside", "postgresql"]
)


def shop_on(folder: Path, database: Engine, hands: int, **campaign: Any) -> Small:
    """Customers of whom every third has not agreed."""
    shop = Small(folder, {"daily": {**DAILY, **campaign}}, database=database, since=BEGUN)
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
    campaigns = {"daily": {**DAILY, "max_audience": max_audience}}
    alone = Small(tmp_path / "alone", campaigns, since=BEGUN)
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


@pytest.mark.parametrize("channels", [["email"], ["email", "sms"]])
def test_whom_a_pause_held_back_is_asked_again(
    tmp_path: Path, database: Engine, channels: list[str]
) -> None:
    shop = shop_on(tmp_path, database, 2, channels=channels)
    row = {"scope": "channel", "name": "email", "reason": "", "at": NOW}
    shop.execute(controls.insert(), row)
    shop.plan(NOW)
    assert shop.rows(messages) == [] == shop.rows(passes)
    shop.execute(controls.delete())
    shop.plan(NOW + timedelta(minutes=1))
    assert len(shop.rows(messages)) == PEOPLE - 8


HOURLY = {"trigger": {"cron": "0 * * * *"}, "max_audience": 1_000}
SEVERAL: dict[str, dict[str, Any]] = {
    "daily": {**DAILY, "priority": 40, "audience": {"did": "Order Completed", "within": "30d"}},
    "both": {**DAILY, "priority": 60, "channels": ["preferred", "sms", "email"]},
    "rare": {**DAILY, "priority": 80, "caps": ["1 per 30d"], "holdout": "30%"},
    "again": {**DAILY, "again_after": "3d", "priority": 70, "audience": {"none": [{"got": "old"}]}},
    "birthday": {**DAILY, "trigger": {"date": "birthday", "at": "11:00"}, "priority": 65},
    "hours": {
        **HOURLY,
        "expires": "1h",
        "priority": 30,
        "audience": {"trait": "kids", "at_least": 1},
    },
    "invoice": {**DAILY, "purpose": "service"},
}


def town(folder: Path, database: Engine | None, hands: int) -> Small:
    """Customers of every kind, and campaigns that ask for them all at once."""
    shop = Small(
        folder,
        SEVERAL,
        database=database,
        shop={"caps": {"overall": ["1 per day"], "topic": {"tips": ["2 per 7d"]}}},
    )
    shop.tactful.hands = hands
    for n in range(PEOPLE * 2):
        key, more = f"c{n}", {"kids": n % 3, "birthday": f"1980-11-{20 + n % 3}"}
        if n % 8 in (2, 3):  # in one range: what is decided at once does not see each other
            more["email"] = f"pair{n // 8}@example.com"
        if n % 5 == 0:
            more["max_per_week"] = n % 2
        if n % 11 == 0:
            more["zone"] = None
        if n % 4 == 0:
            more["preferred_channel"] = "sms"
        shop.add(customer(key, **more))
        if n % 6:
            shop.add(consent(key), consent(key, "sms"))
        if n % 9 == 0:
            shop.add(consent(key, topic="tips", given=False, at=NOW))
        if n % 2:
            shop.add(event(key, "Order Completed", NOW - timedelta(days=n)))
        if n % 8 == 0:
            with writing(shop.engine) as connection:
                spoilt = address_key("email", f"c{n}@example.com")
                suppress(connection, spoilt, "marketing", "asked", NOW)
    ids = shop.ids()
    at = {"due_at": NOW, "planned_at": NOW, "expires_at": NOW, "step": 0, "priority": 5}
    at["version"] = shop.tactful.versions[0].digest
    for n, campaign in enumerate(("old", "again", "daily", "old") * 6):
        then = NOW - timedelta(hours=11 * n)
        row = {"campaign": campaign, "customer_id": ids[f"c{n}"], "occasion": f"slot:{n}", **at}
        row |= {"channel": "email", "state": "accepted", "marketing": n % 5 > 0, "topic": "tips"}
        shop.execute(messages.insert(), {**row, "send_after": then, "counts_at": then})
    return shop


def test_campaigns_asked_together_come_to_what_they_come_to_one_by_one(
    tmp_path: Path, database: Engine
) -> None:
    alone, together = town(tmp_path / "alone", None, 1), town(tmp_path, database, 3)
    assert together.plan(NOW) == alone.plan(NOW)
    assert together.ledger() == alone.ledger()
    reasons = {reason for row in alone.rows(passes) for reason in row["counts"]}
    assert reasons >= {"planned", "no_consent", "not_in_audience", "suppressed"}
    assert reasons >= {
        "holdout",
        "overall_cap",
        "overall_cap_lost",
        "too_soon_again",
        "customers_wish",
    }


def test_two_slots_of_one_clock_are_two_messages(tmp_path: Path, database: Engine) -> None:
    shop = Small(tmp_path, {"hours": {**HOURLY, "expires": "2h"}}, database=database, since=BEGUN)
    shop.tactful.hands = 2
    for n in range(PEOPLE):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    assert shop.plan(NOW) == {"hours": Counter(planned=2 * PEOPLE)}
    assert len({(row["customer_id"], row["occasion"]) for row in shop.rows(messages)}) == 2 * PEOPLE
    assert shop.plan(NOW) == {}


@pytest.mark.parametrize("offered", ["listed", "bestsellers", "regulars", "goes_with", "better"])
def test_what_is_offered_is_looked_for_whoever_asks(
    tmp_path: Path, database: Engine, offered: str
) -> None:
    products = {"from": offered, **({"ids": ["p1"]} if offered == "listed" else {})}
    deal = {**DAILY, "purpose": "offer", "offer": {"products": products}}
    shop = Small(tmp_path, {"deal": deal}, database=database, since=BEGUN)
    shop.tactful.hands = 2
    shop.add(product("p1"), price("p1", "4.99"))
    for n in range(PEOPLE):
        shop.add(customer(f"c{n}"), consent(f"c{n}"))
    reason = "planned" if offered == "listed" else "nothing_to_offer"
    assert shop.plan(NOW) == {"deal": Counter({reason: PEOPLE})}
