"""Dispatch: what is due leaves. Claim, render, admit, write once, record.

Between claiming and recording no transaction is open while anything is rendered or written. Before
the write every gate is asked once more, and what does not pass ends with that gate's reason. Each
batch is judged by the moment at which it leaves, and written within `HOLD` of that or not at all.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from channels.contract import Channel, Item, Outcome
from orchestrator.flow.accounts import Accounts, Allowance, Wait
from orchestrator.flow.compose import Composed, Composer, NotComposed
from orchestrator.flow.gather import gather
from orchestrator.flow.hand_over import hand_over
from orchestrator.flow.known import Known
from orchestrator.flow.last_check import Checked, last_check
from orchestrator.flow.outcomes import Answered, answered
from orchestrator.flow.put_back import (
    end_of,
    left_to_others,
    one_by_one,
    one_each,
    readable,
    within_credit,
)
from orchestrator.flow.statements import Statements
from orchestrator.flow.watch import Watch
from orchestrator.model.message import State
from orchestrator.model.patience import USUAL, Patience
from orchestrator.rules.clocks import HOLD
from orchestrator.store import attempts, controls
from orchestrator.store import messages as ledger
from orchestrator.store.claims import Claimed, claim
from orchestrator.store.clocks import clocks_of
from orchestrator.store.consents import BY_PROVIDER, suppress
from orchestrator.store.database import reading, writing
from orchestrator.store.leases import tidy
from orchestrator.store.messages import Move
from orchestrator.store.targets import Target, keep_targets
from orchestrator.store.waiting import due_by_channel

BATCH_SIZE_MAX = 500
SUSPECT_EVERY = 10
"""One batch of so many is a suspect, if there is one: else it would wait while anything is due."""

_log = logging.getLogger(__name__)

Tell = Callable[[int], None]
"""Is told how many messages came to an end or went back."""


@dataclass
class Sent:
    """What sending came to: state → messages, and how soon the provider may be given more."""

    states: Counter[str] = field(default_factory=Counter)
    wait_s: float | None = None

    def add(self, other: "Sent") -> None:
        """Both together; the shorter wait counts."""
        self.states.update(other.states)
        waits = [wait for wait in (self.wait_s, other.wait_s) if wait is not None]
        self.wait_s = min(waits, default=None)


@dataclass(frozen=True)
class Dispatcher:
    """Sends what is due on the channels of one shop."""

    engine: Engine
    statements: Statements
    composer: Composer
    accounts: Accounts
    known: Known
    new_token: Callable[[], str]
    patience: Patience = USUAL
    _batches: Iterator[int] = field(default_factory=lambda: count(1), init=False, repr=False)

    def dispatch(self, watch: Watch, tell: Tell = lambda number: None) -> Sent:
        """Send on every channel until nothing more is due, or a provider may not be given more."""
        self.tidy(watch.now())
        met = Sent()
        for name in self._due(watch.now()):
            met.add(self.dispatch_channel(name, watch, tell))
        return met

    def _due(self, now: datetime) -> list[str]:
        """On which channels something may leave. Nobody is locked out by asking: most often there
        is nothing."""
        channels = {
            name: [account.plugin for account in self.accounts.of(name)]
            for name in self.accounts.channels
        }
        with reading(self.engine) as connection:
            due = due_by_channel(connection, channels, now, most=1)
        return [name for name in channels if name in due]

    def tidy(self, now: datetime) -> int:
        """End what has expired, and see to what workers have left behind."""
        with writing(self.engine) as connection:
            return tidy(connection, now)

    def dispatch_channel(
        self,
        name: str,
        watch: Watch,
        tell: Tell = lambda number: None,
        until: Callable[[], bool] = lambda: False,
    ) -> Sent:
        """Send on one channel, a batch after the other, `until` somebody wants it to end."""
        met = Sent()
        while not until():
            batch = self._batch(name, watch)
            if isinstance(batch, Wait):
                return Sent(met.states, batch.seconds)
            if not batch:
                break
            met.states.update(batch)
            tell(batch.total())
        return met

    def _batch(self, name: str, watch: Watch) -> Counter[str] | Wait:
        token, now = self.new_token(), watch.now()
        allowance, claimed, earned = self._claim(name, token, now, watch.monotonic())
        if isinstance(allowance, Wait):
            return allowance
        if not claimed:
            self.accounts.unused(allowance, 0)
            return Counter()
        channel = allowance.account.channel
        first, rest = one_each(claimed)
        first, unearned = within_credit(first, earned)
        first, strange = readable(first, self.known)
        made, failed = self._compose(first, channel, now)
        moves = [Move(c.id, State.PLANNED, again_at=now) for c in rest]
        moves += one_by_one(unearned, now)
        moves += [left_to_others(c, now) for c in strange]
        moves += [end_of(one, now, self.patience) for one in failed]
        for what in sorted({one.detail for one in failed if one.state is State.DEFERRED}):
            _log.error(what)
        write_until_s = watch.monotonic() + HOLD.total_seconds()
        admitted, stopped, now = self._admit(allowance, made, failed, token, moves, watch)
        self.accounts.unused(allowance, len(admitted))
        items = [one.item for one in admitted.values()]
        outcomes = hand_over(channel, items, write_until_s, watch, now)
        recorded = self._record(allowance, admitted, outcomes, token, watch.now())
        return Counter(str(move.state) for move in (*moves, *stopped, *recorded))

    def _claim(
        self, name: str, token: str, now: datetime, at_s: float
    ) -> tuple[Allowance | Wait, list[Claimed], int]:
        """What is due, and for how many second attempts among it there is credit."""
        with writing(self.engine) as connection:
            controls.keep_moving(connection)
            allowance = self.accounts.may_leave(connection, name, BATCH_SIZE_MAX, now, at_s)
            if isinstance(allowance, Wait):
                return allowance, [], 0
            claimed = claim(
                connection,
                name,
                now,
                batch_size=allowance.most,
                token=token,
                lease_until=now + self.patience.lease,
                may_retry=allowance.breaker.may_retry(now),
                suspect_first=next(self._batches) % SUSPECT_EVERY == 0,
            )
            again = sum(1 for one in one_each(claimed)[0] if one.tries)
            # The last lock of the transaction: so nobody waits for another here.
            earned = self.accounts.spend(connection, allowance, again, now)
        return allowance, claimed, earned

    def _compose(
        self, claimed: Sequence[Claimed], channel: Channel[Any], now: datetime
    ) -> tuple[list[Composed], list[NotComposed]]:
        with reading(self.engine) as connection:
            gathered = gather(connection, claimed, self.known.of, self.statements, now)
        tried = [
            self.composer.compose(one, self.known.of(one.version), gathered, channel, now)
            for one in claimed
        ]
        made = [one for one in tried if isinstance(one, Composed)]
        return made, [one for one in tried if isinstance(one, NotComposed)]

    def _admit(
        self,
        allowance: Allowance,
        made: Sequence[Composed],
        failed: Sequence[NotComposed],
        token: str,
        moves: list[Move],
        watch: Watch,
    ) -> tuple[dict[int, "Admitted"], list[Move], datetime]:
        """One transaction: the gates once more, the caps reserved, the attempts begun.

        It is asked what time it is once the locks are held: whatever was said before that counts.
        The answer: what may be written, by attempt, the moves of what may not, and that instant.
        """
        by_id = {one.claimed.id: one for one in made}
        with writing(self.engine) as connection:
            controls.hold(connection)
            ledger.lock_customers(connection, {one.claimed.customer_id for one in made})
            now = watch.now()
            provider = allowance.account.plugin
            checked = self._checked(connection, made, provider, now)
            ledger.move(connection, token, [*moves, *checked.moves], now)
            for one in failed:
                ledger.log(connection, one.claimed.id, one.reason, one.detail, now)
            passing = by_id.keys() - {move.id for move in checked.moves}
            lease_until = now + HOLD + self.patience.lease
            ids = ledger.admit(connection, token, passing, now, lease_until=lease_until)
            begun = attempts.begin(connection, token, sorted(ids), provider, now)
            ledger.keep_contents(connection, [by_id[id].as_content() for id in begun])
            keep_targets(
                connection,
                (
                    Target(key, url, by_id[id].claimed.customer_id)
                    for id in begun
                    for key, url in by_id[id].targets.items()
                ),
                now,
            )
        admitted = {
            attempt: Admitted(by_id[id], _item(by_id[id], attempt, checked.closes_at.get(id)))
            for id, attempt in begun.items()
        }
        return admitted, checked.moves, now

    def _checked(
        self, connection: Connection, made: Iterable[Composed], provider: str, now: datetime
    ) -> Checked:
        """Every gate once more, send by send and channel by channel."""
        groups: dict[tuple[str, int, str], dict[int, Composed]] = {}
        for one in made:
            key = (one.claimed.version, one.claimed.step, one.claimed.channel)
            groups.setdefault(key, {})[one.claimed.id] = one
        clocks = clocks_of(connection, {one.claimed.customer_id for one in made})
        found = Checked()
        for (digest, step, channel), group in groups.items():
            question = self.statements.on_sending(self.known.of(digest), step, channel)
            checked = last_check(connection, question, group, clocks, provider, now)
            found.moves.extend(checked.moves)
            found.closes_at.update(checked.closes_at)
        return found

    def _record(
        self,
        allowance: Allowance,
        admitted: Mapping[int, "Admitted"],
        outcomes: Sequence[Outcome],
        token: str,
        now: datetime,
    ) -> list[Move]:
        ends = {
            attempt: (one.made.claimed, answered(one.made.claimed, outcome, now, self.patience))
            for (attempt, one), outcome in zip(admitted.items(), outcomes, strict=True)
        }
        if not ends:
            return []
        moves = [end.move for _, end in ends.values()]
        with writing(self.engine) as connection:
            controls.keep_moving(connection)
            if ledger.move(connection, token, moves, now) < len(moves):
                ledger.accept_late(connection, _accepted(ends), now)
            attempts.end(
                connection,
                [
                    (attempt, end.outcome, end.detail, end.move.provider_ref)
                    for attempt, (_, end) in ends.items()
                ],
            )
            for claimed, end in ends.values():
                if end.suppress is not None:
                    suppress(connection, claimed.address_key, end.suppress, BY_PROVIDER, now)
            first = sum(1 for claimed, _ in ends.values() if not claimed.tries)
            self.accounts.learn(connection, allowance, outcomes, first, now)
        return moves


class Admitted(NamedTuple):
    """What may be written: as it was made, and as the channel gets it."""

    made: Composed
    item: Item


def _item(made: Composed, attempt: int, closes_at: datetime | None) -> Item:
    """As this attempt writes it; before it is quiet again no provider may still hold it."""
    item = made.prepared.item
    ends = [at for at in (item.not_after, closes_at) if at is not None]
    return item.of_attempt(str(attempt), not_after=min(ends, default=None))


def _accepted(ends: Mapping[int, tuple[Claimed, Answered]]) -> list[tuple[int, int, str]]:
    return [
        (claimed.id, attempt, end.move.provider_ref)
        for attempt, (claimed, end) in ends.items()
        if end.move.provider_ref is not None
    ]
