"""The house stands: imports point down, and only the entry floor asks what time it is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_uses import clock_reads, uses

ROOT = Path(__file__).parent.parent
PACKAGES = ("orchestrator", "channels", "demo")
ENTRY = ROOT / "orchestrator" / "entry"

# One wrong import for each arrow: the folder it is put into, the line, and the contract it breaks.
WRONG_IMPORTS = [
    ("orchestrator/model", "import orchestrator.tables", "The floors"),
    ("orchestrator/tables", "import orchestrator.rules", "The floors"),
    ("orchestrator/rules", "import orchestrator.store", "The floors"),
    ("orchestrator/store", "import orchestrator.rules", "The floors"),
    ("orchestrator/flow", "import orchestrator.entry", "The floors"),
    ("orchestrator/store", "import channels.contract", "Below flow"),
    ("orchestrator/flow", "import channels.outbox", "Flow meets a channel"),
    ("orchestrator/flow", "import channels.registry", "Flow meets a channel"),
    ("channels", "import orchestrator.model", "Channels know nothing"),
    ("channels", "import channels.outbox", "Channels know one another"),
    ("orchestrator/entry", "import demo", "Nobody needs the demo"),
    ("orchestrator/model", "import sqlite3", "The model does no IO"),
    ("orchestrator/flow", "import celery", "Queue, screen and wire"),
]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


def with_files(report: str) -> str:
    """The report with `a.b -> c.d (l.3)` said as files: `a/b.py:3 imports c/d`."""

    def say(match: re.Match[str]) -> str:
        importer, imported, line = match.groups()
        path = importer.replace(".", "/")
        file = f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
        return f"{file}:{line} imports {imported.replace('.', '/')}"

    return re.sub(r"([\w.]+) -> ([\w.]+) \(l\.(\d+)\)", say, report)


def test_imports_point_down() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, with_files(result.stdout + result.stderr)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy of the house that holds every wrong import at once."""
    root = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / ".importlinter", root)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for number, (folder, line, _) in enumerate(WRONG_IMPORTS):
        (root / folder / f"wrong_{number}.py").write_text(f"{line}\n")
    new = root / "orchestrator" / "attic"
    new.mkdir()
    (new / "__init__.py").touch()
    result = lint_imports(root)
    assert result.returncode == 1, result.stderr
    return with_files(result.stdout.partition("Broken contracts")[2])


def section(report: str, contract: str) -> str:
    """What the report says under the contract's heading."""
    _, *parts = re.split(r"^(.+)\n-{3,}$", report, flags=re.MULTILINE)
    said = dict(zip(parts[::2], parts[1::2], strict=True))
    return "".join(text for name, text in said.items() if name.startswith(contract))


@pytest.mark.parametrize("number", range(len(WRONG_IMPORTS)))
def test_a_wrong_import_is_named(spoiled: str, number: int) -> None:
    folder, line, contract = WRONG_IMPORTS[number]
    wanted = line.removeprefix("import ").replace(".", "/")
    said = section(spoiled, contract)
    assert f"{folder}/wrong_{number}.py:1 imports {wanted}\n" in said


def test_a_floor_that_the_picture_does_not_show_is_named(spoiled: str) -> None:
    assert "- orchestrator.attic\n" in section(spoiled, "The floors")


def test_every_folder_of_code_is_seen_by_the_linter() -> None:
    """Without an `__init__.py` a folder's imports would go unseen."""
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    unseen = sorted(str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists())
    assert unseen == []


def test_only_entry_asks_what_time_it_is() -> None:
    files = [
        path
        for package in ("orchestrator", "channels")
        for path in (ROOT / package).rglob("*.py")
        if not path.is_relative_to(ENTRY)
    ]
    assert len(files) > 20
    reads = [
        f"{path.relative_to(ROOT)}:{use.line} reads {use.name}"
        for path in files
        for use in clock_reads(path.read_text(encoding="utf-8"))
    ]
    assert reads == []


def test_no_test_sleeps() -> None:
    patient = ROOT / "tests" / "servers" / "patience.py"  # waits for other processes
    sleeps = [
        f"{path.relative_to(ROOT)}:{use.line}"
        for path in (ROOT / "tests").rglob("*.py")
        if path != patient
        for use in uses(path.read_text(encoding="utf-8"))
        if use.name == "time.sleep"
    ]
    assert sleeps == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from datetime import datetime, UTC\nx = datetime.now(UTC)", "datetime.datetime.now"),
        ("import datetime as d\nx = d.datetime.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date as day\nx = day.today()", "datetime.date.today"),
        ("from time import time\nx = time()", "time.time"),
        ("import time\nx = dict(default_factory=time.time)", "time.time"),
        ("import time\nx = time.gmtime()", "time.gmtime"),
        (
            "from email.utils import formatdate\nx = formatdate(usegmt=True)",
            "email.utils.formatdate",
        ),
        ("from sqlalchemy import func\nx = func.now()", "sqlalchemy.func.now"),
        ("import sqlalchemy as sa\nx = sa.func.current_date()", "sqlalchemy.func.current_date"),
        ("def f():\n    import datetime; datetime.date.today()", "datetime.date.today"),
        ("\nx = 'SELECT CURRENT_TIMESTAMP'", "CURRENT_TIMESTAMP"),
        ("a = 1\nx = f\"at > datetime('now', {a})\"", "datetime('now'"),
    ],
)
def test_the_check_sees_a_clock_being_read(source: str, name: str) -> None:
    assert [(use.line, use.name) for use in clock_reads(source)] == [(2, name)]


@pytest.mark.parametrize(
    "source",
    [
        "from time import monotonic\nx = monotonic()",
        "from time import gmtime\nx = gmtime(0)",
        "from datetime import datetime\nx = datetime.fromtimestamp(0)",
        '"""Never uses CURRENT_TIMESTAMP or now()."""',
        "def at(now):\n    return now",
        "class Clock:\n    def time(self): return 0\nx = Clock().time()",
    ],
)
def test_the_check_lets_the_rest_pass(source: str) -> None:
    assert clock_reads(source) == []
