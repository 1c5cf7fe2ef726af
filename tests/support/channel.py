"""A provider on the virtual clock: the outbox's log and nothing else, with scripted answers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from channels.contract import (
    Accepted,
    Attempt,
    Found,
    Item,
    Outcome,
    Prepared,
    Unknown,
    Unsupported,
)
from channels.outbox import OutboxChannel, OutboxSettings

Script = Callable[[Item], Outcome | None]
"""An answer in place of the provider's own; None lets the provider speak."""


class Recording(OutboxChannel):
    """The outbox, whose answers a test may replace.

    `script` answers instead of taking the message. `loses` names attempts' addresses whose
    messages are taken, but whose answer is lost. `rendered` is called when a message is ready,
    `before` before every write. Unless it `knows`, nothing can be found.
    """

    def __init__(self, settings: OutboxSettings) -> None:
        super().__init__(settings)
        self.script: Script = lambda item: None
        self.loses: Callable[[Item], bool] = lambda item: False
        self.before: Callable[[Sequence[Item]], None] = lambda items: None
        self.rendered: Callable[[Item], None] = lambda item: None
        self.knows = True

    def prepare(self, item: Item) -> Prepared | Unsupported:
        self.rendered(item)
        return super().prepare(item)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.before(items)
        scripted = {item.attempt_id: self.script(item) for item in items}
        taken = [item for item in items if scripted[item.attempt_id] is None]
        written = dict(zip(taken, super().send(taken, deadline_s, now), strict=True))
        return [self._answer(item, scripted[item.attempt_id] or written[item]) for item in items]

    def find(self, attempt: Attempt) -> Found:
        return super().find(attempt) if self.knows else Unknown("the provider is silent")

    def _answer(self, item: Item, outcome: Outcome) -> Outcome:
        if self.loses(item) and isinstance(outcome, Accepted):
            return Unknown("the answer was lost")
        return outcome


def open_channel(folder: Path) -> Recording:
    """A recording channel that writes its log into the folder."""
    return Recording(OutboxSettings(folder=folder, files=False))
