"""Metrics: what the ledger holds, under names that alerts rely on."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, event, insert, update

from orchestrator.entry import clock
from orchestrator.entry.metrics import Known, LedgerCollector
from orchestrator.model.message import State
from orchestrator.store import gauges, heartbeats
from orchestrator.store.canaries import OUT, RELEASED, Canary, begin, end, held_back
from orchestrator.store.controls import pause
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.passes import mark_done
from orchestrator.tables import attempts, canary_messages, messages
from tests.support.databases import make_tables
from tests.watching.ledger import NOW, Ledger
from tests.watching.test_heartbeats import BEAT

MINUTE = timedelta(minutes=1)
KNOWN = Known({"sms": ["outbox"], "email": ["email_smtp"]}, {"sms": 20.0})


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    """A database of its own that several connections share."""
    on_sqlite = request.param == "sqlite"
    url = str(tmp_path / "t.db") if on_sqlite else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    make_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return Ledger(engine)


@pytest.fixture
def value(engine: Engine, ledger: Ledger) -> Callable[..., float | None]:
    """What one metric says now, to somebody who asks for the first time."""

    def ask(name: str, /, **labels: str) -> float | None:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(engine, KNOWN))
        return registry.get_sample_value(f"tactful_{name}", labels)

    return ask


Ask = Callable[..., float | None]


def test_what_waits_what_is_due_and_for_how_long(ledger: Ledger, value: Ask) -> None:
    ledger.add("sms", State.PLANNED, send_after=NOW - 3 * MINUTE)
    ledger.add("sms", State.DEFERRED, send_after=NOW - MINUTE)
    ledger.add("sms", State.PLANNED, send_after=NOW + MINUTE)
    ledger.add("sms", State.ACCEPTED, send_after=NOW - 60 * MINUTE)
    assert value("waiting", channel="sms") == 3
    assert value("due", channel="sms") == 2
    assert value("lag_seconds", channel="sms") == 180
    assert value("waiting", channel="email") == value("lag_seconds", channel="email") == 0


@pytest.mark.parametrize(
    "control",
    [("everything", "*"), ("channel", "sms"), ("provider", "outbox"), ("campaign", "hello")],
)
def test_what_somebody_paused_is_not_late(
    ledger: Ledger, value: Ask, engine: Engine, control: tuple[str, str]
) -> None:
    ledger.add("sms", State.PLANNED, send_after=NOW - 3 * MINUTE)
    with writing(engine) as connection:
        pause(connection, *control, "by hand", NOW)
    assert value("lag_seconds", channel="sms") == 0
    assert value("due", channel="sms") == 1
    assert value("paused", scope=control[0], name=control[1]) == 1


def test_another_campaign_stays_late(ledger: Ledger, value: Ask, engine: Engine) -> None:
    ledger.add("sms", State.PLANNED, send_after=NOW - 3 * MINUTE)
    ledger.add("sms", State.PLANNED, send_after=NOW - 2 * MINUTE, campaign="other")
    with writing(engine) as connection:
        pause(connection, "campaign", "hello", "by hand", NOW)
    assert value("lag_seconds", channel="sms") == 120


def test_what_waits_for_its_first_messages_is_not_late(
    ledger: Ledger, value: Ask, engine: Engine
) -> None:
    first = ledger.add("sms", State.PLANNED, send_after=NOW - 2 * MINUTE)
    ledger.add("sms", State.PLANNED, send_after=NOW - 3 * MINUTE)
    ledger.add("sms", State.PLANNED, send_after=NOW - MINUTE, step=2)
    one = Canary("v", 0, "hello", OUT, 1, None, timedelta(hours=1), None, None)
    with writing(engine) as connection:
        begin(connection, [one])
        go_first = {"message_id": first, "version": "v", "step": 0}
        connection.execute(insert(canary_messages), go_first)
        assert held_back(connection) == [(one, 1)]
    assert value("lag_seconds", channel="sms") == 120, "whoever goes first may be late"
    with writing(engine) as connection:
        connection.execute(update(messages).values(state="accepted").where(messages.c.id == first))
    assert value("lag_seconds", channel="sms") == 60, "and so may another step's"
    with writing(engine) as connection:
        end(connection, one, RELEASED, None, NOW)
        assert held_back(connection) == []
    assert value("lag_seconds", channel="sms") == 180
    assert value("due", channel="sms") == 2


def test_hands_leases_and_trouble(ledger: Ledger, value: Ask) -> None:
    ledger.add("sms", State.SENDING, lease_until=NOW - MINUTE)
    ledger.add("sms", State.SENDING, lease_until=NOW + MINUTE)
    ledger.add("sms", State.UNKNOWN, lease_until=NOW + MINUTE)
    ledger.add("sms", State.UNKNOWN_FINAL, ended_at=NOW)
    assert value("in_hand", channel="sms", state="sending") == 2
    assert value("overdue_leases", channel="sms", state="sending") == 1
    assert value("in_hand", channel="sms", state="unknown") == 1
    assert value("trouble", channel="sms", state="unknown_final") == 1


def test_what_may_have_arrived_twice(ledger: Ledger, value: Ask, engine: Engine) -> None:
    outcomes = {
        1: ["unknown"],
        2: ["deferred", "accepted"],
        3: ["unknown", "accepted"],
        4: ["accepted", "rejected", "unknown", None],
    }
    for tries in outcomes.values():
        id = ledger.add("sms", State.ACCEPTED, tries=len(tries))
        row = {"message_id": id, "provider": "outbox", "token": "t", "at": NOW}
        with writing(engine) as connection:
            for outcome in tries:
                connection.execute(insert(attempts), {**row, "outcome": outcome})
    assert value("maybe_twice", campaign="hello", channel="sms") == 3
    assert value("maybe_twice", campaign="hello", channel="email") is None


def test_totals(ledger: Ledger, value: Ask, engine: Engine) -> None:
    for state in (State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.PLANNED):
        ledger.add("sms", state)
    ledger.add("sms", State.CAPPED, reason="cap_week")
    ledger.add("sms", State.UNKNOWN_FINAL)
    ledger.add("-", State.SKIPPED, reason="no_consent")
    with writing(engine) as connection:
        counts = {"planned": 6, "no_consent": 9, "holdout": 2}
        mark_done(connection, "hello", "v", [("slot", NOW)], counts, NOW)
    assert value("planned_total", campaign="hello") == 6
    assert value("sent_total", campaign="hello", channel="sms") == 3
    ended = {"campaign": "hello", "channel": "sms", "state": "capped", "reason": "cap_week"}
    assert value("ended_total", **ended) == 1
    assert value("skipped_total", campaign="hello", reason="no_consent") == 10
    assert value("skipped_total", campaign="hello", reason="planned") is None
    assert value("messages", state="delivered") == 1


_WAYS = {
    State.PLANNED: [State.CLAIMED, State.DEFERRED, State.EXPIRED],
    State.DEFERRED: [State.CLAIMED, State.EXPIRED],
    State.CLAIMED: [State.SENDING, State.PLANNED, State.CAPPED],
    State.SENDING: [State.ACCEPTED, State.REJECTED, State.UNKNOWN],
    State.UNKNOWN: [State.ACCEPTED, State.UNKNOWN_FINAL, State.DEFERRED],
    State.UNKNOWN_FINAL: [State.ACCEPTED],
    State.ACCEPTED: [State.DELIVERED, State.BOUNCED],
    State.DELIVERED: [State.BOUNCED, State.COMPLAINED],
}


@pytest.mark.parametrize(("state", "then"), [(a, b) for a, found in _WAYS.items() for b in found])
def test_no_counter_ever_falls(ledger: Ledger, engine: Engine, state: State, then: State) -> None:
    ledger.add("sms", state)
    with writing(engine) as connection:
        before = gauges.totals(connection)
        connection.execute(update(messages).values(state=then))
        after = gauges.totals(connection)
    for name in ("planned", "sent", "ended", "skipped"):
        assert getattr(before, name) <= getattr(after, name)


def test_workers(ledger: Ledger, value: Ask, engine: Engine) -> None:
    with writing(engine) as connection:
        heartbeats.beat(connection, BEAT)
    assert value("worker_silent", worker="run@here", kind="run") == 1
    since = value("worker_progress_seconds", worker="run@here", kind="run")
    assert since == (NOW - BEAT.progress_at).total_seconds()


def test_pace(value: Ask) -> None:
    assert value("pace_per_second", channel="sms") == 20


def test_totals_are_kept_and_the_rest_is_fresh(ledger: Ledger, engine: Engine) -> None:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine, KNOWN))
    ledger.add("sms", State.PLANNED)
    assert registry.get_sample_value("tactful_planned_total", {"campaign": "hello"}) == 1
    ledger.add("sms", State.PLANNED)
    assert registry.get_sample_value("tactful_planned_total", {"campaign": "hello"}) == 1
    assert registry.get_sample_value("tactful_waiting", {"channel": "sms"}) == 2


def test_without_a_database_it_says_so(engine: Engine, ledger: Ledger) -> None:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine))
    with writing(engine) as connection:
        connection.exec_driver_sql("ALTER TABLE controls RENAME TO elsewhere")
    assert registry.get_sample_value("tactful_database_up") == 0
    assert registry.get_sample_value("tactful_waiting", {"channel": "sms"}) is None


def test_how_fast_messages_leave(ledger: Ledger, engine: Engine) -> None:
    sms, email = ledger.add("sms", State.ACCEPTED), ledger.add("email", State.ACCEPTED)
    long_ago = {"message_id": sms, "at": NOW - 2 * MINUTE}
    lately = [{"message_id": id, "at": NOW - MINUTE / 2} for id in (sms, sms, email)]
    with writing(engine) as connection:
        assert gauges.sent_per_minute(connection, NOW) == {}
        rows = [{**row, "token": "t", "provider": "outbox"} for row in (long_ago, *lately)]
        connection.execute(insert(attempts), rows)
        assert gauges.sent_per_minute(connection, NOW) == {"sms": 2, "email": 1}


def test_no_look_reads_the_whole_ledger() -> None:
    """What is read at each look goes by the small indexes."""
    engine = open_database(":memory:")
    make_tables(engine)
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM messages" in statement and "EXPLAIN" not in statement:
            seen.append(statement)

    with reading(engine) as connection:
        gauges.queues(connection, NOW, stopped=["hello"])
        gauges.in_hand(connection, NOW)
        gauges.trouble(connection)
        gauges.newest_trouble(connection, 5)
        explained = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", (0,) * one.count("?")).all()
            for one in seen
        ]
    engine.dispose()
    used = [re.findall(r"messages_(?:waiting|in_hand|trouble)_idx", str(one)) for one in explained]
    waiting, in_hand, trouble = (
        f"messages_{name}_idx" for name in ("waiting", "in_hand", "trouble")
    )
    assert used == [[waiting], [in_hand], [trouble], [trouble]]
