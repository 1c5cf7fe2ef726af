"""What stands around the code: locks, process settings, CI, and what no committed file may say."""

import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten
from celery.exceptions import QueueNotFound
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

import celeryconfig
from channels.contract import KINDS
from orchestrator.entry.queue import TASKS, app
from orchestrator.model.campaign import Campaign

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What tools and runs leave behind; .gitignore keeps it out.
NOT_COMMITTED = {"__pycache__", "dist", "outbox", "var"}

# Said in pieces, so that this file passes its own test.
REGISTRY = re.compile(
    "|".join(
        [
            r"pypi\s*\.\s*(?:org|io)",
            r"python" + r"hosted\.",
            r"registry\." + r"(?:npmjs|yarnpkg)",
            r"(?:deb|security)\." + r"debian",
            r"proxy\." + r"golang",
            r"--(?:extra-)?index-" + r"url",
            r"--find-" + r"links",
        ]
    ),
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.:/*-])/(?:home|root|Users|work|opt|tmp|private/var)/\w")


def committed() -> Iterator[tuple[str, str]]:
    """Every text file that may be committed: its path in the project, and what it says."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in NOT_COMMITTED and (not name.startswith(".") or name == ".ci")
        ]
        for path in (Path(folder, name) for name in files):
            data = path.read_bytes()
            if b"\0" not in data:
                yield str(path.relative_to(ROOT)), data.decode("utf-8", "replace")


@pytest.mark.parametrize("unwanted", [REGISTRY, MACHINE_PATH], ids=["registry", "machine path"])
def test_no_file_names_where_it_was_made(unwanted: re.Pattern[str]) -> None:
    files = dict(committed())
    assert {"Makefile", "README.md", "requirements.lock", ".ci/run"} <= files.keys()
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path, text in files.items()
        for match in unwanted.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("unwanted", "text"),
    [
        (REGISTRY, "see https://" + "pypi" + ".org/simple"),
        (REGISTRY, "--index" + "-url x"),
        (MACHINE_PATH, 'open("' + "/home" + '/someone/x")'),
        (MACHINE_PATH, "cd " + "/work" + "/main"),
    ],
)
def test_what_is_unwanted_is_seen(unwanted: re.Pattern[str], text: str) -> None:
    assert unwanted.search(text)


def pins(lock: str) -> dict[str, Requirement]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    found = (Requirement(line.removesuffix("\\")) for line in lines if line and line[0] != " ")
    return {canonicalize_name(pin.name): pin for pin in found}


def wanted(*lists: list[str]) -> list[Requirement]:
    return [Requirement(line) for one in lists for line in one]


def test_the_locks_hold_what_the_project_asks_for() -> None:
    groups = PROJECT["dependency-groups"]
    extras = PROJECT["project"]["optional-dependencies"].values()
    asked = {
        "requirements.lock": wanted(
            PROJECT["project"]["dependencies"],
            groups["dev"],
            PROJECT["build-system"]["requires"],
            *extras,
        ),
        "requirements-demo.lock": wanted(groups["demo"]),
    }
    behind = [
        f"{lock}: {requirement} (run `make lock`)"
        for lock, requirements in asked.items()
        for requirement in requirements
        if (pin := pins(lock).get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(next(iter(pin.specifier)).version)
    ]
    assert behind == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-demo.lock"])
def test_every_pin_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())
    bare = [block for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)]
    assert bare == []
    assert len(blocks) == len(pins(lock))


def test_celery_takes_every_setting_as_meant() -> None:
    settings = {name: value for name, value in vars(celeryconfig).items() if name[0] != "_"}
    known = dict(flatten(NAMESPACES))
    assert sorted(settings.keys() - known.keys()) == []

    app = Celery()
    app.config_from_object("celeryconfig")
    assert {name: app.conf[name] for name in settings} == settings


def test_a_celery_task_ends_before_it_is_handed_to_a_second_worker() -> None:
    app = Celery()
    app.config_from_object("celeryconfig")
    visible_again = app.conf.broker_transport_options["visibility_timeout"]
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit < visible_again / 2
    limits = celeryconfig.task_annotations.values()
    assert all(one["soft_time_limit"] < one["time_limit"] < visible_again for one in limits)
    assert app.conf.accept_content == ["json"]
    assert app.conf.worker_prefetch_multiplier == 1


def test_every_process_is_a_command_of_ours() -> None:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    processes = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert {"release", "web", "tick", "plan"} <= processes.keys()
    commands = {line.split()[0] for line in processes.values()}
    assert commands == {"celery", *PROJECT["project"]["scripts"]}


def test_every_queue_has_somebody_who_works_on_it() -> None:
    declared = [queue.name for queue in celeryconfig.task_queues]
    procfile = (ROOT / "Procfile").read_text(encoding="utf-8")
    consumed = [name for names in re.findall(r" -Q (\S+)", procfile) for name in names.split(",")]
    assert sorted(consumed) == sorted(declared)
    assert {f"dispatch.{kind}" for kind in KINDS} <= set(declared)


def test_every_task_has_its_way() -> None:
    declared = {queue.name: queue for queue in celeryconfig.task_queues}
    assert {queue.routing_key for queue in declared.values()} == declared.keys()
    for way in celeryconfig.task_routes.values():
        assert way["queue"] == way["routing_key"]
        assert way["queue"] in declared
    sent_by_name = {task.name for task in TASKS} - {"tactful.dispatch"}
    assert celeryconfig.task_routes.keys() == sent_by_name
    assert celeryconfig.task_default_queue not in declared
    with pytest.raises(QueueNotFound):
        app.amqp.router.route({}, "tactful.dispatch", (), {})


def test_nothing_waits_in_a_queue() -> None:
    for path in (ROOT / "orchestrator").rglob("*.py"):
        assert not re.search(r"\b(eta|countdown)=", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("said", "code", "passes"),
    [
        ("3 passed in 0.10s", 0, True),
        ("== 12 passed, 1 skipped in 0.10s ==", 0, True),
        ("no tests ran in 0.01s", 5, False),
        ("no tests ran in 0.01s", 0, False),
        ("2 skipped in 0.01s", 0, False),
        ("1 failed, 2 passed in 0.10s", 1, False),
    ],
)
def test_ci_passes_only_when_tests_ran(tmp_path: Path, said: str, code: int, passes: bool) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    makefile = f"lint:\n\t@echo linted\ntest:\n\t@echo '{said}'; exit {code}\n"
    (tmp_path / "Makefile").write_text(makefile)
    run = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode == 0) is passes, run.stderr
    assert not passes or run.stdout.splitlines()[-1] == said


def test_a_test_cannot_leave_this_machine() -> None:
    # 192.0.2.0/24 is kept for documentation (RFC 5737): nobody is there.
    with socket.socket() as sock, pytest.raises(PermissionError, match="may not leave"):
        sock.connect(("192.0.2.1", 25))


def test_the_readme_shows_a_campaign_that_is_one() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```yaml\n(.+?)```", readme, re.DOTALL)
    campaign = Campaign.model_validate({"name": "shown", **YAML(typ="safe").load(written)})
    assert campaign.offer
    assert campaign.holdout == 10


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = {Path(path).parts[0] for path, _ in committed() if "/" in path} - {".ci"}
    assert sorted(name for name in folders if f"`{name}/`" not in readme) == []
