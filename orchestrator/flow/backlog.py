"""What need not be decided yet, since more waits to leave than can leave soon.

A scheduled pass over everyone, or over a product's price, can wait: its messages would stand at the
end of the line, and be decided on what was known too early. What one customer has just done cannot.
"""

from collections.abc import Mapping
from datetime import datetime

from orchestrator.flow.plan import Planner, Verdicts
from orchestrator.flow.tactful import Tactful
from orchestrator.model.trigger import OnBackInStock, OnCron, OnDate, OnDay, OnPriceDrop
from orchestrator.model.version import Version
from orchestrator.store.database import writing


class Unhurried:
    """Plans like the engine, but leaves the passes for later while too much is due.

    `due_max`: so many messages due on one channel are too many to plan a pass on top of them.
    """

    def __init__(self, tactful: Tactful, due_max: int) -> None:
        self._tactful = tactful
        self._due_max = due_max
        urgent = [version for version in tactful.versions if not _is_pass(version)]
        self._urgent = Planner(
            urgent, tactful.statements, lambda _, digest: tactful.version_of(digest)
        )

    def waits(self, due: Mapping[str, int]) -> bool:
        """Whether the passes wait. `due`: channel → messages."""
        return any(number > self._due_max for number in due.values())

    def plan(self, now: datetime, due: Mapping[str, int]) -> list[Verdicts]:
        """Decide about what is due to be decided."""
        if not self.waits(due):
            return self._tactful.plan(now)
        with writing(self._tactful.engine) as connection:
            verdicts = self._urgent.plan(connection, now)
        self._urgent.committed()
        return verdicts


def _is_pass(version: Version) -> bool:
    return isinstance(
        version.campaign.trigger, OnCron | OnDay | OnDate | OnPriceDrop | OnBackInStock
    )
