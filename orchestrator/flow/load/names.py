"""The names that a campaign may use, and what to say about one that does not exist."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from orchestrator.flow.load.finding import Finding
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.condition import Path
from orchestrator.model.problem import did_you_mean
from orchestrator.model.shop import Shop


@dataclass(frozen=True, slots=True)
class Names:
    """What is known by name: the shop's words, and the campaigns beside this one.

    `unsure`: names in `shop.yaml` whose own definition is wrong, so that nothing is said of their
    use. `installed`: the channel plugins; None where nobody looked.
    """

    shop: Shop
    campaigns: Collection[str] = frozenset()
    unsure: Collection[str] = frozenset()
    installed: Collection[str] | None = None

    def look(
        self, name: str, known: Iterable[str], path: Path, what: str, where: str = "shop.yaml"
    ) -> Iterator[Finding]:
        """A finding where `name` is not among the `known`."""
        known = set(known)
        if name not in known and name not in self.unsure:
            near = did_you_mean(name, known)
            fix = near if near.startswith("did") or not known else f"{where} has {near[7:]}"
            yield Finding(path, f'there is no {what} "{name}"', fix or f"{where} has none")

    def event(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether an event is one that arrives."""
        yield from self.look(name, self.shop.events, path, "event")

    def topic(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether customers can subscribe to a topic."""
        yield from self.look(name, self.shop.topics, path, "topic")

    def segment(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether a segment is defined."""
        yield from self.look(name, self.shop.segments, path, "segment")

    def channel(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether the shop uses a channel."""
        known = [channel for channel in self.shop.channels if channel in ADDRESS_KINDS]
        yield from self.look(name, known, path, "channel")

    def campaign(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether a campaign exists."""
        yield from self.look(name, self.campaigns, path, "campaign", "the folder campaigns")

    def theme(self, name: str, path: Path) -> Iterator[Finding]:
        """Whether a theme is defined."""
        yield from self.look(name, self.shop.themes, path, "theme")
