"""What need not be decided yet, since more waits to leave than can leave soon.

A scheduled pass over everyone, or over a product's price, can wait: its messages would stand at the
end of the line, and be decided on what was known too early. What one customer has just done cannot.
"""

from collections.abc import Mapping, Sequence
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
        self._of: Sequence[Version] | None = None
        self._planner: Planner | None = None

    def waits(self, due: Mapping[str, int]) -> bool:
        """Whether the passes wait. `due`: channel → messages."""
        return any(number > self._due_max for number in due.values())

    def plan(self, now: datetime, due: Mapping[str, int]) -> list[Verdicts]:
        """Decide about what is due to be decided."""
        if not self.waits(due):
            return self._tactful.plan(now)
        urgent = self._urgent()
        with writing(self._tactful.engine) as connection:
            verdicts = urgent.plan(connection, now)
        urgent.committed()
        return verdicts

    def _urgent(self) -> Planner:
        """Of the campaigns that are at work: others may have been published meanwhile."""
        tactful = self._tactful
        if self._planner is None or self._of is not tactful.versions:
            self._of = tactful.versions
            urgent = [version for version in self._of if not _is_pass(version)]
            self._planner = Planner(urgent, tactful.statements, tactful.known.read)
        return self._planner


def _is_pass(version: Version) -> bool:
    return isinstance(
        version.campaign.trigger, OnCron | OnDay | OnDate | OnPriceDrop | OnBackInStock
    )
