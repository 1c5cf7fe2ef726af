"""`tactful run` as a service: what it logs, who sees it at work, and how it fails."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.store import heartbeats
from orchestrator.store.database import open_database, reading, writing
from tests.cli.shop import ShopFolder, shop

__all__ = ["shop"]

COMMAND = [sys.executable, "-c", "from orchestrator.entry.cli import main; main()"]


@contextmanager
def running(home: Path, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "TACTFUL_HOME": str(home), "PYTHONPATH": root, **more}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "run", *words], env=environment, text=True, **pipes) as one:
        try:
            yield one
        finally:
            one.kill()


def test_as_a_service_it_logs_what_each_look_came_to(shop: ShopFolder) -> None:
    """Ann signs up once the campaigns are at work, by the real clock."""
    shop.add_customer()
    with running(shop.home, "--every", "1s", "--json", TACTFUL_LOG_LEVEL="info") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        engine = open_database(str(shop.home / "var" / "tactful.db"))
        with reading(engine) as connection:
            (beat,) = heartbeats.everyone(connection)
        assert (beat.kind, beat.pid) == ("run", process.pid)
        assert beat.doing in {"looking", "waiting"}
        shop.happen("ann", at=datetime.fromisoformat(first["at"]))
        line = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
        with reading(engine) as connection:
            assert heartbeats.everyone(connection) == []
        engine.dispose()
    assert (line["event"], line["logger"]) == ("looked", "tactful.run")
    assert line["planned"] == {"hello": 1}


def test_a_failure_is_one_line_with_its_traceback(shop: ShopFolder) -> None:
    shop.ok("run", "--once")
    with running(shop.home, "--every", "1s") as process:
        assert process.stdout is not None
        assert "campaigns at work" in process.stdout.readline()
        engine = open_database(str(shop.home / "var" / "tactful.db"))
        with writing(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE controls RENAME TO elsewhere")
        engine.dispose()
        _, errors = process.communicate(timeout=60)
    lines = [json.loads(line) for line in errors.splitlines()]
    assert process.returncode == 3
    (failed,) = (line for line in lines if line["level"] == "error")
    assert failed["event"] == "stopped by a failure"
    assert "no such table: controls" in failed["exception"]
    assert (
        errors.count("Traceback (most recent call last)") <= 2
    )  # the driver's, and ours around it
