"""What `tactful doctor` looks at: whether everything is as it must be for sending."""

import platform
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from channels.contract import Finding, Level
from channels.registry import Broken as BrokenPlugin
from channels.registry import find_channels
from orchestrator.entry import clock
from orchestrator.entry.opening import FIXES, read_folder
from orchestrator.entry.plugins import make_plugin
from orchestrator.entry.settings import Settings
from orchestrator.flow.load import Loaded
from orchestrator.model.errors import TactfulError
from orchestrator.store.database import open_database, reading
from orchestrator.store.reports import last_activity
from orchestrator.store.schema import State, schema_state

DISK_FREE_MIN = 500 * 1024 * 1024
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Tactful was written in this year: a clock before it is wrong."""

AHEAD_MAX = timedelta(minutes=5)
Line = tuple[str, Finding]


def _good(what: str, fix: str = "") -> Finding:
    return Finding(Level.good, what, fix)


def _warning(what: str, fix: str = "") -> Finding:
    return Finding(Level.warning, what, fix)


def _error(what: str, fix: str = "") -> Finding:
    return Finding(Level.error, what, fix)


def examine(settings: Settings) -> Iterator[Line]:
    """Each finding with what it is about, in the order of looking."""
    yield "tactful", _good(f"{version('tactful')} on Python {platform.python_version()}")
    yield "time zones", _good(f"tzdata {version('tzdata')}")
    now = clock.now()
    if now < EARLIEST:
        yield "clock", _error(f"it says {now:%F %T} UTC", "set the machine's clock")
    else:
        yield "clock", _good(f"{now:%F %T} UTC")
    loaded = read_folder(settings)
    yield from (("campaigns", one) for one in _campaigns(loaded))
    yield from (("database", one) for one in _database(settings, now))
    yield from _plugins()
    yield from _channels(loaded, settings)
    yield from (("disk", one) for one in _disk(settings))


def _campaigns(loaded: Loaded) -> Iterator[Finding]:
    if loaded.problems:
        yield _error(f"{len(loaded.problems)} problems", "`tactful check` names them")
    elif not loaded.versions:
        yield _warning("there is none yet", "write one in campaigns/")
    else:
        yield _good(f"{len(loaded.versions)} in order")
    if loaded.warnings:
        yield _warning(f"{len(loaded.warnings)} warnings", "`tactful check` names them")


def _database(settings: Settings, now: datetime) -> Iterator[Finding]:
    file = settings.database_file
    if file is not None and not file.exists():
        yield _warning(f"there is no {file} yet", "`tactful import` or `tactful run` makes it")
        return
    try:
        engine = open_database(settings.database)
    except TactfulError as error:
        yield _error(str(error), "see TACTFUL_DATABASE_URL")
        return
    try:
        yield _good(f"{engine.dialect.name} answers ({file or engine.url.host or 'in memory'})")
        schema = schema_state(engine)
        if schema.state not in (State.up_to_date, State.ahead):
            yield _error(str(schema), FIXES[schema.state])
            return
        found = _good if schema.state is State.up_to_date else _warning
        yield found(str(schema), FIXES[schema.state])
        with reading(engine) as connection:
            if engine.dialect.name == "sqlite":
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
                wanted = _good if mode == "wal" else _warning
                yield wanted(f"journal mode {mode}")
                check = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                if check != "ok":
                    yield _error(f"the file is damaged: {check}", "restore it from a copy")
            last = last_activity(connection)
        if last is not None and last > now + AHEAD_MAX:
            said = f"it was at work at {last:%F %T} UTC, which is still to come"
            yield _error(said, "the machine's clock went back, or was ahead: set it")
    finally:
        engine.dispose()


def _plugins() -> Iterator[Line]:
    for one in find_channels():
        about = f"plugin {one.name}"
        if isinstance(one, BrokenPlugin):
            yield about, _warning(f"of {one.distribution} is broken: {one.error}")
        else:
            kinds = ", ".join(sorted(one.cls.capabilities.kinds))
            yield about, _good(f"{one.distribution} {one.version}: {kinds}")


def _channels(loaded: Loaded, settings: Settings) -> Iterator[Line]:
    if loaded.settings is None:
        return
    uses = loaded.settings.shop.channels
    for plugin in sorted({use.through for use in uses.values()}):
        names = ", ".join(name for name, use in uses.items() if use.through == plugin)
        about = f"channel {names}"
        try:
            channel = make_plugin(plugin, settings)
        except TactfulError as error:
            yield about, _error(str(error))
            continue
        with channel:
            for finding in channel.check() or [_good(f"{plugin} is set up")]:
                yield about, finding


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.home).free
    said = f"{free / 1024**3:.1f} GiB free"
    yield _good(said) if free >= DISK_FREE_MIN else _warning(said, "make room")
