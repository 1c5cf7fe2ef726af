"""Logs: one JSON object a line, nothing personal, no secrets, each failure once."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from orchestrator.entry import logs
from orchestrator.entry.logs import HIDDEN, bound, get_logger, hide, start_logs
from orchestrator.store.database import open_database
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]


class Written:
    """What was logged since."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def one(self) -> dict[str, Any]:
        (line,) = self.lines()
        return line


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_secrets", set())
    yield
    logging.captureWarnings(False)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def written() -> Written:
    stream = io.StringIO()
    start_logs(stream=stream, environ={})
    return Written(stream)


def test_a_line_is_an_object_with_when_how_grave_and_what(written: Written) -> None:
    with bound(worker="run@here", channel="sms"):
        get_logger("tactful.run").info("batch sent", accepted=500)
    line = written.one()
    assert list(line)[:3] == ["at", "level", "event"]
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "event": "batch sent",
        "logger": "tactful.run",
        "worker": "run@here",
        "channel": "sms",
        "accepted": 500,
    }


def test_what_is_bound_ends_with_its_block(written: Written) -> None:
    with bound(campaign="hello"):
        pass
    get_logger("x").info("after")
    assert "campaign" not in written.one()


def test_what_libraries_log_comes_the_same_way(written: Written) -> None:
    with bound(task="dispatch"):
        logging.getLogger("celery.worker").warning("lost %s", "the broker", extra={"tries": 3})
    line = written.one()
    assert (line["event"], line["level"]) == ("lost the broker", "warning")
    assert (line["logger"], line["task"], line["tries"]) == ("celery.worker", "dispatch", 3)


@pytest.mark.parametrize("logger", [get_logger("a"), logging.getLogger("a")])
def test_a_failure_is_one_line_with_its_traceback(written: Written, logger: Any) -> None:
    try:
        raise ValueError("no such\nthing")
    except ValueError:
        logger.exception("it failed")
    line = written.one()
    assert (line["level"], line["event"]) == ("error", "it failed")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].count("ValueError: no such\nthing") == 1


@pytest.mark.parametrize(
    "key", ["password", "smtp_password", "API-KEY", "apikey", "authorization", "token", "secret"]
)
def test_secrets_are_known_by_their_names(written: Written, key: str) -> None:
    key = key.replace("-", "_")
    get_logger("x").info("signing in", **{key: "s3cr3t", "settings": {key: "s3cr3t"}})
    assert written.one()[key] == HIDDEN
    assert "s3cr3t" not in written.stream.getvalue()


class Login(BaseModel):
    user: str = "ann-the-admin"
    password: SecretStr = SecretStr("correct-horse")


def test_secrets_are_known_by_their_values(written: Written) -> None:
    hide(Login(), "postgresql://me:pa55word@db/x", "redis://:hunter22@cache")
    try:
        raise RuntimeError("login 'correct-horse' refused, nor pa55word")
    except RuntimeError:
        get_logger("x").exception("ann-the-admin tried hunter22", tried=["hunter22"])
    said = written.stream.getvalue()
    assert [word for word in ("correct-horse", "pa55word", "hunter22") if word in said] == []
    assert "ann-the-admin" in said


def test_the_password_of_any_url_is_hidden(written: Written) -> None:
    get_logger("x").info("cannot open amqp://me:unheard@host/1", dsn="redis://:alsoso@h:1/0")
    line = written.one()
    assert line["event"] == f"cannot open amqp://me:{HIDDEN}@host/1"
    assert line["dsn"] == f"redis://:{HIDDEN}@h:1/0"


def test_a_short_secret_does_not_blot_out_words(written: Written) -> None:
    hide("at")
    get_logger("x").info("that is that")
    assert written.one()["event"] == "that is that"


@pytest.mark.parametrize(
    "said",
    [
        "550 ann.o'neil+shop@example.com: no such mailbox",
        "cannot reach +1 (212) 555-0101",
        "To: +442079460000",
    ],
)
def test_addresses_are_known_by_their_looks(written: Written, said: str) -> None:
    get_logger("x").warning(said, said=[said])
    assert HIDDEN in written.one()["event"]
    shown = written.stream.getvalue()
    assert [part for part in ("example.com", "0101", "442079") if part in shown] == []


def test_what_looks_like_none_stays(written: Written) -> None:
    said = "at 2026-11-22T10:00:00+00:00 message 442079460000 on sms@host"
    get_logger("x").info(said, took_s=1.5, none=None, sure=True)
    line = written.one()
    assert line["event"] == said
    assert (line["took_s"], line["none"], line["sure"]) == (1.5, None, True)


