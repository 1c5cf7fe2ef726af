"""Provider accounts: shared breakers, second attempts, a second plugin, answers that come late."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from channels.contract import Deferred, Item, Outcome, Reason, Rejected, Unknown
from channels.outbox import OutboxSettings
from orchestrator.flow.accounts import Accounts
from orchestrator.flow.hand_over import FIRST_WRITTEN
from orchestrator.flow.watch import Watch
from orchestrator.model.account import AccountName
from orchestrator.model.breaker import FAILURES_MAX, OPEN_FOR, Breaker
from orchestrator.rules.clocks import HOLD
from orchestrator.store.accounts import breakers, change_breaker
from orchestrator.store.controls import pause
from orchestrator.store.database import reading, writing
from orchestrator.tables import attempts, messages
from tests.support.channel import Recording
from tests.support.shop import NOW, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")

MINUTE = timedelta(minutes=1)
DOWN = Rejected(Reason.provider_down, "down", retryable=True)
ACCOUNT = AccountName("email", "outbox")
TWO = {
    "channels": {
        "email": {"through": "outbox", "failover": "spare", "sender": "shop@example.com"},
    }
}


class Shop(Small):
    """A shop with so many messages due, and a second plugin for its e-mail."""

    def __init__(self, folder: Path, due: int, campaign: Any = None, **more: Any) -> None:
        super().__init__(folder, {"hello": campaign or {}}, **more)
        self.batches: list[int] = []
        self.recording.before = lambda items: self.batches.append(len(items))
        for n in range(due):
            key = f"c{n}"
            self.add(customer(key), consent(key), event(key, "Signed Up", NOW))
        assert self.plan(NOW)["hello"] == Counter(planned=due)

    def answers(self, *outcomes: Outcome | None) -> None:
        """The provider's next answers, its own where None is; then it takes everything."""
        left = list(outcomes)
        self.recording.script = lambda item: left.pop(0) if left else None

    def use_spare(self) -> Recording:
        """Open the second plugin, too."""
        spare = Recording(OutboxSettings(folder=self.folder / "spare", files=False))
        old = self.tactful.accounts
        made = Accounts(old.shop, old.channels, {"email": spare})
        self.tactful.accounts = made
        object.__setattr__(self.tactful.dispatcher, "accounts", made)
        return spare

    def breaker(self, account: AccountName = ACCOUNT) -> Breaker:
        """How an account stands."""
        with reading(self.engine) as connection:
            return breakers(connection).get(account, Breaker())

    def set_breaker(self, new: Breaker) -> None:
        """Put the account where a test wants it."""
        with writing(self.engine) as connection:
            change_breaker(connection, ACCOUNT, lambda old: new, NOW)

    def states(self) -> Counter[str]:
        """State → messages."""
        return Counter(row["state"] for row in self.rows(messages))


def test_a_provider_that_fails_for_the_first_of_a_batch_is_given_no_more(tmp_path: Path) -> None:
    shop = Shop(tmp_path, FIRST_WRITTEN + 10)
    shop.recording.script = lambda item: DOWN
    assert shop.dispatch(NOW)["deferred"] == FIRST_WRITTEN + 10
    assert shop.batches == [FIRST_WRITTEN]
    assert shop.sent() == []
    assert shop.breaker().state(NOW) == "open"
    assert shop.dispatch(NOW + OPEN_FOR - timedelta(seconds=1)) == Counter()


def test_where_one_of_the_first_is_taken_the_rest_is_written_too(tmp_path: Path) -> None:
    shop = Shop(tmp_path, FIRST_WRITTEN + 10)
    shop.answers(*[DOWN] * (FIRST_WRITTEN - 1))
    assert shop.dispatch(NOW)["accepted"] == 11
    assert shop.batches == [FIRST_WRITTEN, 10]


def test_half_open_one_message_goes_first_to_see(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 8)
    shop.set_breaker(Breaker(FAILURES_MAX, 1, NOW))
    shop.dispatch(NOW)
    assert shop.batches == [1, 7]
    assert shop.states() == Counter(accepted=8)
    assert shop.breaker().trips == 0


def test_what_the_provider_refuses_of_single_messages_is_no_failure_of_its_own(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path, 10)
    shop.recording.script = lambda item: Rejected(Reason.bad_address, "no")
    assert shop.dispatch(NOW) == Counter(rejected=10)
    assert shop.breaker().state(NOW) == "closed"


class Everybodys(Recording):
    """Each address is a server of its own."""

    capabilities = replace(Recording.capabilities, own_servers=True)


