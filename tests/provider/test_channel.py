"""The recording channel: what is certain, what is not, and that looking for it tells the truth."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from channels.contract import (
    Accepted,
    Attempt,
    Channel,
    Deferred,
    Item,
    NotFound,
    Outcome,
    Rejected,
    Sender,
    Unknown,
)
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from tests.provider.callbacks import SIGNATURE, sign
from tests.provider.channel import RecordingChannel, RecordingKeyChannel, RecordingSettings
from tests.provider.faults import Faults, Kind, always
from tests.provider.fixtures import StartProvider
from tests.provider.running import RunningProvider

Connect = Callable[..., RecordingChannel]


@pytest.fixture
def connect(provider: RunningProvider) -> Iterator[Connect]:
    opened: list[RecordingChannel] = []

    def make(**settings: Any) -> RecordingChannel:
        values = {"url": provider.http_url, "timeout_s": 5.0, "settle_s": 0.0, **settings}
        opened.append(RecordingChannel(RecordingSettings.model_validate(values)))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


@pytest.fixture
def taken(provider: RunningProvider) -> Callable[[], int]:
    return lambda: len(provider.log)


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, connect: Connect) -> RecordingChannel:
        return connect()

    def genuine(self, channel: Channel[RecordingSettings]) -> tuple[bytes, dict[str, str]]:
        about = dict.fromkeys(("message_id", "attempt_id", "id", "to", "detail"), "1")
        event = {**about, "event": "delivered", "event_id": "e1", "at": NOW.isoformat()}
        raw = json.dumps({"events": [event]}).encode()
        return raw, {SIGNATURE: sign(raw, channel.settings.secret.get_secret_value())}


class TestContractInBatches(TestContract):
    @pytest.fixture
    def channel(self, connect: Connect) -> RecordingChannel:
        return connect(per_request=2, connections=2)


def text(number: int = 0, to: str = "+12125550100", **more: Any) -> Item:
    item = Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="sms",
        address=to,
        text=f"Milk is $2.49, number {number}.",
        subject=None,
        html=None,
        sender=Sender("The Shop", "+12125550199"),
        headers=(),
        stable_id=f"shop.{number}",
        not_after=None,
        language="en",
    )
    return replace(item, **more)


def attempt(item: Item) -> Attempt:
    return Attempt(
        item.message_id, item.attempt_id, item.kind, item.address, item.text, item.stable_id, NOW
    )


def told(outcome: Outcome) -> str:
    """An outcome in a word."""
    if isinstance(outcome, Rejected):
        again = " again" if outcome.retryable else ""
        return f"rejected {outcome.reason}{again}"
    return type(outcome).__name__.lower()


# What the sender is told when a single message meets this, and whether the provider has it.
MET: list[tuple[Kind, float | None, str, int]] = [
    (Kind.rate_limited, 30, "rejected rate_limited again", 0),
    (Kind.refuse, None, "rejected bad_address", 0),
    (Kind.refuse, 401, "rejected auth_failed again", 0),
    (Kind.refuse, 403, "rejected auth_failed again", 0),
    (Kind.refuse, 404, "rejected bad_address", 0),
    (Kind.refuse, 408, "unknown", 0),
    (Kind.refuse, 409, "unknown", 0),
    (Kind.refuse, 413, "rejected too_large", 0),
    (Kind.refuse_content, None, "rejected content_refused", 0),
    (Kind.error, None, "unknown", 0),
    (Kind.unavailable, None, "unknown", 0),
    (Kind.accept_then_error, None, "unknown", 1),
    (Kind.garbled, None, "unknown", 1),
    (Kind.accept_then_drop, None, "unknown", 1),
    (Kind.drop, None, "unknown", 0),
    (Kind.drop_early, None, "unknown", 0),
    (Kind.half_open, None, "unknown", 0),
    (Kind.slow, 0.05, "accepted", 1),
    (Kind.slow, 60, "unknown", 1),
    (Kind.late, 0.05, "accepted", 1),
    (Kind.late, 60, "unknown", 0),
]


def test_the_table_leaves_no_fault_out() -> None:
    assert {kind for kind, *_ in MET} == set(Kind)


@pytest.mark.parametrize("per_request", [1, 10])
@pytest.mark.parametrize(("kind", "value", "said", "count"), MET)
def test_what_is_said_is_certain(
    provider: RunningProvider, connect: Connect, kind: Kind, value: float | None, said: str,
    count: int, per_request: int,
) -> None:  # fmt: skip
    provider.script(always(kind, value))
    waits = kind is Kind.half_open or value == 60
    channel = connect(timeout_s=0.15 if waits else 5.0, per_request=per_request)
    (outcome,) = channel.send([text()], DEADLINE_S, NOW)
    assert told(outcome) == said
    assert len(provider.log) == count
    assert provider.faulted == {kind: 1}
    if said == "rejected rate_limited again":
        assert isinstance(outcome, Rejected)
        assert outcome.retry_after_s == 30
    if said == "unknown":
        found = channel.find(attempt(text()))
        assert isinstance(found, Accepted if count else NotFound)


def test_what_comes_late_is_not_denied(provider: RunningProvider, connect: Connect) -> None:
    provider.script("late:0.4")
    channel = connect(timeout_s=0.1, settle_s=60.0)
    (outcome,) = channel.send([text()], DEADLINE_S, NOW)
    assert isinstance(outcome, Unknown)
    assert isinstance(channel.find(attempt(text())), Unknown)
    (one,) = provider.accepted(1)
    assert channel.find(attempt(text())) == Accepted(one.ref)
    assert one.accepted_ns - one.received_ns > 350_000_000


@pytest.mark.parametrize("per_request", [1, 5])
def test_in_a_batch_each_message_has_its_own_outcome(
    provider: RunningProvider, connect: Connect, per_request: int
) -> None:
    provider.script("refuse@+2, rate_limited:7@+4, error@+6")
    items = [text(n, to=f"+{n}") for n in range(8)]
    outcomes = connect(per_request=per_request).send(items, DEADLINE_S, NOW)
    good = "accepted"
    assert [told(one) for one in outcomes] == [
        good, good, "rejected bad_address", good, "rejected rate_limited again", good, "unknown",
        good,
    ]  # fmt: skip
    assert isinstance(outcomes[4], Rejected)
    assert outcomes[4].retry_after_s == 7
    refs = {one.to: one.ref for one in provider.log}
    for item, outcome in zip(items, outcomes, strict=True):
        if isinstance(outcome, Accepted):
            assert refs.pop(item.address) == outcome.provider_ref
    assert refs == {}


def test_a_batch_cut_off_in_the_middle_is_found_out(
    provider: RunningProvider, connect: Connect
) -> None:
    provider.script("accept_then_drop@+3")
    items = [text(n, to=f"+{n}") for n in range(6)]
    channel = connect(per_request=6)
    outcomes = channel.send(items, DEADLINE_S, NOW)
    assert {told(one) for one in outcomes} == {"unknown"}
    assert [one.to for one in provider.log] == ["+0", "+1", "+2", "+3"]
    found = [told(channel.find(attempt(item))) for item in items]  # type: ignore[arg-type]
    assert found == ["accepted"] * 4 + ["notfound"] * 2


def test_one_bad_connection_costs_the_others_nothing(
    provider: RunningProvider, connect: Connect
) -> None:
    provider.script("accept_then_drop@+3")
    items = [text(n, to=f"+{n}") for n in range(20)]
    outcomes = connect(connections=3).send(items, DEADLINE_S, NOW)
    assert [n for n, one in enumerate(outcomes) if not isinstance(one, Accepted)] == [3]
    assert len(provider.log) == 20


def test_nobody_there_is_certain_and_asked_once(connect: Connect) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    outcomes = connect(url=f"http://127.0.0.1:{port}", retry_after_s=9.0).send(
        [text(n) for n in range(50)], DEADLINE_S, NOW
    )
    assert {told(one) for one in outcomes} == {"deferred"}
    assert {one.retry_after_s for one in outcomes if isinstance(one, Deferred)} == {9.0}


def test_an_unknown_name_is_certain(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def connects(self: socket.socket, address: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket.socket, "connect", connects)
    (outcome,) = connect().send([text()], DEADLINE_S, NOW)
    assert isinstance(outcome, Deferred)


def test_past_the_deadline_nothing_new_is_written(
    provider: RunningProvider, connect: Connect
) -> None:
    provider.script("slow:0.4")
    channel = connect(connections=2)
    items = [text(n) for n in range(10)]
    outcomes = channel.send(items, 0.2, NOW)
    # What had been written in time is waited for, the rest has not left.
    assert [told(one) for one in outcomes] == ["accepted"] * 2 + ["deferred"] * 8
    assert {one.retry_after_s for one in outcomes if isinstance(one, Deferred)} == {0.0}
    assert len(provider.log) == 2


def test_silence_does_not_outlast_the_time_out(provider: RunningProvider, connect: Connect) -> None:
    provider.script("half_open")
    started = monotonic()
    outcomes = connect(connections=4, timeout_s=0.2).send(
        [text(n) for n in range(4)], DEADLINE_S, NOW
    )
    assert {told(one) for one in outcomes} == {"unknown"}
    assert monotonic() - started < 2


def test_a_connection_is_kept_and_a_stale_one_is_no_news(
    start_provider: StartProvider, provider: RunningProvider, connect: Connect
) -> None:
    channel = connect(connections=1)
    for n in range(3):
        assert isinstance(channel.send([text(n)], DEADLINE_S, NOW)[0], Accepted)
    # It is cut off with an answer pending; the next message needs a new connection, and gets it.
    provider.script("accept_then_drop#1")
    assert isinstance(channel.send([text(3)], DEADLINE_S, NOW)[0], Unknown)
    assert isinstance(channel.send([text(4)], DEADLINE_S, NOW)[0], Accepted)


def test_a_provider_that_came_back_is_found_on_the_old_connection(
    start_provider: StartProvider,
) -> None:
    settings: dict[str, Any] = {"timeout_s": 5.0}
    first = start_provider()
    settings["url"] = first.http_url
    with RecordingChannel(RecordingSettings(**settings)) as channel:
        assert isinstance(channel.send([text(0)], DEADLINE_S, NOW)[0], Accepted)
        port = first.http_port
        first.stop()
        second = start_provider(http_port=port)
        assert isinstance(channel.send([text(1)], DEADLINE_S, NOW)[0], Accepted)
        assert [one.stable_id for one in second.log] == ["shop.1"]


def test_another_attempt_of_the_same_text_is_told_apart(
    provider: RunningProvider, connect: Connect
) -> None:
    channel = connect()
    first, again = text(1), text(1, attempt_id="a1-again")
    (known,) = channel.send([first], DEADLINE_S, NOW)
    provider.script("drop")
    assert isinstance(channel.send([again], DEADLINE_S, NOW)[0], Unknown)
    # The one message that is there answers for the first attempt already.
    assert isinstance(channel.find(attempt(again)), NotFound)
    assert channel.find(attempt(first)) == known


def test_an_older_message_of_the_same_text_is_not_taken_for_this_one(
    provider: RunningProvider, connect: Connect
) -> None:
    connect().send([text(1)], DEADLINE_S, NOW - timedelta(days=1))
    connect().send([text(1)], DEADLINE_S, NOW + timedelta(days=1))
    assert isinstance(connect().find(attempt(text(1))), NotFound)
    provider.script("accept_then_drop")
    connect().send([text(1)], DEADLINE_S, NOW)
    assert connect().find(attempt(text(1))) == Accepted("rec3")


def test_a_search_that_fails_denies_nothing(provider: RunningProvider, connect: Connect) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    lost = connect(url=f"http://127.0.0.1:{port}")
    assert isinstance(lost.find(attempt(text())), Unknown)


def test_a_key_makes_a_second_write_harmless(start_provider: StartProvider) -> None:
    provider = start_provider(idempotent=True)
    provider.script("accept_then_drop#1")
    settings = RecordingSettings(url=provider.http_url)
    with RecordingKeyChannel(settings) as channel:
        (first,) = channel.send([text(1)], DEADLINE_S, NOW)
        (again,) = channel.send([text(1, attempt_id="again")], DEADLINE_S, NOW)
    (one,) = provider.log
    assert isinstance(first, Unknown)
    assert again == Accepted(one.ref)
    assert one.key == "shop.1"


def test_a_large_batch_goes_out_whole(provider: RunningProvider, connect: Connect) -> None:
    channel = connect(per_request=100, connections=3)
    big = "x" * 20_000  # more than a socket takes at once
    items = [text(n, text=f"{n} {big}") for n in range(500)]
    outcomes = channel.send(items, DEADLINE_S, NOW)
    assert {told(one) for one in outcomes} == {"accepted"}
    assert sorted(one.stable_id for one in provider.log) == sorted(i.stable_id for i in items)
    assert provider.log.doubled == {}


@pytest.mark.parametrize("per_request", [1, 7])
def test_whatever_chance_brings_the_log_agrees(
    provider: RunningProvider, connect: Connect, per_request: int
) -> None:
    """Accepted is in the log, rejected and deferred are not, and a search decides the rest."""
    provider.script(
        Faults.parse(
            "accept_then_drop~0.05, drop~0.05, garbled~0.05, accept_then_error~0.05, error~0.05,"
            "rate_limited~0.05, refuse~0.05, unavailable~0.05",
            seed=7,
        )
    )
    channel = connect(connections=3, per_request=per_request)
    items = [text(n, to=f"+1{n}") for n in range(300)]
    outcomes = channel.send(items, DEADLINE_S, NOW)
    there = {one.attempt_id for one in provider.log}
    met = {told(one).split()[0] for one in outcomes}
    assert met == {"accepted", "rejected", "unknown"}
    for item, outcome in zip(items, outcomes, strict=True):
        has = item.attempt_id in there
        if isinstance(outcome, Unknown):
            assert isinstance(channel.find(attempt(item)), Accepted if has else NotFound)
        else:
            assert isinstance(outcome, Accepted) == has
    assert provider.log.doubled == {}
