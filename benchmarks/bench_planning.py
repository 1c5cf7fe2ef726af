"""Twenty campaigns over everyone on PostgreSQL: a full pass, an increment, and SQL by hand."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, delete, func, select, text

from benchmarks.engine import campaign, on_event, opened
from benchmarks.figure import Figure, Measured
from benchmarks.handwritten import plan_by_hand
from benchmarks.town import NOW, Town, fill_town
from benchmarks.twenty import twenty
from orchestrator.entry.memory import settle
from orchestrator.flow.law import read_law
from orchestrator.flow.load import revive
from orchestrator.flow.plan import arbitration
from orchestrator.model.version import Version
from orchestrator.rules.clocks import ClockRules
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.schema import create_schema
from orchestrator.tables import events, messages, passes
from tests.servers import postgres

CUSTOMERS = 1_000_000
EVENTS_EACH = 20
PASSES = 2
MINUTES = timedelta(minutes=5)
WARM_UP = 15
SETTINGS = {"shared_buffers": "4GB", "max_wal_size": "8GB"}

FIGURES = (
    Figure("plan_full_1m_s", "Twenty campaigns over 1,000,000 customers", "s", "at most 10"),
    Figure("plan_increment_1m_s", "The same on events, the last five minutes", "s", "at most 0.2"),
    Figure("plan_by_hand_1m_s", "The full pass in SQL written by hand", "s"),
    Figure("plan_vs_handwritten_sql", "The engine takes so many times as long", "", "at most 1"),
    Figure("plan_full_messages", "Messages that the full pass plans", ""),
    Figure("plan_increment_events", "Events in the last five minutes", ""),
)


def measure(divisor: int) -> Measured:
    """Of a town of 1,000,000 with 20 events each, divided by `divisor`."""
    with (
        TemporaryDirectory(prefix="tactful-bench-") as folder,
        postgres(durable=True, settings=SETTINGS if divisor == 1 else None) as server,
    ):
        engine = open_database(server.url())
        try:
            create_schema(engine)
            fill_town(engine, Town(CUSTOMERS // divisor, EVENTS_EACH, lively=True))
            yield from measured(engine, Path(folder))
        finally:
            engine.dispose()


def measured(engine: Engine, folder: Path) -> Measured:
    """The figures of a town."""
    versions = sorted(twenty(campaign("autumn")), key=arbitration)
    seconds = []
    with opened(engine, versions, folder) as tactful:
        for _ in range(PASSES):
            _forget(engine)
            began = perf_counter()
            tactful.plan(NOW)
            seconds.append(perf_counter() - began)
            found = _planned(engine)
    _forget(engine)
    by_hand = _by_hand(engine, versions)
    if (differences := found ^ _planned(engine)) or not found:
        raise RuntimeError(f"{len(differences)} of {len(found)} differ: {min(differences)}")
    _forget(engine)
    yield "plan_full_1m_s", min(seconds)
    yield "plan_full_messages", len(found)
    yield "plan_by_hand_1m_s", by_hand
    yield "plan_vs_handwritten_sql", min(seconds) / by_hand
    yield from _increment(engine, versions, folder)


def _planned(engine: Engine) -> set[tuple[Any, ...]]:
    names = ("campaign", "customer_id", "channel", "state", "address", "counts_at")
    wanted = select(*(messages.c[name] for name in names)).where(messages.c.campaign != "summer")
    with reading(engine) as connection:
        return {tuple(row) for row in connection.execute(wanted)}


def _forget(engine: Engine) -> None:
    """Everything as it was; tidied up, too, as the server would do in a while."""
    with writing(engine) as connection:
        connection.execute(delete(messages).where(messages.c.campaign != "summer"))
        connection.execute(delete(passes))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE messages"))


def _by_hand(engine: Engine, versions: Sequence[Version]) -> float:
    quiet = versions[0].shop.quiet_hours
    hours = ClockRules(read_law(), ("email", "sms"), () if quiet is None else (quiet,))
    began = perf_counter()
    plan_by_hand(engine, versions, NOW, hours)
    return perf_counter() - began


def _increment(engine: Engine, versions: Sequence[Version], folder: Path) -> Measured:
    """Asked for by each order: the last five minutes at once, after some of the five before.

    In a process that has run for a while: the database then has the statements prepared.
    """
    asked = [on_event(version, "Order Completed") for version in versions]
    live = [revive(f"{one.name}-live", one.files, one.settings) for one in asked]
    with opened(engine, live, folder, since=NOW - 2 * MINUTES) as tactful:
        for number in reversed(range(WARM_UP)):
            tactful.plan(NOW - MINUTES - number * MINUTES / WARM_UP)
        settle()  # as `tactful run` and the workers do
        began = perf_counter()
        tactful.plan(NOW)
        yield "plan_increment_1m_s", perf_counter() - began
    lately = select(func.count()).where(events.c.at > NOW - MINUTES, events.c.at <= NOW)
    with reading(engine) as connection:
        yield "plan_increment_events", connection.scalar(lately) or 0
