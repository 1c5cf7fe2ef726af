"""`tactful run`: what is due leaves, once; and it ends politely."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.flow.lessons import learn_from_import
from orchestrator.flow.load import load
from orchestrator.store.database import open_database
from tests.cli.shop import NIGHT, NOW, ShopFolder

MINUTE = timedelta(minutes=1)
_ON_A_TERMINAL = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
COMMAND = [sys.executable, "-c", "from orchestrator.entry.cli import main; main()"]


@pytest.fixture
def waiting(shop: ShopFolder) -> ShopFolder:
    """The campaigns are at work, and Ann has signed up since."""
    shop.sell_tea()
    shop.add_customer()
    shop.put_to_work(NOW)
    shop.happen("ann", at=NOW + MINUTE)
    return shop


def test_once(waiting: ShopFolder) -> None:
    said = waiting.ok("run", "--once", at=NOW + 2 * MINUTE)
    assert "planned 1 hello; 1 accepted" in said
    (record,) = waiting.sent()
    assert (record.address, record.subject) == ("ann@example.com", "Hello from Corner Shop")


def test_again_sends_nothing_again(waiting: ShopFolder) -> None:
    waiting.ok("run", "--once", at=NOW + 2 * MINUTE)
    assert "nothing was due" in waiting.ok("run", "--once", at=NOW + 3 * MINUTE)
    assert len(waiting.sent()) == 1


def test_as_json_it_is_a_line_for_each_look(waiting: ShopFolder) -> None:
    said = waiting.ok("run", "--once", "--json", at=NOW + 2 * MINUTE)
    (line,) = map(json.loads, said.splitlines())
    assert (line["planned"], line["sent"]) == ({"hello": 1}, {"accepted": 1})


def test_what_is_held_overnight_leaves_in_the_morning(waiting: ShopFolder) -> None:
    waiting.happen("ann", at=NIGHT)
    waiting.ok("run", "--once", at=NIGHT + MINUTE)
    assert len(waiting.sent()) == 0
    waiting.ok("run", "--once", at=NIGHT + timedelta(hours=10, minutes=10))
    assert len(waiting.sent()) == 1


def test_a_halted_campaign_is_told_of(waiting: ShopFolder) -> None:
    waiting.change_campaign("hello", "max_audience: 50", "max_audience: 1")
    waiting.add_customer("bob")
    waiting.happen("bob", at=NOW + MINUTE)
    result = waiting("run", "--once", at=NOW + 2 * MINUTE)
    assert result.exit_code == 0
    assert "hello is paused: it would reach 2 customers" in result.stderr
    assert "tactful resume campaign hello" in result.stderr
    assert waiting.sent() == []


def test_wrong_files_send_nothing(waiting: ShopFolder) -> None:
    waiting.change_campaign("deal", "topic: offers", "topic: offer")
    result = waiting("run", "--once", at=NOW + 2 * MINUTE)
    assert result.exit_code == 1
    assert waiting.sent() == []


@pytest.mark.parametrize("span", ["soon", "0s", "-5s"])
def test_a_span_that_there_is_not(shop: ShopFolder, span: str) -> None:
    result = shop("run", "--once", f"--every={span}")
    assert result.exit_code == 2
    assert "--every" in result.stderr


def test_a_channel_that_is_not_set_up(shop: ShopFolder) -> None:
    shop.change("campaigns/shop.yaml", "email: {through: outbox", "email: {through: email_smtp")
    result = shop("run", "--once")
    assert result.exit_code == 3
    assert "email_smtp is not set up" in result.stderr
    assert "TACTFUL_EMAIL_SMTP_HOST: is not set" in result.stderr


def test_settings_of_a_channel_that_belong_together(
    shop: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.change("campaigns/shop.yaml", "email: {through: outbox", "email: {through: email_smtp")
    monkeypatch.setenv("TACTFUL_EMAIL_SMTP_HOST", "localhost")
    monkeypatch.setenv("TACTFUL_EMAIL_SMTP_LOGIN", "shop")
    told = shop("run", "--once").stderr
    assert "login and password go together; set TACTFUL_EMAIL_SMTP_…" in " ".join(told.split())


def test_purchases_are_learned_from_once_a_day(shop: ShopFolder) -> None:
    assert "learned from purchases" in shop.ok("run", "--once")
    assert "learned from purchases" not in shop.ok("run", "--once", at=NOW + MINUTE)
    assert "learned from purchases" in shop.ok("run", "--once", at=NOW + timedelta(days=1))


@pytest.mark.parametrize("workers", [False, True])
def test_what_was_imported_is_learned_from_by_the_import_or_by_workers(
    shop: ShopFolder, workers: bool
) -> None:
    shop.ok("run", "--once")
    engine = open_database(shop.url)
    settings = load(shop.home).settings
    assert settings is not None
    learn_from_import(engine, settings.shop, "events", NOW + MINUTE, at_once=not workers)
    engine.dispose()
    told = " ".join(shop.ok("run", "--once", at=NOW + 2 * MINUTE).split())
    assert ("what sells most" in told) == workers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_politely(shop: ShopFolder, number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND[:2], _ON_A_TERMINAL + COMMAND[2], "run", "--every", "1h", "--json"],
        env=_environment(shop.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())  # one look was had, and it waits for the next
        assert first["sent"] == {}
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_it_waits_for_whoever_else_holds_the_database(shop: ShopFolder) -> None:
    """Such as a long `tactful plan`, or somebody's own transaction."""
    soon = (
        "from orchestrator.store import database\n"
        "database.open_database.__kwdefaults__['busy_timeout_ms'] = 20\n"
    )
    with subprocess.Popen(
        [*COMMAND[:2], soon + COMMAND[2], "run", "--every", "1s", "--json"],
        env=_environment(shop.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["sent"] == {}
        with closing(sqlite3.connect(shop.home / "var/tactful.db", timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            told = iter(process.stderr.readline, "")
            why = next(json.loads(line)["why"] for line in told if "looking again" in line)
        while "{" not in process.stdout.readline():  # it looks again
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert (process.returncode, why) == (0, "database is locked")


def test_as_a_real_process(shop: ShopFolder) -> None:
    done = subprocess.run(
        [*COMMAND, "run", "--once"],
        env=_environment(shop.home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was due" in done.stdout
    assert (shop.home / "var" / "tactful.db").exists()


def _environment(home: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "TACTFUL_HOME": str(home), "PYTHONPATH": root}
