"""Dispatch: what is due leaves. Claim, render, admit, write once, record.

Between claiming and recording no transaction is open while anything is rendered or written. Before
the write every gate is asked once more, and what does not pass ends with that gate's reason.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from channels.contract import Channel, Outcome
from orchestrator.flow.compose import Composed, Composer, NotComposed
from orchestrator.flow.gather import gather
from orchestrator.flow.last_check import last_check
from orchestrator.flow.outcomes import answered
from orchestrator.flow.statements import Statements
from orchestrator.model.message import State
from orchestrator.model.shop import Shop
from orchestrator.model.version import Version
from orchestrator.rules.clocks import HOLD
from orchestrator.store import messages as ledger
from orchestrator.store.clocks import clocks_of
from orchestrator.store.consents import suppress
from orchestrator.store.database import reading, writing
from orchestrator.store.messages import Claimed, Move

BATCH_SIZE_MAX = 500
LEASE = timedelta(minutes=2)
"""How long a worker may hold what it has claimed, and how long a write may stay unanswered."""

Tell = Callable[[int], None]
"""Is told how many messages came to an end or went back."""


@dataclass(frozen=True)
class Dispatcher:
    """Sends what is due on the channels of one shop."""

    engine: Engine
    statements: Statements
    composer: Composer
    shop: Shop
    channels: Mapping[str, Channel[Any]]
    version_of: Callable[[str], Version]
    new_token: Callable[[], str]

    def dispatch(self, now: datetime, tell: Tell = lambda number: None) -> Counter[str]:
        """Send until nothing more is due at `now`; state → messages that came to it."""
        with writing(self.engine) as connection:
            ledger.tidy(connection, now)
        met: Counter[str] = Counter()
        for name, channel in self.channels.items():
            while batch := self._batch(name, channel, now):
                met.update(batch)
                tell(batch.total())
        return met

    def _batch(self, name: str, channel: Channel[Any], now: datetime) -> Counter[str]:
        token = self.new_token()
        claimed = self._claim(name, channel, token, now)
        if not claimed:
            return Counter()
        first, rest = one_each(claimed)
        made, failed = self._compose(first, channel, now)
        moves = [Move(c.id, State.PLANNED, again_at=now) for c in rest]
        moves += [Move(f.claimed.id, f.state, f.reason) for f in failed]
        admitted, stopped = self._admit(made, failed, token, moves, now)
        outcomes = self._write(channel, admitted, now)
        recorded = self._record(admitted, outcomes, token, now)
        return Counter(str(move.state) for move in (*moves, *stopped, *recorded))

    def _claim(self, name: str, channel: Channel[Any], token: str, now: datetime) -> list[Claimed]:
        with writing(self.engine) as connection:
            return ledger.claim(
                connection,
                name,
                self.shop.channels[name].through,
                now,
                batch_size=min(BATCH_SIZE_MAX, channel.capabilities.batch_size_max),
                token=token,
                lease_until=now + LEASE,
            )

    def _compose(
        self, claimed: Sequence[Claimed], channel: Channel[Any], now: datetime
    ) -> tuple[list[Composed], list[NotComposed]]:
        versions = {digest: self.version_of(digest) for digest in {c.version for c in claimed}}
        with reading(self.engine) as connection:
            gathered = gather(connection, claimed, versions.__getitem__, now)
        tried = [
            self.composer.compose(one, self.version_of(one.version), gathered, channel, now)
            for one in claimed
        ]
        made = [one for one in tried if isinstance(one, Composed)]
        return made, [one for one in tried if isinstance(one, NotComposed)]

    def _admit(
        self,
        made: Sequence[Composed],
        failed: Sequence[NotComposed],
        token: str,
        moves: list[Move],
        now: datetime,
    ) -> tuple[dict[int, Composed], list[Move]]:
        """One transaction: the gates once more, the caps reserved, the attempts begun.

        The answer: what may be written, by attempt, and the moves of what may not.
        """
        by_id = {one.claimed.id: one for one in made}
        with writing(self.engine) as connection:
            ledger.lock_customers(connection, {one.claimed.customer_id for one in made})
            stopped = self._stopped(connection, made, now)
            ledger.move(connection, token, [*moves, *stopped], now)
            for one in failed:
                ledger.log(connection, one.claimed.id, one.reason, one.detail, now)
            passing = by_id.keys() - {move.id for move in stopped}
            ids = ledger.admit(connection, token, passing, now, lease_until=now + HOLD + LEASE)
            begun = ledger.begin_attempts(connection, token, sorted(ids), now)
            ledger.keep_contents(connection, [by_id[id].as_content() for id in begun])
        return {attempt: by_id[id] for id, attempt in begun.items()}, stopped

    def _stopped(
        self, connection: Connection, made: Iterable[Composed], now: datetime
    ) -> list[Move]:
        """Those that may not leave now, each with where it goes instead."""
        groups: dict[tuple[str, int, str], dict[int, Composed]] = {}
        for one in made:
            key = (one.claimed.version, one.claimed.step, one.claimed.channel)
            groups.setdefault(key, {})[one.claimed.id] = one
        clocks = clocks_of(connection, {one.claimed.customer_id for one in made})
        return [
            move
            for (digest, step, channel), group in groups.items()
            for move in last_check(
                connection,
                self.statements.on_sending(self.version_of(digest), step, channel),
                group,
                clocks,
                now,
            )
        ]

    def _write(
        self, channel: Channel[Any], admitted: Mapping[int, Composed], now: datetime
    ) -> list[Outcome]:
        items = [
            dataclasses.replace(one.prepared.item, attempt_id=str(attempt))
            for attempt, one in admitted.items()
        ]
        return channel.send(items, HOLD.total_seconds(), now) if items else []

    def _record(
        self,
        admitted: Mapping[int, Composed],
        outcomes: Sequence[Outcome],
        token: str,
        now: datetime,
    ) -> list[Move]:
        ends = {
            attempt: (one.claimed, answered(one.claimed, outcome, now))
            for (attempt, one), outcome in zip(admitted.items(), outcomes, strict=True)
        }
        moves = [end.move for _, end in ends.values()]
        with writing(self.engine) as connection:
            ledger.move(connection, token, moves, now)
            ledger.end_attempts(
                connection,
                [
                    (attempt, end.outcome, end.detail, end.move.provider_ref)
                    for attempt, (_, end) in ends.items()
                ],
            )
            for claimed, end in ends.values():
                if end.suppress is not None:
                    suppress(connection, claimed.address_key, end.suppress, "provider", now)
        return moves


def one_each(claimed: Sequence[Claimed]) -> tuple[list[Claimed], list[Claimed]]:
    """At most one message for a customer and for an address, the first in order; and the rest.

    Two of one batch could not see each other in the caps: the rest is asked about afterwards.
    """
    customers: set[int] = set()
    addresses: set[str] = set()
    first, rest = [], []
    for one in claimed:
        if one.customer_id in customers or one.address_key in addresses:
            rest.append(one)
        else:
            first.append(one)
        customers.add(one.customer_id)
        addresses.add(one.address_key)
    return first, rest
