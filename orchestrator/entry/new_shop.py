"""The beginning of a shop's own folder, written from the patterns in `cli/new_shop`."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from string import Template

from orchestrator.entry import cli
from orchestrator.flow.load.folder import CAMPAIGNS
from orchestrator.model.errors import WrongUse

_PATTERNS = Path(cli.__file__).parent / "new_shop"
_NAME_LENGTH_MAX = 60
# What would not be the same text in YAML, in a subject and on a page.
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f\"'{}\[\]#:\\$<>&]")
_AGO = {
    **{f"days_{days}": timedelta(days=days) for days in (10, 30, 40, 50, 60)},
    **{f"hours_{hours}": timedelta(hours=hours) for hours in (30, 39, 40)},
}
_DAYS_AGO = {"day_60": 60, "today": 0, "in_7_days": -7}


def write_shop(folder: Path, name: str, now: datetime) -> list[Path]:
    """Write the files into a folder; their paths in it.

    The orders are of the days before `now`, so that a plan finds something to say. Raises WrongUse
    where a shop is there already, or one of the files is.
    """
    if not name.strip() or len(name) > _NAME_LENGTH_MAX or _NOT_IN_A_NAME.search(name):
        raise WrongUse(f"{name!r} is no name for a shop; write it like --name 'Corner Shop'")
    if (folder / CAMPAIGNS).exists():
        raise WrongUse(f"{folder} has campaigns already")
    words = {"name": name.strip()}
    words |= {word: (now - ago).strftime("%Y-%m-%dT%H:%M:%SZ") for word, ago in _AGO.items()}
    words |= {word: f"{now - timedelta(days=ago):%Y-%m-%d}" for word, ago in _DAYS_AGO.items()}
    texts = {
        _place(pattern): Template(pattern.read_text(encoding="utf-8")).substitute(words)
        for pattern in sorted(_PATTERNS.rglob("*.txt"))
    }
    if there := [path for path in texts if (folder / path).exists()]:
        raise WrongUse(f"{folder / there[0]} is there already")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return list(texts)


def _place(pattern: Path) -> Path:
    """Where a file goes: without the ending that keeps tools from taking a pattern for real."""
    path = pattern.relative_to(_PATTERNS).with_suffix("")
    return Path(".gitignore") if path == Path("gitignore") else path