def test_strangers_servers_that_are_gone_hold_nobody_else_up(tmp_path: Path) -> None:
    gone = {f"c{n}@example.com" for n in range(FIRST_WRITTEN + 5)}
    settings = OutboxSettings(folder=tmp_path, files=False)
    shop = Shop(tmp_path, FIRST_WRITTEN + 10, channel=Everybodys(settings))
    fails = itertools.cycle([Unknown("cut"), Deferred(60, "refused")])
    shop.recording.script = lambda item: next(fails) if item.address in gone else None
    assert shop.dispatch(NOW)["accepted"] == 5
    assert shop.breaker().state(NOW) == "closed"


# --- second attempts ----------------------------------------------------------------------------


def test_no_more_second_attempts_leave_than_first_ones_have_earned(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 40)
    busy = Deferred(0, "busy")
    shop.answers(*[busy] * 19, None, *[busy] * 12)
    shop.dispatch(NOW)
    assert shop.states() == Counter(deferred=31, accepted=9)
    later = NOW + 10 * MINUTE
    shop.set_breaker(Breaker(credit=14.5, at=later))
    shop.batches.clear()
    shop.dispatch(later)
    assert shop.batches == [14]
    assert shop.breaker().retries(later) == 0


def test_nothing_waits_for_ever_because_nothing_else_is_sent(tmp_path: Path) -> None:
    """The batch of a worker that died has to be tried again, and nobody earns for it."""
    shop = Shop(tmp_path, 60)
    shop.recording.script = lambda item: Deferred(0, "busy")
    shop.dispatch(NOW)
    assert shop.states() == Counter(deferred=60)
    shop.answers()
    shop.set_breaker(Breaker(credit=0, at=NOW + 10 * MINUTE))
    shop.batches.clear()
    shop.run(NOW + 10 * MINUTE, NOW + 12 * MINUTE, timedelta(seconds=5))
    assert shop.states() == Counter(accepted=60)
    assert max(shop.batches) <= 6, "as time earns it"


def test_workers_that_claim_at_once_share_the_credit(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 25)
    shop.recording.script = lambda item: Deferred(0, "busy")
    shop.dispatch(NOW)
    later = NOW + 10 * MINUTE
    shop.set_breaker(Breaker(credit=10, at=later))
    shop.batches.clear()

    def another(items: Sequence[Item]) -> None:
        shop.batches.append(len(items))
        if len(shop.batches) == 1:
            with writing(shop.engine) as connection:  # those that nobody had credit for
                connection.execute(update(messages).values(send_after=later))
            shop.dispatch(later)

    shop.recording.before = another
    shop.dispatch(later)
    assert shop.batches == [10], "the other one found none left"


def test_without_credit_only_what_was_never_tried_leaves(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 2)
    shop.answers(Deferred(0, "busy"))
    shop.dispatch(NOW)
    (tried_once,) = (who for (_, who), ends in shop.ledger().items() if ends[0][0] == "deferred")
    shop.set_breaker(Breaker(credit=0.5, at=NOW + 10 * MINUTE))
    shop.add(customer("new"), consent("new"), event("new", "Signed Up", NOW + MINUTE))
    shop.tick(NOW + 10 * MINUTE)
    assert len(shop.told()) == 2
    assert f"hello for {tried_once}" not in shop.told()
    shop.set_breaker(Breaker(credit=1, at=NOW + 20 * MINUTE))
    shop.dispatch(NOW + 20 * MINUTE)
    assert f"hello for {tried_once}" in shop.told()
    tried = {row["tries"] for row in shop.rows(messages)}
    assert tried == {1, 2}


# --- a second plugin ----------------------------------------------------------------------------


def test_after_certain_refusals_messages_leave_through_the_second_plugin(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 6, shop=TWO)
    spare = shop.use_spare()
    shop.recording.script = lambda item: DOWN
    shop.dispatch(NOW)
    assert shop.breaker().state(NOW) == "open"
    shop.dispatch(NOW + 5 * MINUTE)
    shop.set_breaker(Breaker(FAILURES_MAX, 1, NOW + 60 * MINUTE))
    shop.dispatch(NOW + 10 * MINUTE)
    assert shop.states() == Counter(accepted=6)
    assert shop.sent() == []
    taken = {row["message_id"] for row in shop.rows(attempts) if row["provider"] == "spare"}
    assert taken == {row["id"] for row in shop.rows(messages)}
    assert spare is shop.tactful.accounts.failovers["email"]


def test_what_may_have_left_never_goes_through_the_second_plugin(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 6, shop=TWO)
    spare = shop.use_spare()
    shop.recording.script = lambda item: Unknown("silence")
    shop.recording.knows = spare.knows = False
    shop.dispatch(NOW)
    assert shop.breaker().state(NOW) == "open"
    shop.run(NOW + MINUTE, NOW + 30 * MINUTE, MINUTE)
    assert shop.states() == Counter(unknown_final=6)
    assert {row["provider"] for row in shop.rows(attempts)} == {"outbox"}


