"""Provider accounts: through which plugin a channel's messages leave now, and how many may.

A channel has one plugin, or a second one for when the first fails. Each is an account with a
breaker and a pace of its own, which all workers share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from channels.contract import Channel, Outcome
from orchestrator.flow.outcomes import asked_to_wait, signs
from orchestrator.flow.pace import LocalPace, Pace
from orchestrator.model.account import AccountName
from orchestrator.model.breaker import Breaker
from orchestrator.model.shop import ChannelUse, Shop
from orchestrator.store.accounts import breaker_of, change_breaker
from orchestrator.store.controls import is_paused


@dataclass(frozen=True)
class Account:
    """One plugin behind one of the shop's channels. `rate_per_s`: None where nobody set one."""

    name: AccountName
    channel: Channel[Any]
    rate_per_s: float | None

    @property
    def plugin(self) -> str:
        """The plugin's name."""
        return self.name.plugin


@dataclass(frozen=True)
class Allowance:
    """So many messages may leave through an account now."""

    account: Account
    most: int
    breaker: Breaker


@dataclass(frozen=True)
class Wait:
    """Nothing may leave yet."""

    seconds: float


@dataclass(frozen=True)
class Accounts:
    """The accounts of one shop. `channels` and `failovers` are open, by the shop's names."""

    shop: Shop
    channels: Mapping[str, Channel[Any]]
    failovers: Mapping[str, Channel[Any]] = field(default_factory=dict)
    pace: Pace = field(default_factory=LocalPace)

    def of(self, name: str) -> Sequence[Account]:
        """The accounts of a channel, the favourite first."""
        use = self.shop.channels[name]
        found = [self._account(name, use, use.through, self.channels[name])]
        if use.failover is not None and name in self.failovers:
            found.append(self._account(name, use, use.failover, self.failovers[name]))
        return found

    def may_leave(
        self, connection: Connection, name: str, wanted: int, now: datetime, at_s: float
    ) -> Allowance | Wait:
        """How many of `wanted` may leave on a channel, through the first account that works and is
        not paused."""
        wait = math.inf
        for account in self.of(name):
            if is_paused(connection, "provider", account.plugin):
                continue
            breaker = breaker_of(connection, account.name)
            most = breaker.most(now)
            if most == 0:
                assert breaker.open_until is not None  # that is what keeps it open
                wait = min(wait, (breaker.open_until - now).total_seconds())
                continue
            most = min(
                wanted if most is None else most, account.channel.capabilities.batch_size_max
            )
            if account.rate_per_s is not None:
                most = self.pace.take(str(account.name), most, account.rate_per_s, at_s)
                if not most:
                    return Wait(1 / account.rate_per_s if account.rate_per_s else math.inf)
            return Allowance(account, most, breaker)
        return Wait(wait)

    def unused(self, allowance: Allowance, used: int) -> None:
        """Fewer have left than were allowed."""
        if allowance.account.rate_per_s is not None and used < allowance.most:
            self.pace.give_back(str(allowance.account.name), allowance.most - used)

    def spend(self, connection: Connection, allowance: Allowance, again: int, now: datetime) -> int:
        """Take the credit for `again` second attempts, before any of them leaves; for how many.

        It is taken from the account's row, in the transaction that claims them. So all workers
        together stay within it, however many claim at once and whoever dies of it. What is stopped
        afterwards has cost its credit, too.
        """
        granted = 0

        def change(breaker: Breaker) -> Breaker:
            nonlocal granted
            granted = min(again, breaker.retries(now))
            return breaker.tried(0, granted, now)

        if again:
            change_breaker(connection, allowance.account.name, change, now)
        return granted

    def learn(
        self,
        connection: Connection,
        allowance: Allowance,
        outcomes: Sequence[Outcome],
        first: int,
        now: datetime,
    ) -> None:
        """What a batch's outcomes say of the account; so many of them were `first` attempts."""
        able = allowance.account.channel.capabilities
        # Where everybody has a server of their own, five that are gone would stop all the others.
        seen = [] if able.own_servers else signs(outcomes)
        wait_s = asked_to_wait(outcomes)
        before = allowance.breaker

        def change(breaker: Breaker) -> Breaker:
            for sign in seen:
                breaker = breaker.saw(sign, now)
            if wait_s is not None:
                breaker = breaker.waits(now + timedelta(seconds=wait_s))
            return breaker.tried(first, 0, now)

        # Nearly always all is well: then nobody need wait for the row.
        if change(before) != before:
            change_breaker(connection, allowance.account.name, change, now)

    def _account(self, name: str, use: ChannelUse, plugin: str, channel: Channel[Any]) -> Account:
        rate = channel.capabilities.rate_per_s
        if use.pace is not None:
            rate = use.pace.count / use.pace.per.total_seconds()
        return Account(AccountName(name, plugin), channel, rate)
