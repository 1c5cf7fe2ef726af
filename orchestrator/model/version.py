"""A campaign version: its exact content, so that "why did she get this?" stays answerable."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

from orchestrator.model.campaign import Campaign
from orchestrator.model.condition import Path
from orchestrator.model.shop import Shop

PREFERRED = "preferred"

TEMPLATE_FILES: Mapping[str, tuple[str, ...]] = {
    "email": ("email.subject.j2", "email.html.j2"),
    "sms": ("sms.txt.j2",),
    "whatsapp": ("whatsapp.txt.j2",),
    "messenger": ("messenger.txt.j2",),
    "social": ("social.txt.j2",),
    "webpush": ("webpush.subject.j2", "webpush.txt.j2"),
    "inbox": ("inbox.subject.j2", "inbox.txt.j2"),
    "webhook": ("webhook.txt.j2",),
}
"""The template files of a message on each channel; a step's `template` comes before them."""

INSTEAD_OF: Mapping[str, str] = {"email.html.j2": "email.mjml.j2"}
"""What may be written in place of a template file."""


def missing_files(channel: str, prefix: str, files: Container[str]) -> list[str]:
    """The template files that a message on this channel wants and has not."""
    return [
        prefix + name
        for name in TEMPLATE_FILES.get(channel, ())
        if prefix + name not in files and prefix + INSTEAD_OF.get(name, name) not in files
    ]


@dataclass(frozen=True)
class Place:
    """Where something stands in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Settings:
    """`shop.yaml` and the shared templates, with the digest of their text."""

    digest: str
    shop: Shop
    files: Mapping[str, str]  # path below the shop's folder → text; shop.yaml and templates/*
    places: Mapping[Path, Place]


@dataclass(frozen=True)
class Version:
    """One campaign as it was written, together with the settings that it was written under."""

    digest: str
    campaign: Campaign
    settings: Settings
    files: Mapping[str, str]  # file name in the campaign's folder → text
    places: Mapping[Path, Place]

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.campaign.name

    @property
    def shop(self) -> Shop:
        """The shop it belongs to."""
        return self.settings.shop

    @property
    def needs_approval(self) -> bool:
        """Whether nothing of it is planned before somebody has approved of this very content."""
        return (self.campaign.approval or self.shop.approval) == "required"

    def prefix(self, step: int) -> str:
        """What the names of a step's template files begin with: "" or "last-call."."""
        template = self.campaign.sends[step].template
        return f"{template}." if template else ""

    def has_templates(self, step: int, channel: str) -> bool:
        """Whether the files for a message on this channel are all there."""
        known = channel in TEMPLATE_FILES
        return known and not missing_files(channel, self.prefix(step), self.files)

    @cached_property
    def routes(self) -> dict[int, "Route"]:
        """For each send, the channels it may take."""
        return {step: self._route(step) for step in self.campaign.sends}

    def _route(self, step: int) -> "Route":
        written = self.campaign.channels_of(step) or (PREFERRED, *self.shop.channels)
        usable = [name for name in self.shop.channels if self.has_templates(step, name)]
        named = [name for name in written if name in usable]
        if PREFERRED not in written:
            return Route(tuple(named), prefer=False)
        others = [name for name in usable if name not in named]
        return Route((*named, *others), prefer=True, only_if_preferred=frozenset(others))

    def place(self, path: Path) -> Place | None:
        """Where in the campaign's files the nearest written thing to `path` stands."""
        return nearest(self.places, path)


@dataclass(frozen=True)
class Route:
    """The channels of a send, in order.

    With `prefer`, the customer's own choice comes first. A channel in `only_if_preferred` was not
    named by the marketer and is taken only where the customer prefers it.
    """

    channels: tuple[str, ...]
    prefer: bool = False
    only_if_preferred: frozenset[str] = frozenset()


def nearest(places: Mapping[Path, Place], path: Path) -> Place | None:
    """The place of `path`, or of the nearest thing around it that has one."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path)
