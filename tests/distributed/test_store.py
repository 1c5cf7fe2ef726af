"""Turns, what is due by channel, and passes that wait while too much is due."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text, update

from orchestrator.flow.backlog import too_much
from orchestrator.store import controls, turns
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.turns import turn
from orchestrator.store.waiting import due_by_channel
from orchestrator.tables import messages
from tests.servers.patience import until
from tests.support.databases import Databases
from tests.support.shop import NOW, Small, consent, customer, event

HOUR = timedelta(hours=1)


@pytest.fixture
def engines(postgres_url: str) -> Iterator[tuple[Engine, Engine]]:
    """Of two processes on one database."""
    pair = open_database(postgres_url), open_database(postgres_url)
    yield pair
    for engine in pair:
        engine.dispose()


def test_one_at_a_time(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with turn(one, "plan") as mine, turn(other, "plan") as theirs, turn(other, "learn") as else_:
        assert (mine, theirs, else_) == (True, False, True)
    with turn(other, "plan") as theirs:
        assert theirs


def test_a_turn_ends_with_whoever_had_it(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with pytest.raises(ZeroDivisionError), turn(one, "plan"):
        raise ZeroDivisionError
    with turn(other, "plan") as theirs:
        assert theirs


def test_a_turn_holds_back_nobody_who_tidies_the_database(engines: tuple[Engine, Engine]) -> None:
    one, other = engines
    with turn(one, "plan"), reading(other) as connection:
        oldest = "SELECT count(*) FROM pg_stat_activity WHERE pid != pg_backend_pid() AND {}"
        mine = (
            "datname = current_database() AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)"
        )
        assert connection.exec_driver_sql(oldest.format(mine)).scalar() == 0


def test_who_stands_still_in_its_turn_loses_it(
    engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = engines
    still = text("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
    monkeypatch.setattr(turns, "_KEPT_MAX", still)

    def is_free() -> bool:
        with turn(other, "plan") as theirs:
            return theirs

    with turn(one, "plan") as mine:
        assert mine
        assert until(is_free)


def test_who_gets_on_keeps_its_turn(
    engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = engines
    monkeypatch.setattr(turns, "ALIVE_EVERY_S", 0.01)
    said = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tactful turn'"

    def gets_on() -> bool:
        with reading(other) as connection:
            return connection.exec_driver_sql(said).scalar() == 1

    with turn(one, "plan"):
        assert until(gets_on)


def test_on_sqlite_it_is_always_ones_turn() -> None:
    engine = open_database(":memory:")
    with turn(engine, "plan") as mine, turn(engine, "plan") as mine_again:
        assert mine
        assert mine_again
    engine.dispose()


@pytest.fixture
def small(tmp_path: Path, databases: Databases) -> Small:
    """A campaign by an event, and one by the clock; four customers."""
    hourly = {"trigger": {"cron": "0 12 * * *", "zone": "shop"}, "channels": ["sms"]}
    return Small(tmp_path, {"hello": {}, "noon": hourly})


def fill(small: Small) -> None:
    """Everybody agrees to everything."""
    for key in ("c1", "c2", "c3", "c4"):
        agrees = consent(key), consent(key, "sms")
        small.add(customer(key), *agrees, event(key, "Signed Up", NOW - HOUR))


BEHIND = {"email": ["letters", "spare"], "sms": ["texts"], "inbox": []}
"""Where the second plugin may go on, what is due is due."""


def due(small: Small, most: int = 100) -> dict[str, int]:
    """What may leave now."""
    with reading(small.engine) as connection:
        return due_by_channel(connection, BEHIND, NOW, most=most)


def test_what_is_due_is_counted_by_channel_and_not_too_far(small: Small) -> None:
    fill(small)
    assert due(small) == {}
    small.tactful.plan(NOW)
    assert due(small) == {"email": 4, "sms": 4}
    assert due(small, most=3) == {"email": 3, "sms": 3}
    with reading(small.engine) as connection:
        assert due_by_channel(connection, {}, NOW, most=3) == {}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"send_after": NOW + HOUR}, {}),
        ({"expires_at": NOW}, {}),
        ({"state": "claimed"}, {}),
        ({"state": "deferred"}, {"email": 4, "sms": 4}),
    ],
)
def test_what_is_not_due(small: Small, change: dict[str, object], left: dict[str, int]) -> None:
    fill(small)
    small.tactful.plan(NOW)
    with writing(small.engine) as connection:
        connection.execute(update(messages).values(change))
    assert due(small) == left


@pytest.mark.parametrize(
    ("scope", "name", "left"),
    [
        ("everything", "*", {}),
        ("channel", "sms", {"email": 4}),
        ("provider", "texts", {"email": 4}),
        ("provider", "letters", {"email": 4, "sms": 4}),
        ("campaign", "hello", {"sms": 4}),
    ],
)
def test_what_is_paused_is_not_due(
    small: Small, scope: str, name: str, left: dict[str, int]
) -> None:
    fill(small)
    small.tactful.plan(NOW)
    with writing(small.engine) as connection:
        controls.pause(connection, scope, name, "", NOW)
    assert due(small) == left


def test_a_pass_waits_for_later_and_news_does_not(small: Small) -> None:
    fill(small)
    small.tactful.plan_urgent(NOW)
    assert planned(small) == {"hello": 4}
    small.add(event("c1", "Signed Up", NOW))
    small.tactful.plan_urgent(NOW)
    assert planned(small) == {"hello": 5}
    # It is not forgotten.
    small.tactful.plan(NOW + HOUR)
    assert planned(small) == {"hello": 5, "noon": 4}


@pytest.mark.parametrize(
    ("due", "is_so"),
    [({}, False), ({"email": 10, "sms": 10}, False), ({"email": 3, "sms": 11}, True)],
)
def test_too_much_is_due_on_one_channel(due: dict[str, int], is_so: bool) -> None:
    assert too_much(due, 10) is is_so


def planned(small: Small) -> dict[str, int]:
    """Campaign → messages."""
    counted = select(messages.c.campaign, func.count().label("number"))
    with reading(small.engine) as connection:
        rows = connection.execute(counted.group_by(messages.c.campaign))
        return {row.campaign: row.number for row in rows}
