"""Plugins in real packages on a real path, good ones and all kinds of bad ones."""

import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from channels.outbox import OutboxChannel
from channels.registry import GROUP, Broken, Installed, find_channels, installed

GOOD = """
from channels.contract import *
class Good(Channel[ChannelSettings]):
    name = "{name}"
    Settings = ChannelSettings
    capabilities = Capabilities(frozenset({{"sms"}}), {{"sms": frozenset({{"text"}})}}, 1, None,
                                None, False, False, False, None, None)
    def prepare(self, item): ...
    def send(self, items, deadline_s, now): ...
"""


class Site:
    """A folder of installed packages, as pip would leave them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, package: str, point: str, source: str, cls: str = "Good") -> None:
        module = package.replace("-", "_")
        (self.path / f"{module}.py").write_text(source)
        info = self.path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{point} = {module}:{cls}\n")

    def find(self) -> dict[tuple[str, str], Installed | Broken]:
        points = [
            point
            for distribution in distributions(path=[str(self.path)])
            for point in distribution.entry_points.select(group=GROUP)
        ]
        return {(one.name, one.distribution): one for one in find_channels(points)}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "modules", {name: sys.modules[name] for name in before})
    return Site(tmp_path)


def test_our_own_channels_are_found_as_a_strangers_are() -> None:
    found = installed(find_channels())
    assert found["outbox"].cls is OutboxChannel
    assert found["outbox"].distribution == "tactful"
    assert "email_smtp" in found


def test_a_strangers_channel_is_found_with_its_package(site: Site) -> None:
    site.add("carrier-pigeons", "pigeon", GOOD.format(name="pigeon"))
    (one,) = site.find().values()
    assert isinstance(one, Installed)
    assert (one.name, one.distribution, one.version) == ("pigeon", "carrier-pigeons", "1.2")
    assert one.cls.name == "pigeon"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("def (", "SyntaxError"),
        ("raise RuntimeError('out of grain')", "out of grain"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("class Good: pass", "no subclass"),
        ("Good = 7", "no subclass"),
        ("x = 1", "AttributeError"),
        (GOOD.format(name="other"), "calls itself 'other'"),
        (GOOD.format(name="bad").replace("    def prepare", "    def prepared"), "prepare"),
        (GOOD.format(name="bad").replace("    capabilities", "    capability"), "capabilities"),
        (GOOD.format(name="bad").replace('"sms"', '"smoke"'), "smoke"),
    ],
)
def test_a_broken_plugin_is_listed_and_stops_nobody(site: Site, source: str, said: str) -> None:
    site.add("bad-birds", "bad", source)
    site.add("good-birds", "good", GOOD.format(name="good"))
    found = site.find()
    bad = found["bad", "bad-birds"]
    assert isinstance(bad, Broken)
    assert said in bad.error
    assert isinstance(found["good", "good-birds"], Installed)


def test_the_later_of_two_with_one_name_is_broken(site: Site) -> None:
    site.add("zoo", "outbox", GOOD.format(name="outbox"))
    site.add("tactful", "outbox", GOOD.format(name="outbox"))
    found = site.find()
    assert isinstance(found["outbox", "tactful"], Installed)
    late = found["outbox", "zoo"]
    assert isinstance(late, Broken)
    assert "tactful" in late.error


def test_a_broken_one_does_not_hold_its_name(site: Site) -> None:
    site.add("aviary", "bird", "raise ValueError('moult')")
    site.add("birds", "bird", GOOD.format(name="bird"))
    assert isinstance(site.find()["bird", "birds"], Installed)
