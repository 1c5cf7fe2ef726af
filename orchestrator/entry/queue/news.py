"""Calls workers to what was imported, so that nobody waits for the next look at everyone."""

from dataclasses import dataclass

from orchestrator.entry.queue.hints import IDS_MAX, Hints
from orchestrator.flow.ingest import Ingested

CUSTOMERS_MAX = 10 * IDS_MAX
"""Of one import, at most so many are decided about one by one: the others soon, with everyone."""


@dataclass
class News:
    """What one import brings. Whom nobody is called to, `tactful tick` finds some seconds later."""

    hints: Hints
    left: int = CUSTOMERS_MAX
    wide: bool = False
    """Something that concerns whomever it may, such as a price, or more customers than that."""

    def told(self, done: Ingested) -> None:
        """A batch was committed."""
        ids = sorted(done.customers)
        self.wide = self.wide or bool(done.changes) or len(ids) > self.left
        now, self.left = ids[: self.left], self.left - len(ids[: self.left])
        if now and not self.hints.decide(now):
            self.left = 0  # nobody hears: so nothing more is said, lest the import wait for it

    def end(self) -> None:
        """All of it is there."""
        if self.wide:
            self.hints.plan()
