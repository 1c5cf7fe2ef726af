"""The database: which one, how far away, by which clock, and in what state."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select, text

from channels.contract import Finding
from orchestrator.entry import clock, whereabouts
from orchestrator.entry.doctor.findings import Line, error, good, warning
from orchestrator.entry.doctor.role import missing_rights, short_limits
from orchestrator.entry.opening import FIXES
from orchestrator.entry.same_time import OFF_MAX, ahead
from orchestrator.entry.settings import Settings
from orchestrator.model.errors import TactfulError
from orchestrator.store import heartbeats
from orchestrator.store.controls import pauses
from orchestrator.store.database import SHARED, SHARED_FIX, open_database, reading, why_no_writes
from orchestrator.store.reports import last_activity
from orchestrator.store.schema import State, schema_state
from orchestrator.tables import deployment

AHEAD_MAX = timedelta(minutes=5)
LATENCY_MAX_MS = 20.0
"""A batch takes a dozen statements, one after the other."""

SKEW_MAX = timedelta(seconds=2)
"""Leases and quiet hours are judged by the clocks of the workers, whichever has a message."""

OPEN_MAX = timedelta(minutes=10)
"""While a transaction is open PostgreSQL tidies nothing away, and every look for what is due steps
over all that has left meanwhile."""

_LONGEST = text(
    "SELECT pid, coalesce(nullif(application_name, ''), 'no name'), now() - xact_start "
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend' AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
)

_PREPARED = text("SELECT count(*) FROM pg_prepared_statements")

TRIES = 3


def examine_database(settings: Settings, now: datetime) -> Iterator[Line]:
    """Everything that the database tells, as far as it goes."""
    file = settings.database_file
    if file is not None and not file.exists():
        found = warning(f"there is no {file} yet", "`tactful import` or `tactful run` makes it")
        yield "database", found
        return
    try:
        engine = open_database(settings.database)
    except TactfulError as problem:
        yield "database", error(str(problem), "see TACTFUL_DATABASE_URL")
        return
    try:
        for found in _server(engine, str(file or engine.url.host or "in memory")):
            yield "database", found
        missing = _missing(engine)
        yield from (("database", found) for found in missing)
        if missing:
            return
        schema = schema_state(engine)
        if schema.state not in (State.up_to_date, State.ahead):
            yield "database", error(str(schema), FIXES[schema.state])
            return
        fine = good if schema.state is State.up_to_date else warning
        yield "database", fine(str(schema), FIXES[schema.state])
        with reading(engine) as connection:
            yield from _content(connection, now)
            yield "deployment", _deployment(connection, settings)
    except TactfulError as problem:
        yield "database", error(str(problem), "see TACTFUL_DATABASE_URL")
    finally:
        engine.dispose()


def _deployment(connection: Connection, settings: Settings) -> Finding:
    """Which one it is, and whether it is where it belongs."""
    found = whereabouts.finding(connection, settings)
    id = connection.scalar(select(deployment.c.value).where(deployment.c.name == "id"))
    return found if id is None else replace(found, what=f"{id} {found.what}")


def _server(engine: Engine, where: str) -> Iterator[Finding]:
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            yield from _sqlite(connection, where)
        else:
            yield from _postgresql(connection, where)


def _missing(engine: Engine) -> list[Finding]:
    if engine.dialect.name == "sqlite":
        return []
    with reading(engine) as connection:
        return list(missing_rights(connection))


def _sqlite(connection: Connection, where: str) -> Iterator[Finding]:
    version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    yield good(f"sqlite {version} answers ({where})")
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    yield (good if mode == "wal" else warning)(f"journal mode {mode}")
    check = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if check != "ok":
        yield error(f"the file is damaged: {check}", "restore it from a copy")


def _postgresql(connection: Connection, where: str) -> Iterator[Finding]:
    if connection.execute(_PREPARED).scalar_one():  # by somebody else: this one has just come
        yield error(SHARED, SHARED_FIX)
    version = connection.exec_driver_sql("SHOW server_version").scalar_one()
    latency_ms = min(_answer_ms(connection) for _ in range(TRIES))
    said = f"postgresql {version} answers within {latency_ms:.1f} ms ({where})"
    near = latency_ms <= LATENCY_MAX_MS
    yield good(said) if near else warning(said, "run the workers near the database")
    if why := why_no_writes(connection):
        what = f"it takes no writes, so nothing is decided or sent: {why}"
        yield error(what, "see that TACTFUL_DATABASE_URL leads to a primary that has room left")
    skew = sum(ahead(connection, clock.now), timedelta(0)) / 2
    said = f"its clock and this one differ by {abs(skew).total_seconds():.1f} s"
    fix = f"let NTP set both clocks; with more than {OFF_MAX.total_seconds():.0f} s nobody works"
    yield good(said) if abs(skew) <= SKEW_MAX else error(said, fix)
    for name in ("fsync", "synchronous_commit"):
        if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off":
            what = f"{name} is off: after a crash, what was sent may be sent again"
            yield warning(what, f"set {name} = on")
    yield from short_limits(connection)
    yield from _open_for_long(connection)


def _open_for_long(connection: Connection) -> Iterator[Finding]:
    for pid, name, since in connection.execute(_LONGEST):
        if since > OPEN_MAX:
            minutes = since // timedelta(minutes=1)
            said = f"a transaction has been open for {minutes} minutes: sending gets slower"
            fix = f"see whose process {pid} ({name}) is; `SELECT pg_terminate_backend({pid})`"
            yield warning(said, fix)


def _answer_ms(connection: Connection) -> float:
    began_s = time.monotonic()
    connection.execute(select(1))
    return (time.monotonic() - began_s) * 1000


def _content(connection: Connection, now: datetime) -> Iterator[Line]:
    last = last_activity(connection)
    if last is not None and last > now + AHEAD_MAX:
        said = f"it was at work at {last:%F %T} UTC, which is still to come"
        yield "database", error(said, "the machine's clock went back, or was ahead: set it")
    for one in pauses(connection):
        name = one.scope if one.scope == "everything" else f"{one.scope} {one.name}"
        what = f"{name} is paused since {one.at:%F %T} UTC: {one.reason}"
        yield "paused", warning(what, f"`tactful resume {name}`")
    for beat in heartbeats.everyone(connection):
        about = f"worker {beat.worker}"
        if beat.is_silent(now):
            said = f"has not got on since {beat.progress_at:%F %T} UTC, while {beat.doing}"
            yield about, warning(said, f"look at process {beat.pid} on {beat.host}")
        else:
            yield about, good(f"{beat.doing}, since {beat.progress_at:%F %T} UTC")
