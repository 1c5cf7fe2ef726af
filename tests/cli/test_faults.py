"""How commands begin and end: at once, and never with a traceback."""

import os
import subprocess
import sys
from errno import ENOSPC
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from orchestrator.entry.cli.app import COMMANDS
from tests.cli.shop import ShopFolder

HEAVY = ("sqlalchemy", "pydantic", "rich", "jinja2", "babel", "channels", "orchestrator.flow")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from orchestrator.entry.cli import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "explain" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version(shop: ShopFolder) -> None:
    assert shop.ok("--version") == f"tactful {version('tactful')}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(shop: ShopFolder, name: str) -> None:
    said = shop.ok(name, "--help")
    assert f"tactful {name}" in said.replace("Usage: tactful " + name, "")
    assert max(map(len, said.splitlines())) <= 80


def test_the_list_of_commands_is_not_cut_short(shop: ShopFolder) -> None:
    said = shop.ok("--help")
    assert "..." not in said.split("Commands:")[1]
    assert [name for name in COMMANDS if f"  {name}" not in said] == []


def test_a_command_that_there_is_not(shop: ShopFolder) -> None:
    assert shop("chek").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--once", "--every"),
        ("tick", "--once", "--every"),
        ("top", "--once", "--every"),
        ("simulate", "--from", "2017-11-20", "--to", "2017-11-21", "--step"),
    ],
)
@pytest.mark.parametrize(
    ("said", "why"), [("soon", "write a span of time"), ("0s", "must be more than nothing")]
)
def test_a_span_that_is_none(
    shop: ShopFolder, command: tuple[str, ...], said: str, why: str
) -> None:
    done = shop(*command, said)
    assert done.exit_code == 2
    assert command[-1] in done.stderr
    assert why in done.stderr


def test_a_bug_is_told_in_a_sentence_with_its_log(
    shop: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: object) -> None:
        raise RuntimeError("quite unexpected")

    monkeypatch.setattr("orchestrator.entry.opening.read_folder", broken)
    result = shop("check")
    assert result.exit_code == 3
    assert "RuntimeError: quite unexpected" in result.stderr
    log = Path(result.stderr.split("known of it: ")[1].split(",")[0])
    assert "Traceback" in log.read_text(encoding="utf-8")
    log.unlink()
    with pytest.raises(RuntimeError):
        shop("--debug", "check")


def test_a_database_that_is_none(shop: ShopFolder) -> None:
    shop.write({"var/tactful.db": "this is a letter to my aunt, and no database\n" * 20})
    result = shop("status")
    assert result.exit_code == 3
    assert "file is not a database" in result.stderr


