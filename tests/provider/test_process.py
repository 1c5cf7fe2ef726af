"""The provider and its channel in processes of their own, as chaos and benchmarks use them."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from channels.contract import Accepted, Unknown
from channels.contract_suite import DEADLINE_S, NOW
from tests.provider.channel import RecordingChannel, RecordingSettings
from tests.provider.plugin import make_plugin_path
from tests.provider.running import ROOT, provider_process
from tests.provider.test_channel import attempt, text


def test_it_is_killed_and_started_again_on_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with provider_process(log, "--faults", "accept_then_drop#2", "--seed", "1") as first:
        settings = RecordingSettings(url=first.http_url, settle_s=0)
        with RecordingChannel(settings) as channel:
            outcomes = channel.send([text(1)], DEADLINE_S, NOW)
            outcomes += channel.send([text(2)], DEADLINE_S, NOW)
        assert [type(one) for one in outcomes] == [Accepted, Unknown]
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
        assert [one.stable_id for one in first.log] == ["shop.1", "shop.2"]
    port = first.http_url.rpartition(":")[2]
    with provider_process(log, "--http", port) as second:
        assert second.http_url == first.http_url
        with RecordingChannel(settings) as channel:
            assert channel.find(attempt(text(2))) == Accepted("rec2")
            assert channel.send([text(3)], DEADLINE_S, NOW) == [Accepted("rec3")]
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(10) == 0
    assert len(second.log) == 3


@pytest.mark.parametrize("wrong", ["--faults=droop", "--callbacks=no"])
def test_a_wrong_wish_is_said_at_the_start(tmp_path: Path, wrong: str) -> None:
    command = [sys.executable, "-m", "tests.provider", "--log", str(tmp_path / "log"), wrong]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert wrong.partition("=")[2] in run.stderr


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A killed test run leaves no provider behind."""
    started = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'tests.provider',"
        f"'--with-parent', '--log', {str(tmp_path / 'log')!r}], stdout=subprocess.PIPE);"
        "print(p.stdout.readline().decode(), flush=True); sys.stdin.read()"
    )
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", started], cwd=ROOT, stdin=read, stdout=subprocess.PIPE, text=True
    ) as parent:
        os.close(read)
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        watched = os.pidfd_open(pid)
        parent.kill()
    os.close(write)
    try:
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        assert poll.poll(10_000), "the provider outlives its parent"
    finally:
        os.close(watched)


def test_a_process_elsewhere_finds_the_channels_by_their_entry_points(tmp_path: Path) -> None:
    path = make_plugin_path(tmp_path / "plugins")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TACTFUL_RECORDING_URL": "http://127.0.0.1:9",
        "TACTFUL_RECORDING_PER_REQUEST": "50",
    }
    listing = (
        "import os; from channels.registry import *; from channels.settings import load_settings;"
        "found = installed(find_channels()); one = found['recording'];"
        "print(one.distribution, load_settings(one.cls, {}, os.environ).per_request,"
        "found['recording_key'].cls.capabilities.idempotency.ttl)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", listing],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.stdout == "tactful-recording 50 1 day, 0:00:00\n", run.stderr
