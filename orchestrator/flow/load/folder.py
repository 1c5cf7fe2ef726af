"""What stands in the folders: texts, without asking yet what they mean."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import orchestrator
from orchestrator.flow.load.text import TEMPLATE_BYTES_MAX, YAML_BYTES_MAX, read_text
from orchestrator.model.answer import is_answer
from orchestrator.model.problem import Problem

CAMPAIGNS = "campaigns"
TEMPLATES = "templates"
CAMPAIGN_FILE = "campaign.yaml"
SHOP_FILE = "shop.yaml"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
A_NAME = "cart-reminder"
_HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True)
class Folder:
    """A campaign's folder. `others`: files that are neither `campaign.yaml` nor templates.
    `unread`: templates that are there, and of which a problem says why they cannot be read."""

    name: str
    at: str
    files: Mapping[str, str]
    others: tuple[str, ...]
    unread: tuple[str, ...]
    problems: tuple[Problem, ...]


def read_folders(root: Path) -> Iterator[Folder]:
    """Every campaign's folder by name; those that begin with a point or `_` are let be."""
    campaigns = root / CAMPAIGNS
    if not campaigns.is_dir():
        return
    for path in sorted(campaigns.iterdir()):
        if path.is_dir() and not path.name.startswith(_HIDDEN):
            yield _read_folder(path)


def well_named(name: str) -> bool:
    """Whether a folder's name may be a campaign's."""
    return _NAME.fullmatch(name) is not None


def _read_folder(path: Path) -> Folder:
    at = f"{CAMPAIGNS}/{path.name}"
    files: dict[str, str] = {}
    others: list[str] = []
    unread: list[str] = []
    problems: list[Problem] = []
    if not well_named(path.name):
        fix = f"use small letters, digits and hyphens, such as {A_NAME}"
        problems.append(Problem(at, 0, 0, "is no name for a campaign", fix))
    if is_answer(path.name):
        fix = "choose another one; the answers' words stand in shop.yaml under answers"
        problems.append(Problem(at, 0, 0, "is a name that Tactful itself uses", fix))
    for file in sorted(path.iterdir()):
        if file.name.startswith("."):
            continue
        if file.name != CAMPAIGN_FILE and not file.name.endswith(".j2"):
            others.append(file.name)
            continue
        limit = YAML_BYTES_MAX if file.name == CAMPAIGN_FILE else TEMPLATE_BYTES_MAX
        text = read_text(file, f"{at}/{file.name}", file_bytes_max=limit)
        if isinstance(text, Problem):
            problems.append(text)
            unread.append(file.name)
        else:
            files[file.name] = text
    if not (path / CAMPAIGN_FILE).exists():
        near = get_close_matches(CAMPAIGN_FILE, others, n=1)
        fix = f"rename {near[0]}" if near else "write it, or move the folder"
        problems.append(Problem(f"{at}/{CAMPAIGN_FILE}", 0, 0, "is missing", fix))
    return Folder(path.name, at, files, tuple(others), tuple(unread), tuple(problems))


def read_settings(root: Path) -> tuple[dict[str, str], list[Problem]]:
    """`campaigns/shop.yaml` under the name `shop.yaml`, and the shared templates.

    A template that the shop has not written for itself is the one that Tactful brings.
    """
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for folder in (own_templates(), root / TEMPLATES):
        for path in sorted(folder.rglob("*.j2")):
            name = f"{TEMPLATES}/{path.relative_to(folder).as_posix()}"
            text = read_text(path, name, file_bytes_max=TEMPLATE_BYTES_MAX)
            if isinstance(text, Problem):
                problems.append(text)
            else:
                files[name] = text
    shop = f"{CAMPAIGNS}/{SHOP_FILE}"
    path = root / CAMPAIGNS / SHOP_FILE
    if not path.exists():
        fix = "it says who the shop is, and which channels, topics and events it has"
        return files, [*problems, Problem(shop, 0, 0, "is missing", fix)]
    text = read_text(path, shop, file_bytes_max=YAML_BYTES_MAX)
    if isinstance(text, Problem):
        problems.append(text)
    else:
        files[SHOP_FILE] = text
    return files, problems


def own_templates() -> Path:
    """The templates that Tactful brings: in the installed package, or beside it in a checkout."""
    package = Path(orchestrator.__file__).parent
    installed = package / TEMPLATES
    return installed if installed.is_dir() else package.parent / TEMPLATES