def stop(shop: Shop, plugin: str) -> None:
    """Pause a plugin, as the runbook says of one that is away for long."""
    with writing(shop.engine) as connection:
        pause(connection, "provider", plugin, "test", NOW)


@pytest.mark.parametrize(
    "breaker",
    [Breaker(), *(Breaker(FAILURES_MAX, 1, NOW + by) for by in (60 * MINUTE, -MINUTE))],
    ids=["closed", "open", "half open"],
)
def test_the_second_plugin_sends_while_the_first_one_is_paused(
    tmp_path: Path, breaker: Breaker
) -> None:
    shop = Shop(tmp_path, 3, shop=TWO)
    shop.use_spare()
    shop.set_breaker(breaker)
    stop(shop, "outbox")
    shop.add(customer("new1"), consent("new1"), event("new1", "Signed Up", NOW))
    assert shop.plan(NOW)["hello"] == Counter(planned=1)
    rounds = iter([False] * 3)
    dispatch = shop.tactful.dispatcher.dispatch_channel
    dispatch("email", Watch.still(NOW), until=lambda: next(rounds, True))
    assert shop.states() == Counter(accepted=4)
    assert {row["provider"] for row in shop.rows(attempts)} == {"spare"}


def test_a_pause_of_the_second_plugin_holds_for_what_is_in_hand(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 3, shop=TWO)
    spare = shop.use_spare()
    shop.set_breaker(Breaker(FAILURES_MAX, 1, NOW + 60 * MINUTE))
    spare.rendered = lambda item: stop(shop, "spare")
    shop.dispatch(NOW)
    assert shop.rows(attempts) == []
    assert shop.states() == Counter(planned=3)


def test_where_both_are_paused_nothing_is_decided(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 1, shop=TWO)
    shop.use_spare()
    stop(shop, "outbox")
    stop(shop, "spare")
    shop.add(customer("new1"), consent("new1"), event("new1", "Signed Up", NOW))
    assert shop.plan(NOW)["hello"] == Counter(channel_paused=1)
    assert shop.dispatch(NOW) == Counter()


# --- answers that come late ---------------------------------------------------------------------


def late(shop: Shop, meanwhile: Callable[[datetime], None]) -> None:
    """The next answer comes after its lease, and after what others did meanwhile."""
    send = shop.recording.send

    def slow(items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        outcomes = send(items, deadline_s, now)
        object.__setattr__(shop.recording, "send", send)
        meanwhile(now + HOLD + shop.tactful.dispatcher.patience.lease)
        return outcomes

    object.__setattr__(shop.recording, "send", slow)


def test_an_answer_after_the_lease_still_says_that_it_was_accepted(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 1)
    shop.recording.knows = False
    seen: list[Counter[str]] = []

    def others(then: datetime) -> None:
        shop.tactful.dispatcher.tidy(then)
        seen.append(shop.states())

    late(shop, others)
    shop.dispatch(NOW)
    assert seen == [Counter(unknown=1)]
    assert shop.states() == Counter(accepted=1)
    assert [row["outcome"] for row in shop.rows(attempts)] == ["accepted"]


def test_what_was_accepted_after_all_is_not_sent_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 1, {"purpose": "service"})
    shop.recording.knows = False
    seen: list[Counter[str]] = []

    def others(then: datetime) -> None:
        for n in range(2):
            shop.tactful.dispatcher.tidy(then + n * 16 * MINUTE)
            shop.tactful.reconcile(then + n * 16 * MINUTE)
        seen.append(shop.states())

    late(shop, others)
    shop.dispatch(NOW)
    assert seen == [Counter(deferred=1)]
    assert shop.states() == Counter(accepted=1)
    shop.dispatch(NOW + 60 * MINUTE)
    assert len(shop.sent()) == 1


def test_a_late_answer_changes_nothing_once_the_message_was_tried_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, 1, {"purpose": "service"})
    shop.recording.knows = False

    def others(then: datetime) -> None:
        for n in range(2):
            shop.tactful.dispatcher.tidy(then + n * 16 * MINUTE)
            shop.tactful.reconcile(then + n * 16 * MINUTE)
        shop.recording.loses = lambda item: True
        shop.dispatch(then + 40 * MINUTE)
        shop.recording.loses = lambda item: False

    late(shop, others)
    shop.dispatch(NOW)
    assert shop.states() == Counter(unknown=1), "the second attempt's answer is the one that counts"
    assert [row["outcome"] for row in shop.rows(attempts)] == ["accepted", "unknown"]
    assert len(shop.sent()) == 2
