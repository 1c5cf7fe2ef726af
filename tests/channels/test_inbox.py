"""The inbox as a channel; what its feed shows is tested in tests/flow/test_inbox.py."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from channels.contract import Accepted, Attempt, Channel, Item, Outcome
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from channels.inbox import InboxChannel, InboxSettings


class Counting(InboxChannel):
    """The provider is our own ledger, which records what the channel says."""

    taken = 0

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        outcomes = super().send(items, deadline_s, now)
        self.taken += sum(isinstance(one, Accepted) for one in outcomes)
        return outcomes


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self) -> Counting:
        return Counting(InboxSettings())

    @pytest.fixture
    def taken(self, channel: Counting) -> Callable[[], int]:
        return lambda: channel.taken

    def test_what_was_accepted_can_be_found(self, channel: Channel[Any]) -> None:
        """So is every other one: the ledger, which asks, is where they are."""
        item = self.item(channel)
        (outcome,) = channel.send([item], DEADLINE_S, NOW)
        attempt = Attempt("1", "1", "inbox", item.address, item.text, item.stable_id, NOW)
        assert channel.find(attempt) == outcome

    def test_what_it_accepts_has_its_own_name(self, channel: Counting) -> None:
        item = self.item(channel)
        assert channel.send([item], DEADLINE_S, NOW) == [Accepted(item.stable_id)]