def test_a_kind_of_database_that_there_is_not(shop: ShopFolder) -> None:
    result = shop("status", env={"TACTFUL_DATABASE_URL": "mysql://localhost/shop"})
    assert result.exit_code == 2
    assert "Tactful knows sqlite and postgresql" in result.stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("HANDS", "many", "TACTFUL_HANDS: input should be a valid integer"),
        ("WORKERS_MAX", "0", "TACTFUL_WORKERS_MAX: input should be greater than or equal to 1"),
        ("STUCK_AFTER_S", "inf", "TACTFUL_STUCK_AFTER_S: input should be less than or equal to"),
        ("LEASE_S", "1e15", "TACTFUL_LEASE_S: input should be less than or equal to"),
        ("LOG_LEVEL", "chatty", "TACTFUL_LOG_LEVEL: 'chatty' is none of debug, info"),
        ("REDIS_URL", "hushhush@localhost:6379", "TACTFUL_REDIS_URL: not the URL of a Redis"),
        ("REDIS_URL", "redis://:hush/hush@localhost:6379", "TACTFUL_REDIS_URL: not the URL"),
        ("REDIS_URL", "unix:///run/redis.sock", "TACTFUL_REDIS_URL: not the URL"),
        ("DATABASE_URL", "postgres//me:hushhush@localhost/a", "write sqlite:///tactful.db or"),
        ("DATABASE_URL", "postgresql://me:hushhush@localhost:54x/a", "write sqlite:///tactful.db"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(
    shop: ShopFolder, name: str, text: str, said: str
) -> None:
    """And never by its value where that may be a secret."""
    shop.write({"a.csv": "id\n1\n"})
    words = ("import", "consents", "a.csv") if name == "REDIS_URL" else ("run", "--once")
    result = shop(*words, env={f"TACTFUL_{name}": text})
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert "hush" not in result.stderr


def test_a_path_alone_is_a_database_in_the_shop(
    shop: ShopFolder, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is known again where it was copied to."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    shop("--help")
    env = {"TACTFUL_DATABASE_URL": "mine.db"}
    assert shop("run", "--once", "--shop", str(shop.home), env=env).exit_code == 0
    assert (shop.home / "mine.db.deployment").exists()


def test_what_the_database_refuses_is_told_as_its_refusal(
    shop: ShopFolder, postgres_url: str
) -> None:
    """Of a role that may not make tables, and of a server that is read-only since a failover."""
    role = f"guest_{make_url(postgres_url).database}"
    guest = make_url(postgres_url).set(username=role).render_as_string(False)
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(f'CREATE ROLE "{role}" LOGIN')
        try:
            refused = shop("migrate", env={"TACTFUL_DATABASE_URL": guest})
        finally:
            owner.execute(f'DROP ROLE "{role}"')
    assert refused.exit_code == 3
    assert "Error: the database: permission denied" in refused.stderr

    read_only = f"{postgres_url}?options=-c%20default_transaction_read_only%3Don"
    refused = shop("publish", env={"TACTFUL_DATABASE_URL": read_only})
    assert refused.exit_code == 3
    assert "Error: the database: cannot execute" in refused.stderr


def test_what_is_wrong_is_told_on_a_full_disk_too(
    shop: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    def broken(*_: object) -> None:
        raise RuntimeError("quite unexpected")

    monkeypatch.setattr("orchestrator.entry.cli.faults.NamedTemporaryFile", full)
    monkeypatch.setattr("orchestrator.entry.opening.read_folder", broken)
    result = shop("check")
    assert result.exit_code == 3
    assert "quite unexpected" in result.stderr
    assert "tactful --debug" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk at hand")
@pytest.mark.parametrize("words", [("check",), ("schema",), ("--version",)])
def test_an_answer_for_which_there_is_no_room_is_no_fault_of_ours(
    shop: ShopFolder, words: tuple[str, ...]
) -> None:
    code = "from orchestrator.entry.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, *words], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, cwd=Path(__file__).parents[2],
            env={**os.environ, "TACTFUL_HOME": str(shop.home)},
        )  # fmt: skip
    assert done.stderr == "Error: it cannot be written: No space left on device\n"
    assert done.returncode == 3


def test_the_database_stands_where_it_is_told(shop: ShopFolder) -> None:
    env = {"TACTFUL_DATABASE_URL": "sqlite:///elsewhere/shop.db"}
    assert shop("run", "--once", env=env).exit_code == 0
    assert (shop.home / "elsewhere/shop.db").exists()
    assert not (shop.home / "var/tactful.db").exists()


def test_the_outbox_stands_where_it_is_told(shop: ShopFolder) -> None:
    env = {"TACTFUL_OUTBOX_FOLDER": str(shop.home / "letters")}
    shop.add_customer()
    said = shop("doctor", env=env).stdout
    assert "letters" in said.replace("\n", "").replace(" ", "")


def test_no_colours_where_there_is_no_screen(shop: ShopFolder) -> None:
    assert "\x1b" not in shop.ok("check")
    coloured = shop("check", env={"FORCE_COLOR": "1"})
    assert "\x1b" in coloured.stdout


def test_the_docs_name_every_command_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
    table = text.partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {word.strip("` ").split(" ")[0] for row in rows for word in row.split("/")}
    assert named == COMMANDS.keys()


def test_ctrl_c_is_quiet(shop: ShopFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.flow.imports.import_file", interrupted)
    shop.write({"a.csv": "id\n1\n"})
    result = shop("import", "products", "a.csv")
    assert result.exit_code == 130
    assert result.stderr == "a.csv: 0 rows were read; import it again to go on\nStopped.\n"
