"""The servers that tests start: they keep what they should, and none outlives its users."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis as client

from tests.servers import Postgres, binaries, postgres, redis
from tests.servers.binaries import POSTGRES_BIN, REDIS_SERVER, Missing
from tests.servers.keeper import Keeper
from tests.servers.patience import until
from tests.servers.place import quick_place

ROOT = Path(__file__).parent.parent
USER = """
import sys
from tests.servers import postgres, redis
with postgres() as one, redis() as other:
    print(one.pid, other.pid, one.folder, other.folder, flush=True)
    sys.stdin.read()
"""


def ask(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url()) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def test_what_was_committed_survives_a_kill_and_a_stop() -> None:
    with postgres() as server:
        ask(server, "CREATE TABLE kept (what text)")
        before, url = server.pid, server.url()
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            ask(server, "SELECT 1")
        server.start()
        ask(server, "INSERT INTO kept VALUES ('tea')")
        server.stop()
        server.start()
        assert (server.url(), ask(server, "SELECT what FROM kept")) == (url, [("tea",)])
        assert server.pid != before
        folder = server.folder
    assert not folder.exists()


def test_redis_comes_back_on_its_port_with_nothing_in_it() -> None:
    with redis() as server, client.Redis.from_url(server.url) as connection:
        connection.set("tea", "hot")
        server.kill()
        with pytest.raises(client.ConnectionError):
            connection.get("tea")
        server.start()
        assert connection.get("tea") is None


def test_servers_end_with_the_process_that_needed_them_even_when_it_is_killed() -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdin is not None
    assert user.stdout is not None
    with user.stdin, user.stdout as said:
        *pids, one, other = said.readline().split()
        user.send_signal(signal.SIGKILL)
        user.wait()
    until(lambda: remains(pids, one, other) == [])
    assert remains(pids, one, other) == []


def test_copied_programs_belong_to_whoever_must_remove_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the packages lie in a folder that is closed to others, and root runs the tests."""
    keeper = Keeper(None, "KILL")
    try:
        monkeypatch.setattr(binaries, "reachable", lambda path: False)
        owner = keeper.folder.stat().st_uid
        for programs in (binaries.postgres_programs, binaries.redis_program):
            found = programs(keeper.folder / programs.__name__)
            assert keeper.folder in found.parents
        assert {path.stat().st_uid for path in keeper.folder.rglob("*")} == {owner}
    finally:
        shutil.rmtree(keeper.folder)


def test_files_are_in_memory_only_where_there_is_plenty_of_it(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    for available, found in ((2**20, None), (2**22, tmp_path)):
        told.write_text(f"MemTotal: 1 kB\nMemAvailable: {available} kB\n", encoding="ascii")
        assert quick_place(tmp_path, told, room_bytes_min=2**31) is found
    assert quick_place(tmp_path / "nowhere", told) is None
    assert quick_place(tmp_path, tmp_path / "nowhere") is None


def remains(pids: list[str], *folders: str) -> list[str]:
    running = [pid for pid in pids if exists(int(pid))]
    return running + [folder for folder in folders if Path(folder).exists()]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("start", "variable"), [(postgres, POSTGRES_BIN), (redis, REDIS_SERVER)])
def test_a_server_that_is_not_there_is_said_to_be_missing(
    start: type, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(Missing, match=f"nowhere is not there; {variable}"), start():
        raise AssertionError("it started")
