"""`tactful top`: one frame, for people and for programs; and it ends politely."""

import os
import pty
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.entry.signs import Signs
from orchestrator.model.message import State
from orchestrator.store import heartbeats
from orchestrator.store.canaries import OUT, Canary, begin
from orchestrator.store.controls import pause
from orchestrator.store.database import open_database, writing
from tests.cli.shop import ShopFolder, shop
from tests.support.databases import make_tables
from tests.watching.ledger import NOW, Ledger
from tests.watching.test_heartbeats import BEAT

__all__ = ["shop"]

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def town(
    request: pytest.FixtureRequest, shop: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> ShopFolder:
    """A shop with a bad night."""
    url = f"sqlite:///{shop.home / 't.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv("TACTFUL_DATABASE_URL", url)
    engine = open_database(url)
    make_tables(engine)
    ledger = Ledger(engine)
    ledger.add("sms", State.PLANNED, send_after=NOW - 3 * MINUTE)
    ledger.add("sms", State.SENDING, lease_until=NOW - MINUTE)
    ledger.add("email", State.UNKNOWN, lease_until=NOW + MINUTE)
    ledger.add("email", State.UNKNOWN_FINAL, ended_at=NOW - MINUTE, reason="no_answer")
    with writing(engine) as connection:
        heartbeats.beat(connection, BEAT)
        pause(connection, "campaign", "deal", "wrong prices", NOW)
    engine.dispose()
    return shop


def test_for_programs(town: ShopFolder) -> None:
    seen = town.json("top", "--once", at=NOW)
    email, sms = seen["channels"]
    assert (sms["waiting"], sms["due"], sms["lag_s"]) == (1, 1, 180)
    assert (sms["in_hand"], sms["overdue"], email["unknown"]) == (1, 1, 1)
    assert [one["worker"] for one in seen["workers"]] == ["run@here"]
    assert [one["name"] for one in seen["paused"]] == ["deal"]
    assert [one["reason"] for one in seen["trouble"]] == ["no_answer"]


def test_for_people(town: ShopFolder) -> None:
    said = " ".join(town.ok("top", "--once", at=NOW).split())
    assert "paused: campaign deal" in said
    assert "3m 0s" in said
    assert "1 held too long" in said
    assert "run@here looking 9h 0m ago 3 accepted silent" in said
    assert "no_answer" in said


def test_what_is_paused_as_a_whole_is_not_late(town: ShopFolder) -> None:
    town.ok("pause", "provider", "outbox", at=NOW)
    assert [one["lag_s"] for one in town.json("top", at=NOW)["channels"]] == [0, 0]


def test_the_status_says_why_what_is_due_does_not_leave(town: ShopFolder) -> None:
    engine = open_database(os.environ["TACTFUL_DATABASE_URL"])
    with writing(engine) as connection:
        begin(connection, [Canary("v", 0, "hello", OUT, 200, None, 60 * MINUTE, None, None)])
    engine.dispose()
    (held,) = town.json("status", at=NOW)["held_back"]
    assert (held["campaign"], held["messages"]) == ("hello", 1)
    said = " ".join(town.ok("status", at=NOW).split())
    assert "hello: 1 wait: its first 200 messages leave, and are watched for 1h" in said


@pytest.mark.parametrize("span", ["soon", "0s"])
def test_a_span_that_there_is_not(shop: ShopFolder, span: str) -> None:
    assert shop("top", f"--every={span}").exit_code == 2


def test_on_a_screen_ctrl_c_ends_it_politely(shop: ShopFolder) -> None:
    shop.ok("run", "--once")
    root = str(Path(__file__).parents[2])
    environment = {"TACTFUL_HOME": str(shop.home), "PYTHONPATH": root, "TERM": "xterm"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from orchestrator.entry.cli import main; main()"]
    with subprocess.Popen(
        [*command, "top"], env={**os.environ, **environment}, stdout=theirs, stderr=theirs
    ) as process:
        seen = b""
        while b"nobody is at work" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    os.close(ours)
    os.close(theirs)
    assert b"Traceback" not in seen


def test_run_shows_up(shop: ShopFolder) -> None:
    shop.ok("run", "--once")
    engine = open_database(str(shop.home / "var" / "tactful.db"))
    with Signs(engine, "run", timeout_s=60) as signs:
        signs.report("sending", {"accepted": 2})
        (one,) = shop.json("top")["workers"]
    engine.dispose()
    assert (one["kind"], one["doing"], one["done"]) == ("run", "sending", {"accepted": 2})
