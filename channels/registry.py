"""Finds the installed channels: ours as a stranger's, by entry points.

A package offers a channel with

    [project.entry-points."tactful.channels"]
    carrier_pigeon = "pigeons.channel:PigeonChannel"

A plugin that cannot be loaded is listed as broken, with its error, and never stops the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from channels.contract import KINDS, Capabilities, Channel, ChannelSettings

GROUP = "tactful.channels"


@dataclass(frozen=True, slots=True)
class Installed:
    """A channel that can be used, and the package it comes from."""

    name: str
    distribution: str
    version: str
    cls: type[Channel[Any]]


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point behind which there is no usable channel."""

    name: str
    distribution: str
    error: str


def find_channels(points: Iterable[EntryPoint] | None = None) -> list[Installed | Broken]:
    """Every channel in the environment, by name; `points` replaces the environment's entry points.

    Of two with one name the first is taken – Tactful's own before a stranger's, then by the name
    of the package – and the later is broken.
    """
    found: list[Installed | Broken] = []
    names: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=_order):
        package, version = _package(point)
        if point.name in names:
            error = f"the name is taken by {names[point.name]}"
            found.append(Broken(point.name, package, error))
            continue
        result = _load(point, package, version)
        if isinstance(result, Installed):
            names[point.name] = package
        found.append(result)
    return found


def installed(found: Iterable[Installed | Broken]) -> dict[str, Installed]:
    """The usable ones, by name."""
    return {one.name: one for one in found if isinstance(one, Installed)}


def _order(point: EntryPoint) -> tuple[str, bool, str]:
    package, _ = _package(point)
    return point.name, package != "tactful", package


def _package(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "unknown")


def _load(point: EntryPoint, package: str, version: str) -> Installed | Broken:
    try:
        cls = point.load()
        fault = _fault(point.name, cls)
    # Importing a stranger's module may do anything, up to sys.exit; none of it is our end.
    except (Exception, SystemExit) as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        return Broken(point.name, package, fault)
    return Installed(point.name, package, version, cls)


def _fault(name: str, cls: Any) -> str:
    if not (isinstance(cls, type) and issubclass(cls, Channel)):
        return "it is no subclass of channels.contract.Channel"
    left_out = sorted(getattr(cls, "__abstractmethods__", ()))
    left_out += [part for part in ("name", "Settings", "capabilities") if not hasattr(cls, part)]
    if left_out:
        return f"it leaves out {', '.join(left_out)}"
    if cls.name != name:
        return f"it calls itself {cls.name!r}, but its entry point {name!r}"
    if not issubclass(cls.Settings, ChannelSettings):
        return "its Settings are no subclass of channels.contract.ChannelSettings"
    if not isinstance(cls.capabilities, Capabilities):
        return "its capabilities are no channels.contract.Capabilities"
    strange = sorted(cls.capabilities.kinds - KINDS.keys())
    return f"it carries kinds that do not exist: {', '.join(strange)}" if strange else ""
