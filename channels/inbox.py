"""Messages that wait in the shop's own site or app.

There is no provider: the ledger, which keeps what every message said, is the inbox itself, and
accepting is all that is left to do. `orchestrator/flow/inbox.py` is the feed that the site shows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from types import MappingProxyType

from channels.contract import (
    Accepted,
    Attempt,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Finding,
    Item,
    Key,
    Level,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unsupported,
    size_of,
)


class InboxSettings(ChannelSettings):
    """There is nothing to set."""


class InboxChannel(Channel[InboxSettings]):
    """The address is the customer's own key, as the shop's site knows who has signed in."""

    name = "inbox"
    Settings = InboxSettings
    capabilities = Capabilities(
        kinds=frozenset({"inbox"}),
        parts=MappingProxyType({"inbox": frozenset({"subject", "html", "text"})}),
        batch_size_max=1_000,
        rate_per_s=None,
        # However often it is accepted, a message stands in the feed once: for years.
        idempotency=Key(timedelta(days=3_650)),
        search=True,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=64_000,
    )

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self.cannot_carry(item)
        return fault or Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end_s = monotonic() + deadline_s
        return [self._accept(item, end_s) for item in items]

    def find(self, attempt: Attempt) -> Accepted:
        """Whoever died before saying so had it in hand already: it stands in the ledger, and asking
        for it is enough to show it."""
        return Accepted(attempt.stable_id)

    def check(self) -> list[Finding]:
        return [Finding(Level.good, "messages wait in the ledger for the shop's own site")]

    def _accept(self, item: Item, end_s: float) -> Outcome:
        fault = self.cannot_carry(item)
        if fault is not None:
            return Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        if monotonic() >= end_s:
            return Deferred(0.0, "not written before the deadline")
        return Accepted(item.stable_id)
