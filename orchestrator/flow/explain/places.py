"""Where a rule is written."""

from dataclasses import dataclass

from orchestrator.model.condition import Path
from orchestrator.model.version import Version, nearest


@dataclass(frozen=True, slots=True)
class Spot:
    """A line of a file. Line 0: nowhere in it, so the rule is Tactful's own default."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else f"{self.file} (not written: default)"


def spot(version: Version, path: Path) -> Spot | None:
    """Where a path of a campaign stands; a path that begins with "shop" leads into shop.yaml."""
    if not path:
        return None
    places, at, file = version.places, path, f"campaigns/{version.name}/campaign.yaml"
    if path[0] == "shop":
        places, at, file = version.settings.places, path[1:], "campaigns/shop.yaml"
    found = nearest(places, at)
    if found is None or found == places.get(()):
        return Spot(file, 0)
    return Spot(found.file, found.line)
