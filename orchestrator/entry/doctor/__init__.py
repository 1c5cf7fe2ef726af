"""What `tactful doctor` looks at: whether everything is as it must be for sending."""

from collections.abc import Iterator
from typing import Any

from channels.contract import Channel, Finding
from channels.registry import Broken as BrokenPlugin
from channels.registry import find_channels
from orchestrator.entry import clock
from orchestrator.entry.doctor.database import examine_database
from orchestrator.entry.doctor.findings import Line, error, good, warning
from orchestrator.entry.doctor.machine import examine_disk, examine_machine
from orchestrator.entry.doctor.mail import examine_mail
from orchestrator.entry.doctor.queue import examine_queue
from orchestrator.entry.opening import read_folder
from orchestrator.entry.plugins import make_plugin
from orchestrator.entry.settings import Settings
from orchestrator.flow.load import Loaded
from orchestrator.flow.plugin_calls import what_broke
from orchestrator.model.errors import TactfulError


def examine(settings: Settings) -> Iterator[Line]:
    """Each finding with what it is about, in the order of looking."""
    now = clock.now()
    yield from examine_machine(now)
    loaded = read_folder(settings)
    yield from (("campaigns", one) for one in _campaigns(loaded))
    yield from examine_database(settings, now)
    if loaded.settings is None:
        yield from examine_queue(settings)
    else:
        yield from examine_queue(settings, loaded.settings.shop.channels)
    yield from _plugins()
    yield from _channels(loaded, settings)
    if loaded.settings is not None:
        yield from examine_mail(loaded.settings.shop.channels)
    yield from examine_disk(settings)


def _campaigns(loaded: Loaded) -> Iterator[Finding]:
    if loaded.problems:
        yield error(f"{len(loaded.problems)} problems", "`tactful check` names them")
    elif not loaded.versions:
        yield warning("there is none yet", "write one in campaigns/")
    else:
        yield good(f"{len(loaded.versions)} in order")
    if loaded.warnings:
        yield warning(f"{len(loaded.warnings)} warnings", "`tactful check` names them")


def _plugins() -> Iterator[Line]:
    for one in find_channels():
        about = f"plugin {one.name}"
        if isinstance(one, BrokenPlugin):
            yield about, warning(f"of {one.distribution} is broken: {one.error}")
        else:
            kinds = ", ".join(sorted(one.cls.capabilities.kinds))
            yield about, good(f"{one.distribution} {one.version}: {kinds}")


def _channels(loaded: Loaded, settings: Settings) -> Iterator[Line]:
    """Each provider's login, as far as its plugin can try it without sending."""
    if loaded.settings is None:
        return
    uses = loaded.settings.shop.channels.items()
    behind = [(plugin, name) for name, use in uses for plugin in (use.through, use.failover)]
    for plugin in sorted({plugin for plugin, _ in behind if plugin is not None}):
        names = ", ".join(name for one, name in behind if one == plugin)
        about = f"channel {names}"
        try:
            channel = make_plugin(plugin, settings)
        except TactfulError as problem:
            yield about, error(str(problem))
            continue
        for finding in _checked(channel):
            yield about, finding


def _checked(channel: Channel[Any]) -> list[Finding]:
    """What a plugin says of itself; one that breaks down over it hides nothing of the others."""
    try:
        with channel:
            found = list(channel.check()) or [good(f"{channel.name} is set up")]
    except Exception as problem:
        return [error(what_broke(channel, problem), "see its package")]
    strange = [one for one in found if not isinstance(one, Finding)]
    if strange:
        what = f"the plugin {channel.name} found {strange[0]!r}, which is no Finding"
        return [error(what, "see its package")]
    return found
