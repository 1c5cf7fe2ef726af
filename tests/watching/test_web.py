"""Health, readiness and metrics over real HTTP, and a polite end."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn

from orchestrator.entry.web.app import Site, make_app
from orchestrator.store.database import open_database, writing
from tests.cli.shop import ShopFolder, shop
from tests.servers import Postgres
from tests.servers.ports import free_port
from tests.servers.shared import clone, drop, worker_number
from tests.support.databases import make_tables

__all__ = ["shop"]

COMMAND = [sys.executable, "-c", "from orchestrator.entry.cli import main; main()"]


def ask(port: int, path: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@contextmanager
def answering(site: Site) -> Iterator[int]:
    """The application on a free port, in a thread."""
    port = free_port()
    config = uvicorn.Config(make_app(site), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        yield port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    on_sqlite = request.param == "sqlite"
    url = str(tmp_path / "t.db") if on_sqlite else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    make_tables(engine)
    yield Site(engine)
    engine.dispose()


def test_alive_ready_and_measured(site: Site) -> None:
    with answering(site) as port:
        assert ask(port, "/health")[::2] == (200, "alive\n")
        status, _, body = ask(port, "/ready")
        assert (status, json.loads(body)) == (200, {"ready": True, "because": []})
        status, headers, body = ask(port, "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        assert "tactful_database_up 1.0" in body.splitlines()
        assert ask(port, "/nowhere")[0] == 404


def test_metrics_in_the_form_that_is_asked_for(site: Site) -> None:
    with answering(site) as port:
        _, headers, body = ask(port, "/metrics", Accept="application/openmetrics-text")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def why_not(port: int) -> str:
    status, _, body = ask(port, "/ready")
    assert status == 503
    said: dict[str, Any] = json.loads(body)
    assert said["ready"] is False
    return str(said["because"])


def test_not_ready_while_draining(site: Site) -> None:
    with answering(site) as port:
        site.draining.set()
        assert "about to end" in why_not(port)
        assert ask(port, "/health")[0] == 200


def test_not_ready_with_another_schema(site: Site) -> None:
    with writing(site.engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with answering(site) as port:
        status = ask(port, "/ready")[0]
        assert status == 200  # a newer one, as far as this code can tell
        with writing(site.engine) as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version")
        assert "no revision is noted" in why_not(port)


def test_not_ready_without_its_database(postgres_server: Postgres) -> None:
    name = f"going_{worker_number() or 0}"
    engine = open_database(clone(postgres_server, name))
    with answering(Site(engine)) as port:
        assert ask(port, "/ready")[0] == 200
        drop(postgres_server, name)
        assert "does not answer" in why_not(port)
        assert ask(port, "/health")[0] == 200
        assert "tactful_database_up 0.0" in ask(port, "/metrics")[2].splitlines()
    engine.dispose()


@contextmanager
def running(home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`tactful web` as a process of its own, once it answers."""
    port = free_port()
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "TACTFUL_HOME": str(home), "PYTHONPATH": root}
    with subprocess.Popen(
        [*COMMAND, "web", "--port", str(port), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "Uvicorn running" in line:
                    break
            yield process, port
        finally:
            process.kill()


def test_as_a_process_it_ends_politely(shop: ShopFolder) -> None:
    shop.ok("run", "--once")
    with running(shop.home, "--drain", "1m") as (process, port):
        assert ask(port, "/ready")[0] == 200
        process.send_signal(signal.SIGTERM)
        while ask(port, "/ready")[0] == 200:
            pass
        assert ask(port, "/health")[0] == 200
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
    assert out == ""
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["drain_s"] for line in lines if line["event"] == "ending"] == [60.0]
    assert not any("exception" in line for line in lines)


def test_it_ends_by_itself_after_draining(shop: ShopFolder) -> None:
    with running(shop.home, "--drain", "0s") as (process, port):
        assert ask(port, "/ready")[0] == 503  # nobody has made the tables
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_mistake_in_the_folder_closes_no_customers_page(shop: ShopFolder) -> None:
    """A page that nobody has made answers 404; where there are no pages, the whole path is none."""
    shop.ok("run", "--once")
    nobodys = "/u/1." + 32 * "0"
    shop.write({"campaigns/shop.yaml": "brand: {half: writ"})
    with running(shop.home) as (_, port):
        assert "text/html" in ask(port, nobodys)[1]["content-type"]
