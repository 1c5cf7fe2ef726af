"""The beginning of a channel plugin, written from the patterns in `cli/new_channel`."""

import re
from collections.abc import Mapping
from keyword import iskeyword
from pathlib import Path
from string import Template

import orchestrator
from channels.contract import KINDS
from channels.registry import find_channels
from orchestrator.entry import cli
from orchestrator.model.errors import WrongUse

_PATTERNS = Path(cli.__file__).parent / "new_channel"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
_NAME_LENGTH_MAX = 40
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "$package/__init__.py": "__init__.py",
    "$package/settings.py": "settings.py",
    "$package/channel.py": "channel.py",
    "tests/test_$package.py": "test_channel.py",
}
"""Where each file goes, and which pattern it is made of."""


def write_channel(name: str, kind: str, folder: Path) -> list[Path]:
    """Write the package into a new or empty folder; the files in it. Raises WrongUse."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH_MAX or iskeyword(name):
        raise WrongUse(f"{name!r} is no name for a channel; write it like carrier_pigeon")
    taken = next((one for one in find_channels() if one.name == name), None)
    if taken is not None:
        raise WrongUse(f"there is a channel {name!r} already, of the package {taken.distribution}")
    if kind not in KINDS:
        raise WrongUse(f"there is no kind {kind!r}; there are {', '.join(sorted(KINDS))}")
    ours = Path(orchestrator.__file__).resolve().parents[1]
    if folder == ours or ours in folder.parents:
        raise WrongUse("a plugin has a folder of its own, outside Tactful: see --into")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUse(f"{folder} is there already; see --into")
    words = _words(name, kind)
    written = []
    for place, pattern in _FILES.items():
        path = Path(Template(place).substitute(words))
        text = (_PATTERNS / f"{pattern}.txt").read_text(encoding="utf-8")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(path)
    return written


def _words(name: str, kind: str) -> Mapping[str, str]:
    stem = "".join(part.capitalize() for part in name.split("_"))
    return {
        "name": name,
        "package": f"tactful_{name}",
        "dashed": name.replace("_", "-"),
        "upper": name.upper(),
        "stem": stem,
        "class": f"{stem}Channel",
        "kind": kind,
        "parts": ", ".join(f'"{part}"' for part in sorted(KINDS[kind].parts)),
    }
