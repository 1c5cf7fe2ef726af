"""Looking for a lost answer: what stands for another message already is not this one."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from channels.contract import Attempt, Found, Item, Prepared, Unknown, Unsupported
from orchestrator.flow.ingest import address_key
from orchestrator.store.cancelling import Which, cancel
from orchestrator.store.consents import suppress
from orchestrator.store.database import writing
from orchestrator.store.leases import CLAIMS_MAX
from orchestrator.tables import attempts, messages
from tests.provider.channel import RecordingChannel, RecordingSettings
from tests.provider.running import RunningProvider
from tests.support.crash import Crash
from tests.support.shop import NOW, Small, consent, customer, event

SECOND = timedelta(seconds=1)
ALIKE = {"sms.txt.j2": "Your order is on its way.\n"}


@pytest.mark.parametrize(("purpose", "ends"), [("help", "unknown_final"), ("service", "accepted")])
def test_two_messages_that_read_alike_are_not_taken_for_one_another(
    purpose: str, ends: str, tmp_path: Path, provider: RunningProvider
) -> None:
    def channel() -> RecordingChannel:
        return RecordingChannel(RecordingSettings(url=provider.http_url))

    campaign = {"purpose": purpose, "trigger": {"event": "Signed Up"}, "channels": ["sms"]}
    shop = Small(
        tmp_path,
        {"hello": campaign},
        channel=channel(),
        templates={"hello": ALIKE},
    )
    shop.add(customer("ann1"), consent("ann1", "sms"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    provider.script("drop#1")  # heard, and not taken
    shop.add(event("ann1", "Signed Up", NOW + SECOND))
    shop.tick(NOW + SECOND)
    assert len(provider.log) == 1
    shop.replace_channel(channel())  # another process looks, which has not seen the first one
    for minutes in (3, 10, 20, 30):
        shop.tick(NOW + timedelta(minutes=minutes))
    shop.channel.close()
    assert len(provider.log) == (2 if purpose == "service" else 1)
    (told,) = shop.ledger().values()
    assert sorted(told) == sorted(
        [("accepted", None), (ends, None if ends == "accepted" else "no_answer")]
    )


class Faulty(RecordingChannel):
    """Cannot look for what went to one customer."""

    def find(self, attempt: Attempt) -> Found:
        """Has a mistake in it."""
        if attempt.address.startswith("ann1"):
            raise ZeroDivisionError
        return super().find(attempt)


class Vague(RecordingChannel):
    """Says nothing, where it was asked what it has found."""

    def find(self, attempt: Attempt) -> Found:
        """Has a mistake in it."""
        return None  # type: ignore[return-value]


def test_a_look_that_says_nothing_has_found_nothing(
    tmp_path: Path, provider: RunningProvider
) -> None:
    channel = Vague(RecordingSettings(url=provider.http_url))
    shop = Small(tmp_path, {"hello": {"trigger": {"event": "Signed Up"}}}, channel=channel)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    provider.script("accept_then_drop")
    shop.tick(NOW)
    shop.tick(NOW + timedelta(minutes=3))
    shop.tick(NOW + timedelta(minutes=20))
    shop.channel.close()
    assert shop.ledger() == {("hello", "ann1"): [("unknown_final", "no_answer")]}


def test_a_look_that_fails_keeps_no_other_from_being_looked_for(
    tmp_path: Path, provider: RunningProvider, caplog: pytest.LogCaptureFixture
) -> None:
    channel = Faulty(RecordingSettings(url=provider.http_url))
    shop = Small(tmp_path, {"hello": {"trigger": {"event": "Signed Up"}}}, channel=channel)
    for who in ("ann1", "bob1"):
        shop.add(customer(who), consent(who), event(who, "Signed Up", NOW))
    provider.script("accept_then_drop")
    shop.tick(NOW)
    shop.tick(NOW + timedelta(minutes=3))
    assert "the plugin recording broke down: ZeroDivisionError:" in caplog.text
    shop.tick(NOW + timedelta(minutes=20))
    shop.channel.close()
    assert shop.ledger() == {
        ("hello", "bob1"): [("accepted", None)],
        ("hello", "ann1"): [("unknown_final", "no_answer")],
    }


class Mute(RecordingChannel):
    """Never knows."""

    deadly = False

    def prepare(self, item: Item) -> Prepared | Unsupported:
        """The worker may die of it."""
        if self.deadly:
            raise Crash
        return super().prepare(item)

    def find(self, attempt: Attempt) -> Found:
        """Has no record."""
        return Unknown("no record")


def leave(shop: Small, provider: RunningProvider) -> None:
    """Too late for a second attempt."""
    shop.tick(NOW + timedelta(hours=2))


def suppressed(shop: Small, provider: RunningProvider) -> None:
    """The address must not be used any more."""
    with writing(shop.engine) as connection:
        suppress(connection, address_key("email", "ann1@example.com"), "all", "asked", NOW)
    shop.tick(NOW + timedelta(minutes=30))


def called_off(shop: Small, provider: RunningProvider) -> None:
    """Somebody cancels it."""
    (row,) = shop.rows(messages)
    with writing(shop.engine) as connection:
        cancel(connection, Which(message=row["id"]), NOW + timedelta(minutes=30))


def refused(shop: Small, provider: RunningProvider) -> None:
    """The provider does not take the second one."""
    provider.script("refuse")
    shop.tick(NOW + timedelta(minutes=30))
    assert [row["outcome"] for row in shop.rows(attempts)] == ["unknown", "rejected"]


def poisoned(shop: Small, provider: RunningProvider) -> None:
    """Workers die of the second one."""
    assert isinstance(shop.channel, Mute)
    shop.channel.deadly = True
    for n in range(CLAIMS_MAX):
        with pytest.raises(Crash):
            shop.dispatch(NOW + timedelta(minutes=30 + 3 * n))
    shop.dispatch(NOW + timedelta(minutes=30 + 3 * CLAIMS_MAX))


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (leave, "no_answer"),
        (suppressed, "no_answer"),
        (called_off, "cancelled_by_hand"),
        (refused, "no_answer"),
        (poisoned, "no_answer"),
    ],
)
def test_what_may_have_arrived_never_ends_as_if_it_had_not(
    ends: Callable[[Small, RunningProvider], None],
    reason: str,
    tmp_path: Path,
    provider: RunningProvider,
) -> None:
    channel = Mute(RecordingSettings(url=provider.http_url))
    bill = {"purpose": "service", "trigger": {"event": "Signed Up"}, "expires": "1h"}
    shop = Small(tmp_path, {"bill": bill}, channel=channel)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    provider.script("accept_then_drop")
    shop.tick(NOW)
    shop.tactful.reconcile(NOW + timedelta(minutes=20))
    assert shop.ledger() == {("bill", "ann1"): [("deferred", "no_answer")]}
    ends(shop, provider)
    shop.channel.close()
    assert len(provider.log) == 1
    assert shop.ledger() == {("bill", "ann1"): [("unknown_final", reason)]}