@pytest.mark.parametrize("key", ["email", "phone", "address", "subject", "text", "traits"])
def test_personal_data_is_known_by_its_names(written: Written, key: str) -> None:
    get_logger("x").info("seen", message_id=7, **{key: "Ann Oneil"})
    assert (written.one()[key], written.one()["message_id"]) == (HIDDEN, 7)


def test_what_a_statement_was_given_is_not_told(written: Written) -> None:
    engine = create_engine("sqlite://")
    given = {"n": "Ann Oneil"}
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE n = :n"), given)
    except OperationalError:
        get_logger("x").exception("the database failed")
    engine.dispose()
    line = written.one()
    assert "SELECT * FROM nowhere" in line["exception"]
    assert "Oneil" not in line["exception"]


def test_the_row_that_postgresql_refuses_is_not_told(written: Written, postgres_url: str) -> None:
    """Also where Celery has made a text of the error, with its quotes, before it is logged."""
    engine = open_database(postgres_url)
    refused = {"it": "Ann Secrecy\n\nof 5 Hidden Lane"}
    shop_files = text("INSERT INTO shops (digest, files, created_at) VALUES (:it, NULL, NULL)")
    try:
        with engine.begin() as connection:
            connection.execute(shop_files, refused)
    except IntegrityError as error:
        get_logger("x").exception(f"Task tactful.decide[6e1f] raised unexpected: {error!r}")
    engine.dispose()
    (said,) = written.lines()
    assert "violates not-null constraint" in said["event"]
    assert "violates not-null constraint" in said["exception"]
    assert "NotNullViolation" in said["exception"]
    assert "INSERT INTO shops" in said["exception"]
    assert "Ann" not in str(said)
    assert "Hidden Lane" not in str(said)


@pytest.mark.parametrize("ends", [False, True])
def test_a_server_that_is_away_is_told_in_a_sentence(
    written: Written, postgres_url: str, ends: bool
) -> None:
    """It is told again and again, by everybody: a traceback each time would hide all else."""
    url = f"postgresql+psycopg://me@127.0.0.1:{free_port()}/nowhere"
    engine = open_database(postgres_url) if ends else create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    except OperationalError:
        get_logger("x").warning("the database is away", exc_info=True)
    engine.dispose()
    line = written.one()
    assert "exception" not in line
    assert ("terminating connection" if ends else "refused") in line["why"]
    assert "\n" not in line["why"]


def test_on_a_screen_it_is_for_people() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    start_logs(stream=stream, environ={})
    get_logger("tactful").info("ready", password="s3cr3t", port=80)
    said = stream.getvalue()
    assert "ready" in said
    assert "s3cr3t" not in said
    assert not said.startswith("{")


@pytest.mark.parametrize(("asked", "first"), [("json", "{"), ("text", "2")])
def test_the_environment_says_which(asked: str, first: str) -> None:
    stream = io.StringIO()
    start_logs(stream=stream, environ={"TACTFUL_LOG": asked, "TACTFUL_LOG_LEVEL": "warning"})
    get_logger("x").info("not this")
    get_logger("x").warning("but this")
    (line,) = stream.getvalue().splitlines()
    assert line.startswith(first)
    assert "but this" in line


def test_started_twice_a_line_comes_once(written: Written) -> None:
    again = io.StringIO()
    start_logs(stream=again, environ={})
    get_logger("x").info("once")
    assert written.lines() == []
    assert len(again.getvalue().splitlines()) == 1


CELERY = """
from celery import Celery
from orchestrator.entry.logs import start_celery_logs
app = Celery(broker="memory://")
app.conf.task_always_eager = True
start_celery_logs()
app.log.setup(loglevel="INFO")

@app.task(name="dispatch")
def dispatch():
    raise ValueError("for ann@example.com")

@app.task(name="plan")
def plan():
    from orchestrator.entry.logs import get_logger
    get_logger("tactful").info("planned")

dispatch.delay()
plan.delay()
"""


def test_celery_logs_here_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CELERY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (failed,) = (line for line in lines if line["level"] == "error")
    (planned,) = (line for line in lines if line["logger"] == "tactful")
    assert failed["task"] == "dispatch"
    assert failed["exception"].endswith(f"ValueError: for {HIDDEN}")
    assert "data" not in failed
    assert (planned["event"], planned["task"]) == ("planned", "plan")
    assert planned["task_id"] != failed["task_id"]
    assert done.stderr.count("Traceback") == 1
