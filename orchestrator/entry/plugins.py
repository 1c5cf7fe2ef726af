"""The channels of a shop: its words for them, the plugins behind, and their settings."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from channels.contract import Channel
from channels.outbox import OutboxChannel, OutboxSettings
from channels.registry import Broken as BrokenPlugin
from channels.registry import Installed, find_channels, installed
from channels.settings import SettingProblem, load_settings
from orchestrator.entry.settings import Settings
from orchestrator.flow.plugin_calls import what_broke
from orchestrator.model.errors import Broken
from orchestrator.model.shop import Shop

OUTBOX = OutboxChannel.name


def plugin_names() -> Collection[str]:
    """The plugins that can be used."""
    return set(installed(find_channels()))


def make_plugin(name: str, settings: Settings) -> Channel[Any]:
    """One plugin with its settings, not opened yet. Raises Broken, saying what to set."""
    listed = find_channels()
    # Of several by one name, the one that works: whoever came too late takes nothing away.
    found = {**{one.name: one for one in listed}, **installed(listed)}
    one = found.get(name)
    if one is None:
        raise Broken(f"there is no channel plugin {name!r}; installed: {', '.join(sorted(found))}")
    if isinstance(one, BrokenPlugin):
        raise Broken(f"the channel plugin {name} of {one.distribution} is broken: {one.error}")
    return _with_settings(one, settings)


def _with_settings(one: Installed, settings: Settings) -> Channel[Any]:
    written = {"folder": settings.var / OUTBOX} if one.name == OUTBOX else {}
    try:
        return _made(one, written)
    except Broken:
        raise
    except Exception as error:
        raise Broken(what_broke(one.cls, error)) from error


def _made(one: Installed, written: Mapping[str, object]) -> Channel[Any]:
    loaded = load_settings(one.cls, written, os.environ)
    if isinstance(loaded, list):
        prefix = f"TACTFUL_{one.name}_".upper()
        said = [_by_variable(problem, prefix) for problem in loaded]
        raise Broken(f"the channel plugin {one.name} is not set up: {'; '.join(said)}")
    return one.cls(loaded)


def _by_variable(problem: SettingProblem, prefix: str) -> str:
    """With the whole name of what is to be set, ready to be copied."""
    if not problem.field:
        return f"{problem}; set {prefix}…"
    return str(replace(problem, field=f"{prefix}{problem.field.upper()}"))


@dataclass(frozen=True, slots=True)
class OpenChannels:
    """By the shop's names: what sends, and what sends while that fails."""

    channels: Mapping[str, Channel[Any]]
    failovers: Mapping[str, Channel[Any]]


@contextmanager
def open_channels(shop: Shop, settings: Settings) -> Iterator[OpenChannels]:
    """The shop's channels, open; those that go through one plugin share it."""
    uses = shop.channels.items()
    first = {name: use.through for name, use in uses}
    second = {name: use.failover for name, use in uses if use.failover is not None}
    with ExitStack() as stack:
        plugins = {
            name: stack.enter_context(_open(make_plugin(name, settings)))
            for name in sorted({*first.values(), *second.values()})
        }
        yield OpenChannels(
            {name: plugins[plugin] for name, plugin in first.items()},
            {name: plugins[plugin] for name, plugin in second.items()},
        )


@contextmanager
def _open(plugin: Channel[Any]) -> Iterator[Channel[Any]]:
    try:
        plugin.open()
    except Exception as error:
        raise Broken(what_broke(plugin, error)) from error
    with closing(plugin):
        yield plugin


def listening_plugins(shop: Shop, settings: Settings) -> dict[str, Channel[Any]]:
    """The plugins of a shop that take callbacks, by their own names; none of them is opened.

    Raises Broken for one that is not set up: whoever cannot verify must not listen.
    """
    used = {name for use in shop.channels.values() for name in (use.through, use.failover) if name}
    known = installed(find_channels())
    return {
        name: make_plugin(name, settings)
        for name in sorted(used)
        if name in known and known[name].cls.capabilities.callback
    }


def rehearsal_channels(
    shop: Shop, settings: Settings
) -> tuple[dict[str, Channel[Any]], dict[str, str]]:
    """The shop's channels, to see what they would write; nothing is opened.

    A plugin that is not set up is stood in for by the outbox. The second answer says why, by the
    name of the channel.
    """
    channels: dict[str, Channel[Any]] = {}
    stand_ins: dict[str, str] = {}
    for name, use in shop.channels.items():
        try:
            channels[name] = make_plugin(use.through, settings)
        except Broken as error:
            channels[name] = OutboxChannel(OutboxSettings(folder=settings.var / OUTBOX))
            stand_ins[name] = str(error)
    return channels, stand_ins
