"""A plugin with a bug, installed beside Tactful: the command line says whose bug it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shop import ShopFolder

ROOT = Path(__file__).parents[2]
METADATA = "Metadata-Version: 2.1\nName: tactful-pigeon\nVersion: 1.0\n"
PIGEON = """
from channels.contract import Channel, ChannelSettings
from channels.outbox import OutboxChannel

class PigeonSettings(ChannelSettings):
    pass

class PigeonChannel(Channel[PigeonSettings]):
    name = "pigeon"
    Settings = PigeonSettings
    capabilities = OutboxChannel.capabilities

    def prepare(self, item):
        raise NotImplementedError

    def send(self, items, deadline_s, now):
        raise NotImplementedError
"""
CHECK, OPEN, MAKE = (
    "    def check(self):\n        ",
    "    def open(self):\n        ",
    "    def __init__(self, settings):\n        ",
)
LOUD = "raise KeyError('loft')"


@pytest.fixture
def shop(tmp_path: Path) -> ShopFolder:
    made = ShopFolder(tmp_path / "shop")
    made.change("campaigns/shop.yaml", "sms: {through: outbox", "sms: {through: pigeon")
    return made


def beside(
    shop: ShopFolder, tmp_path: Path, source: str, *words: str, name: str = "pigeon"
) -> tuple[int, str, str]:
    """What a command says where the package of the pigeon is installed, by this name."""
    site = tmp_path / "site"
    info = site / "tactful_pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    points = f"[tactful.channels]\n{name} = pigeon:PigeonChannel\n"
    (info / "entry_points.txt").write_text(points)
    (site / "pigeon.py").write_text(PIGEON + "\n" + source + "\n")
    path = os.pathsep.join((str(site), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", "from orchestrator.entry.cli import main; main()", *words],
        env={**os.environ, "PYTHONPATH": path, "TACTFUL_HOME": str(shop.home), "COLUMNS": "300"},
        cwd=shop.home, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (CHECK + LOUD, "the plugin pigeon broke down: KeyError: 'loft' (pigeon.py:"),
        (CHECK + "return ['all is well']", "the plugin pigeon found 'all is well', which is no"),
        (CHECK + "return None", "the plugin pigeon broke down: TypeError: 'NoneType' object"),
        (OPEN + LOUD, "the plugin pigeon broke down: KeyError: 'loft' (pigeon.py:"),
        (MAKE + LOUD, "the plugin pigeon broke down: KeyError: 'loft' (pigeon.py:"),
    ],
)
def test_the_doctor_names_it_and_looks_at_all_the_others(
    shop: ShopFolder, tmp_path: Path, source: str, said: str
) -> None:
    code, listing, complaint = beside(shop, tmp_path, source, "doctor", "--json")
    assert code == 3
    assert complaint == ""
    found = json.loads(listing)
    (sms,) = (one for one in found if one["about"] == "channel sms")
    assert (sms["level"], said in sms["what"]) == ("error", True), sms
    assert {"channel email", "disk"} <= {one["about"] for one in found}


@pytest.mark.parametrize("source", [OPEN + LOUD, MAKE + LOUD])
def test_nothing_is_sent_by_what_cannot_be_opened(
    shop: ShopFolder, tmp_path: Path, source: str
) -> None:
    code, _, complaint = beside(shop, tmp_path, source, "run", "--once")
    assert code == 3
    assert "Error: the plugin pigeon broke down: KeyError: 'loft' (pigeon.py:" in complaint


def test_a_stranger_with_a_taken_name_takes_nothing_away(tmp_path: Path) -> None:
    shop = ShopFolder(tmp_path / "shop")
    code, listing, complaint = beside(shop, tmp_path, "", "doctor", "--json", name="outbox")
    found = [(one["about"], one["level"], one["what"]) for one in json.loads(listing)]
    taken = "of tactful-pigeon is broken: the name is taken by tactful"
    assert ("plugin outbox", "warning", taken) in found
    (email,) = (one for one in found if one[0] == "channel email, sms")
    assert email[1] == "good", email
    assert (code, complaint) == (0, "")
