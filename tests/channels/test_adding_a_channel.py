"""What `tactful channel new` writes is a package that works, as ADDING_A_CHANNEL.md says."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from channels.contract import KINDS
from orchestrator.entry.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ADDING_A_CHANNEL.md").read_text(encoding="utf-8")


def tactful(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def environ(*paths: Path) -> dict[str, str]:
    path = os.pathsep.join(map(str, (*paths, ROOT)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def ran(*command: str, folder: Path, environ: dict[str, str], code: int = 0) -> str:
    """What a process of its own says, which has to end with this code."""
    done = subprocess.run(
        [sys.executable, *command],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's own example."""
    folder = tmp_path_factory.mktemp("plugin") / "tactful-carrier-pigeon"
    written = tactful("channel", "new", "carrier_pigeon", "--into", str(folder), "--json")
    assert written.exit_code == 0, written.output
    said = json.loads(written.stdout)
    assert Path(said["folder"]) == folder.resolve()
    assert all((folder / file).is_file() for file in said["files"])
    return folder


def test_it_passes_the_contract_suite_as_it_is(package: Path) -> None:
    suite = ran(
        *("-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        folder=package,
        environ=environ(package),
    )
    assert re.search(r"2\d passed", suite), suite


SLOW = """
import socket, threading
from http.client import HTTPConnection
from time import monotonic
from channels.contract_suite import NOW, ChannelContract
from tactful_carrier_pigeon.channel import CarrierPigeonChannel
from tactful_carrier_pigeon.settings import CarrierPigeonSettings

class Slow(HTTPConnection):
    def connect(self):
        super().connect()
        until = monotonic() + wait_s
        while monotonic() < until:
            pass

def serve():
    while True:
        line, _ = door.accept()
        heard.append(line.recv(65536))
        if heard[-1]:
            threading.Event().wait(0.3)
            line.sendall(b'HTTP/1.1 201 Created\\r\\nContent-Length: 11\\r\\n\\r\\n{"id": "M"}')
        line.close()

door, heard = socket.create_server(("127.0.0.1", 0)), []
threading.Thread(target=serve, daemon=True).start()
port = door.getsockname()[1]
wanted = CarrierPigeonSettings(host="127.0.0.1", port=port, tls=False, token="s3cret-token")
channel = CarrierPigeonChannel(wanted)
channel._line = lambda timeout_s: Slow("127.0.0.1", port, timeout=timeout_s)
for wait_s in (0.2, 0.0):
    (told,) = channel.send([ChannelContract().item(channel)], 0.1, NOW)
    print(type(told).__name__, len([one for one in heard if one]))
"""


def test_it_keeps_the_deadline_and_waits_for_the_answer(package: Path) -> None:
    """Whoever connects too late writes nothing; who has written in time hears the answer."""
    said = ran("-c", SLOW, folder=package, environ=environ(package)).splitlines()
    assert said == ["Deferred 0", "Accepted 1"]


def test_a_secret_that_is_set_to_nothing_is_missing(package: Path) -> None:
    look = (
        "from channels.settings import load_settings as load; "
        "from tactful_carrier_pigeon.channel import CarrierPigeonChannel as C; "
        "given = {'TACTFUL_CARRIER_PIGEON_TOKEN': '', 'TACTFUL_CARRIER_PIGEON_HOST': ''}; "
        "print(*(one.field for one in load(C, {}, given)))"
    )
    assert ran("-c", look, folder=package, environ=environ(package)).split() == ["token", "host"]


def test_installed_beside_tactful_the_doctor_lists_it(package: Path, tmp_path: Path) -> None:
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    wheel = ran("-c", build, str(tmp_path), folder=package, environ=environ()).split()[-1]
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / wheel) as packed:
        packed.extractall(site)
    home = tmp_path / "shop"
    home.mkdir()
    listing = ran(
        *("-c", "from orchestrator.entry.cli import main; main()", "doctor", "--json"),
        folder=home,
        environ={**environ(site), "TACTFUL_HOME": str(home)},
        code=3,  # there is no shop here
    )
    (found,) = (one for one in json.loads(listing) if one["about"] == "plugin carrier_pigeon")
    assert (found["level"], found["what"]) == ("good", "tactful-carrier-pigeon 0.1.0: sms")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_may_carry_whatever_campaigns_write(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "new"
    assert tactful("channel", "new", "pigeon", "--kind", kind, "--into", str(folder)).exit_code == 0
    look = (
        "from tactful_pigeon.channel import PigeonChannel as C; "
        "print(C.name, *C.capabilities.kinds, *sorted(next(iter(C.capabilities.parts.values()))))"
    )
    said = ran("-c", look, folder=folder, environ=environ(folder)).split()
    assert said == ["pigeon", kind, *sorted(KINDS[kind].parts)]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("new", "Pigeon"), "is no name for a channel"),
        (("new", "class"), "is no name for a channel"),
        (("new", "a__b"), "is no name for a channel"),
        (("new", "../pigeon"), "is no name for a channel"),
        (("new", "x" * 41), "is no name for a channel"),
        (("new", "outbox"), "there is a channel 'outbox' already"),
        (("new", "pigeon", "--kind", "smoke"), "there is no kind 'smoke'"),
        (("old", "pigeon"), "did you mean `channel new`?"),
        (("new", "pigeon", "--into", str(ROOT / "channels" / "pigeon")), "outside Tactful"),
    ],
)
def test_what_it_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = tactful("channel", *words)
    assert told.exit_code == 2
    assert why in " ".join(told.output.split())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("here")
    assert tactful("channel", "new", "pigeon", "--into", str(tmp_path)).exit_code == 2
    assert list(tmp_path.iterdir()) == [mine]


def test_the_page_names_what_is_written(package: Path) -> None:
    named = set(re.findall(r"^\| `([\w/.]+)` \|", PAGE, re.MULTILINE))
    written = {
        path.relative_to(package).as_posix() for path in package.rglob("*.*") if path.is_file()
    }
    ours = {one for one in written if "__" not in one and not one.startswith("README")}
    assert named == ours
    kinds = set(re.findall(r"`(\w+)`", PAGE.partition("The kinds are")[2].partition(".")[0]))
    assert kinds == KINDS.keys()
