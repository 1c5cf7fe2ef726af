"""Everything in `campaigns/` and `templates/`, read and checked at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.flow.load.conditions import check_names, fit_values
from orchestrator.flow.load.digest import digest
from orchestrator.flow.load.document import parse, parts, placed, salvage
from orchestrator.flow.load.files import check_needed, check_strays
from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.folder import (
    A_NAME,
    CAMPAIGN_FILE,
    CAMPAIGNS,
    SHOP_FILE,
    Folder,
    read_folders,
    read_settings,
    well_named,
)
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.read import Document, read_yaml
from orchestrator.flow.load.sending import check_part, check_sending
from orchestrator.flow.load.shop import check_shop
from orchestrator.flow.load.templates import check_shared, check_templates
from orchestrator.model.campaign import Campaign
from orchestrator.model.problem import Problem
from orchestrator.model.shop import Shop
from orchestrator.model.version import Settings, Version


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a shop's folder holds.

    `settings` is None, and there are no versions, where `shop.yaml` or a shared template is wrong:
    nothing may be sent on wrong settings. A wrong campaign is missing from `versions`; its
    neighbours are there. Warnings keep nothing from being used.
    """

    settings: Settings | None
    versions: tuple[Version, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Notes:
    """What was found so far; the same thing found twice is one problem."""

    problems: set[Problem] = field(default_factory=set)
    warnings: set[Problem] = field(default_factory=set)

    def place(self, findings: Iterable[Finding], document: Document) -> None:
        for finding in findings:
            (self.warnings if finding.warning else self.problems).add(placed(finding, document))


def load(root: Path, *, installed: Collection[str] | None = None) -> Loaded:
    """All campaigns below `root`, and all that is wrong with them, sorted by place.

    `installed`: the names of the channel plugins; None leaves that question out. Raises nothing
    for what people wrote.
    """
    folders = tuple(read_folders(root))
    campaigns = frozenset(folder.name for folder in folders)
    notes = _Notes()
    settings, names = _settings(root, campaigns, installed, notes)
    usable = not notes.problems
    versions: list[Version] = []
    for folder in folders:
        own = _Notes()
        version = _version(folder, settings, names, own)
        if version is not None and usable and not own.problems:
            versions.append(version)
        notes.problems |= own.problems
        notes.warnings |= own.warnings
    return Loaded(
        settings if usable else None,
        tuple(versions),
        tuple(sorted(notes.problems)),
        tuple(sorted(notes.warnings)),
    )


def _settings(
    root: Path, campaigns: Collection[str], installed: Collection[str] | None, notes: _Notes
) -> tuple[Settings | None, Names | None]:
    """The settings, as far as they can be had, so that campaigns can be checked against them."""
    files, problems = read_settings(root)
    notes.problems.update(problems, check_shared(files).problems)
    if SHOP_FILE not in files:
        return None, None
    document = read_yaml(files[SHOP_FILE], f"{CAMPAIGNS}/{SHOP_FILE}")
    shop, problems = parse(document, Shop)
    notes.problems.update(document.problems, problems)
    unsure: Collection[str] = ()
    if shop is None:
        shop, unsure = salvage(document, Shop)
    if shop is None:
        return None, None
    names = Names(shop, campaigns, unsure, installed)
    notes.place(check_shop(names), document)
    fitted, found = fit_values(shop, names)
    notes.place(found, document)
    settings = Settings(digest(files), fitted, files, document.written())
    return settings, Names(fitted, campaigns, unsure, installed)


def _version(
    folder: Folder, settings: Settings | None, names: Names | None, notes: _Notes
) -> Version | None:
    notes.problems.update(folder.problems)
    if CAMPAIGN_FILE not in folder.files:
        return None
    document = read_yaml(folder.files[CAMPAIGN_FILE], f"{folder.at}/{CAMPAIGN_FILE}")
    name = folder.name if well_named(folder.name) else A_NAME  # of the folder's it was told already
    campaign, problems = parse(_named(document, name), Campaign)
    notes.problems.update(document.problems, problems)
    notes.place(_check_name(document, folder.name), document)
    if settings is None or names is None:
        return None
    files, shared = folder.files, check_shared(settings.files).sources
    if campaign is None:
        for at, part in parts(document, Campaign):
            notes.place(check_part(at, part, names), document)
            notes.place(check_names(part, names, at), document)
            notes.place(fit_values(part, names, at)[1], document)
        notes.problems.update(check_templates(None, settings.shop, shared, files, folder.at))
        return None
    notes.place(check_sending(campaign, names), document)
    notes.place(check_names(campaign, names), document)
    there = {**files, **dict.fromkeys(folder.unread, "")}
    missing = [] if names.unsure else list(check_needed(campaign, settings.shop, there))
    notes.place(missing, document)
    notes.problems.update(check_strays(campaign, files, folder.others, folder.at, missing))
    notes.problems.update(check_templates(campaign, settings.shop, shared, files, folder.at))
    fitted, found = fit_values(campaign, names)
    notes.place(found, document)
    address = digest(files, folder.name, settings.digest)
    return Version(address, fitted, settings, files, document.written())


def _named(document: Document, name: str) -> Document:
    """The document with the folder's name, which is the campaign's."""
    if not isinstance(document.value, dict):
        return document
    value = {**document.value, "name": name}
    return Document(
        document.file, value, document.places, document.values, document.holes, document.problems
    )


def _check_name(document: Document, name: str) -> Iterable[Finding]:
    written = document.value.get("name", name) if isinstance(document.value, dict) else name
    if written != name:
        what = f'name is "{written}", but the folder is called {name}'
        yield Finding(("name",), what, "take the line out; the folder's name is the campaign's")
