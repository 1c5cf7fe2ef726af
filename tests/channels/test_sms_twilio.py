"""Twilio by its own SDK, over real HTTP, against an emulator that is strict about requests."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.contract import (
    Accepted,
    Attempt,
    Channel,
    Deferred,
    FeedbackKind,
    Item,
    Level,
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Rejected,
    Sender,
    Unknown,
    Unsupported,
)
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from channels.settings import load_settings
from channels.sms_twilio import TwilioChannel, TwilioSettings
from channels.twilio_errors import REASONS, failure_of
from channels.twilio_http import form
from tests.emulator.described import has_vendors, vendors_faults
from tests.emulator.fixtures import receiver, twilio
from tests.emulator.receiver import Receiver
from tests.emulator.server import Fault, make
from tests.emulator.twilio import ACCOUNT, NUMBER, SERVICE, TOKEN, Twilio, login_of, signed

__all__ = ["receiver", "twilio"]

PAYLOADS = Path(__file__).parent / "payloads" / "twilio"
PAGE, PERSON = "1234567890", "4242424242424242"
ANNA = "+12125550100"
HX = "HX" + "0123456789abcdef" * 2
Connect = Callable[..., TwilioChannel]


def text(number: int = 0, words: str = "Milk is $2.49 today.", kind: str = "sms") -> Item:
    return Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind=kind,
        address=f"+121255501{number:02d}",
        text=words,
        subject=None,
        html=None,
        sender=Sender("The Shop", NUMBER),
        headers=(),
        stable_id=f"m{number}",
        not_after=None,
        language="en",
    )


def attempt(item: Item) -> Attempt:
    return Attempt(
        item.message_id, item.attempt_id, item.kind, item.address, item.text, item.stable_id, NOW
    )


def settings(url: str, **more: object) -> TwilioSettings:
    values = {"account_sid": ACCOUNT, "auth_token": TOKEN, "api_url": url, "timeout_s": 5.0}
    return TwilioSettings.model_validate({**values, **more})


@pytest.fixture
def connect(twilio: Twilio) -> Iterator[Connect]:
    """Depends on the emulator, so that channels close first."""
    opened: list[TwilioChannel] = []

    def make_one(**more: object) -> TwilioChannel:
        opened.append(TwilioChannel(settings(twilio.url, **more)))
        opened[-1].open()
        return opened[-1]

    yield make_one
    for channel in opened:
        channel.close()


@pytest.fixture
def channel(connect: Connect) -> TwilioChannel:
    return connect()


def send(channel: TwilioChannel, *items: Item, now: datetime = NOW) -> list[Outcome]:
    return channel.send(items, DEADLINE_S, now)


class TestContract(ChannelContract):
    def item(self, channel: Channel[TwilioSettings], number: int = 0, kind: str = "") -> Item:
        one = super().item(channel, number, kind)
        return replace(one, sender=Sender("The Shop", PAGE)) if one.kind == "messenger" else one

    def genuine(self, channel: Channel[TwilioSettings]) -> tuple[bytes, dict[str, str]]:
        form = {"AccountSid": ACCOUNT, "From": "+12125550100", "Body": "STOP", "MessageSid": "SM1"}
        call = signed("https://hooks.example.com/hooks/sms_twilio", form)
        headers = {name.lower(): value for name, value in call.headers}
        return call.body, {**headers, "x-tactful-url": call.url}

    @pytest.fixture
    def taken(self, twilio: Twilio) -> Callable[[], int]:
        return lambda: len(twilio.messages)


# --- What is asked of Twilio ----------------------------------------------------------------------


def test_a_text_leaves_from_its_sender_and_smartly_encoded(
    twilio: Twilio, channel: TwilioChannel
) -> None:
    (outcome,) = send(channel, text(words="“Milk” is $2.49"))
    (taken,) = twilio.messages
    assert outcome == Accepted(taken.sid)
    assert taken.asked == {
        "To": "+12125550100",
        "From": NUMBER,
        "Body": "“Milk” is $2.49",
        "SmartEncoded": "true",
    }


def test_a_messaging_service_comes_before_a_pool_and_a_pool_before_the_sender(
    twilio: Twilio, connect: Connect
) -> None:
    pool = ("+12125550180", "+12125550181", "+12125550182")
    send(connect(messaging_service_sid=SERVICE, senders=pool), text())
    assert twilio.messages[0].asked["MessagingServiceSid"] == SERVICE
    assert "From" not in twilio.messages[0].asked
    channel = connect(senders=pool)
    for _ in range(2):
        send(channel, *(text(number) for number in range(40)))
    senders = {one.to: set() for one in twilio.messages[1:]}  # type: dict[str, set[str]]
    for one in twilio.messages[1:]:
        senders[one.to].add(one.sender)
    assert all(len(few) == 1 for few in senders.values()), "somebody got another number"
    assert {number for few in senders.values() for number in few} == set(pool)


def test_each_network_has_its_word_before_the_addresses(
    twilio: Twilio, channel: TwilioChannel
) -> None:
    page = replace(
        text(kind="messenger"), address="4242424242424242", sender=Sender("The Shop", PAGE)
    )
    send(channel, text(kind="whatsapp"), page)
    asked = {(one.asked["To"], one.asked["From"]) for one in twilio.messages}
    assert asked == {
        ("whatsapp:+12125550100", f"whatsapp:{NUMBER}"),
        ("messenger:4242424242424242", f"messenger:{PAGE}"),
    }
    assert all("SmartEncoded" not in one.asked for one in twilio.messages)


def test_twilio_may_not_keep_a_text_beyond_its_end(twilio: Twilio, channel: TwilioChannel) -> None:
    for left, wanted in ((3_600, 3_599), (40_000, 36_000), (None, None)):
        not_after = None if left is None else NOW + timedelta(seconds=left)
        send(channel, replace(text(), not_after=not_after))
        asked = twilio.messages[-1].asked.get("ValidityPeriod")
        assert asked is None or wanted is not None
        if wanted is not None:
            assert asked is not None
            assert wanted - 2 <= int(asked) <= wanted + 1, "it would be delivered too late"


def test_with_too_little_time_left_nothing_is_written(
    twilio: Twilio, channel: TwilioChannel
) -> None:
    for left in (9, 0, -5):
        late = replace(text(), not_after=NOW + timedelta(seconds=left))
        (outcome,) = send(channel, late)
        assert isinstance(outcome, Deferred)
        assert 0 <= outcome.retry_after_s <= 9
    assert twilio.messages == []
    # It says nothing about the way to Twilio: the others go.
    outcomes = send(channel, replace(text(), not_after=NOW), text(1))
    assert [type(one) for one in outcomes] == [Deferred, Accepted]


def test_a_template_is_named_in_the_first_line(twilio: Twilio, channel: TwilioChannel) -> None:
    item = text(kind="whatsapp", words=f"{HX}\n1: Anna\n2: $2.49\n")
    assert isinstance(channel.prepare(item), Prepared)
    assert [type(one) for one in send(channel, item)] == [Accepted]
    asked = twilio.messages[0].asked
    assert asked["ContentSid"] == HX
    assert json.loads(asked["ContentVariables"]) == {"1": "Anna", "2": "$2.49"}
    assert "Body" not in asked


@pytest.mark.parametrize("lines", ["hello", "1: Anna\n1: Bo", "1 Anna"])
def test_a_template_that_makes_no_sense_is_said(lines: str, channel: TwilioChannel) -> None:
    assert isinstance(channel.prepare(text(kind="whatsapp", words=f"{HX}\n{lines}")), Unsupported)
    # For a plain text it is just a text.
    assert isinstance(channel.prepare(text(words=f"{HX}\n{lines}")), Prepared)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "12125550100"},
        {"address": "+1 212 555 0100"},
        {"address": "+12"},
        {"text": " \n "},
        {"text": "ring \x07"},
        {"text": "x" * 1_601},
        {"subject": "Milk"},
        {"sender": Sender("The Shop", "")},
        {"sender": Sender("The Shop", "a sender with a long name")},
        {"kind": "messenger"},
        {"kind": "email"},
    ],
    ids=str,
)
def test_what_twilio_would_refuse_is_said_before(
    wrong: dict[str, object], channel: TwilioChannel
) -> None:
    assert isinstance(channel.prepare(replace(text(), **wrong)), Unsupported)  # type: ignore[arg-type]


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=60) | st.integers(), max_size=5))
def test_a_form_is_written_as_the_standard_library_does(data: dict[str, object]) -> None:
    assert form(data) == urlencode(data).encode()


def test_segments_are_counted_for_texts_alone(channel: TwilioChannel) -> None:
    counted = [channel.prepare(text(words="x" * 161, kind=kind)) for kind in ("sms", "whatsapp")]
    assert [one.segments for one in counted if isinstance(one, Prepared)] == [2, 1]


def test_connections_are_kept_and_shared_by_few(twilio: Twilio, connect: Connect) -> None:
    channel = connect(connections=3)
    for _ in range(4):
        assert all(isinstance(one, Accepted) for one in send(channel, *map(text, range(30))))
    assert twilio.connections <= 3
    assert len({one.sid for one in twilio.messages}) == 120


def test_a_connection_that_was_hung_up_is_made_anew(twilio: Twilio, channel: TwilioChannel) -> None:
    send(channel, text())
    twilio.hang_up()
    assert isinstance(send(channel, text(1))[0], Accepted)
    assert twilio.connections == 2


def test_a_proxy_in_the_environment_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, twilio: Twilio, channel: TwilioChannel
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login thief password x\n")
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "f" * 32)
        monkeypatch.setenv("TWILIO_REGION", "nowhere")
        assert isinstance(send(channel, text())[0], Accepted)
    assert login_of(twilio.asked[-1]) == f"{ACCOUNT}:{TOKEN}"


# --- What is certain, and what is not -------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}", "http://nowhere.invalid", "https://127.0.0.1:{}"]
)
def test_without_a_connection_nothing_was_sent(url: str, twilio: Twilio) -> None:
    """Refused, unknown, and TLS to somebody who does not speak it."""
    if url.startswith("https"):
        port = int(twilio.url.rpartition(":")[2])
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    made = TwilioSettings.model_construct(**dict(settings("https://x.example")))
    made = made.model_copy(update={"api_url": url.format(port)})
    with TwilioChannel(made) as channel:
        outcomes = send(channel, text(), text(1))
    assert [type(one) for one in outcomes] == [Deferred, Deferred]
    assert all(one.retry_after_s > 0 for one in outcomes if isinstance(one, Deferred))
    assert twilio.messages == []


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        (Fault.error, False),
        (Fault.unavailable, False),
        (Fault.error_after, True),
        (Fault.drop, False),
        (Fault.drop_after, True),
        (Fault.unreadable, True),
        (Fault.nameless, True),
        (Fault.cut_short, True),
    ],
)
def test_what_may_have_been_taken_is_unknown(
    fault: Fault, taken: bool, twilio: Twilio, channel: TwilioChannel
) -> None:
    twilio.meet(fault)
    (outcome,) = send(channel, text())
    assert isinstance(outcome, Unknown)
    assert twilio.struck == {fault: 1}, "it was written more than once"
    assert len(twilio.messages) == taken
    # What came of one says nothing of the next.
    assert isinstance(send(channel, text(1))[0], Accepted)


def test_silence_is_unknown_after_the_time_out(twilio: Twilio, connect: Connect) -> None:
    channel = connect(timeout_s=0.2)
    twilio.meet(Fault.silence)
    began = monotonic()
    (outcome,) = send(channel, text())
    assert isinstance(outcome, Unknown)
    assert 0.2 <= monotonic() - began < 4
    assert len(twilio.messages) == 1


def test_too_many_requests_are_certain_and_stop_the_batch(twilio: Twilio, connect: Connect) -> None:
    channel = connect(connections=1)
    twilio.meet(Fault.limited)
    outcomes = send(channel, *map(text, range(5)))
    assert {(one.reason, one.retryable, one.retry_after_s) for one in outcomes
            if isinstance(one, Rejected)} == {(Reason.rate_limited, True, 7.0)}  # fmt: skip
    assert (len(outcomes), len(twilio.asked)) == (5, 1)


def test_a_wrong_token_is_certain_and_asked_once(twilio: Twilio, connect: Connect) -> None:
    channel = connect(auth_token="another", connections=1)
    outcomes = send(channel, text(), text(1))
    assert [one.reason for one in outcomes if isinstance(one, Rejected)] == [
        Reason.auth_failed, Reason.auth_failed,
    ]  # fmt: skip
    assert len(twilio.asked) == 1
    assert "another" not in repr(outcomes)


ERRORS = sorted(PAYLOADS.glob("refused_*.json"))


@pytest.mark.parametrize("file", ERRORS, ids=lambda file: file.stem)
def test_each_refusal_has_its_reason(file: Path, twilio: Twilio, channel: TwilioChannel) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    twilio.refuse(recorded["status"], recorded["body"])
    (outcome,) = send(channel, text())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == recorded["reason"]
    assert outcome.retryable == (
        outcome.reason
        in (Reason.rate_limited, Reason.provider_down, Reason.auth_failed, Reason.blocked_sender)
    )
    assert str(recorded["body"].get("code", "")) in outcome.detail
    assert twilio.messages == []


@pytest.mark.parametrize(
    ("kind", "reason"), [("whatsapp", Reason.other), ("messenger", Reason.bad_address)]
)
def test_who_is_not_on_whatsapp_has_a_number_all_the_same(
    twilio: Twilio, channel: TwilioChannel, kind: str, reason: Reason
) -> None:
    recorded = json.loads((PAYLOADS / "refused_63003.json").read_text(encoding="utf-8"))
    twilio.refuse(recorded["status"], recorded["body"])
    item = text(kind=kind)
    if kind == "messenger":
        item = replace(item, address=PERSON, sender=Sender("The Shop", PAGE))
    (outcome,) = send(channel, item)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.retryable) == (reason, False)
    assert failure_of(63024, f"whatsapp:{ANNA}") == (FeedbackKind.bounced_soft, None)
    assert failure_of(63024, f"messenger:{PERSON}")[0] is FeedbackKind.bounced_hard


def test_every_reason_of_the_table_has_a_recorded_payload() -> None:
    recorded = {json.loads(file.read_text(encoding="utf-8"))["reason"] for file in ERRORS}
    failed = [json.loads(f.read_text(encoding="utf-8")) for f in PAYLOADS.glob("callback_*.json")]
    recorded |= {one["reason"] for one in failed if one["reason"]}
    assert recorded == {str(reason) for reason in REASONS.values()} | {"too_large"}


# --- What is found out later ----------------------------------------------------------------------


def test_a_lost_answer_is_found_by_number_text_and_time(
    twilio: Twilio, channel: TwilioChannel
) -> None:
    item = text(words="“Milk” – $2.49")
    twilio.meet(Fault.drop_after)
    send(channel, replace(item, text="Bread is $1.10"), item, replace(item, address="+12125550177"))
    mine = next(one for one in twilio.messages if one.to == ANNA and "Milk" in one.body)
    # The list shows what SmartEncoded has made of it.
    assert mine.body != item.text
    twilio.messages = [one for one in twilio.messages if one.to != ANNA] + [mine]
    with TwilioChannel(channel.settings) as fresh:
        assert fresh.find(attempt(item)) == Accepted(mine.sid)
        # One SID is not two messages.
        other = replace(attempt(item), attempt_id="another")
        assert isinstance(fresh.find(other), Unknown)
    listed = [one for one in twilio.asked if one.method == "GET"]
    assert all(set(one.query) == {"To", "PageSize"} for one in listed)


@pytest.mark.parametrize(("minutes", "found"), [(-1, False), (0, True), (9, True), (11, False)])
def test_another_time_is_another_message(
    minutes: int, found: bool, twilio: Twilio, channel: TwilioChannel
) -> None:
    twilio.meet(Fault.drop_after)
    send(channel, text())
    twilio.was_created(twilio.messages[0].sid, NOW + timedelta(minutes=minutes))
    assert isinstance(channel.find(attempt(text())), Accepted) == found


def test_what_is_not_listed_was_not_taken_but_only_after_a_while(
    twilio: Twilio, channel: TwilioChannel
) -> None:
    for minutes, wanted in ((2, Unknown), (14, Unknown), (15, NotFound), (60, NotFound)):
        twilio.now = NOW + timedelta(minutes=minutes)
        assert isinstance(channel.find(attempt(text())), wanted), minutes


def test_a_search_that_fails_finds_out_nothing(twilio: Twilio, channel: TwilioChannel) -> None:
    twilio.now = NOW + timedelta(hours=1)
    with TwilioChannel(settings(twilio.url, auth_token="wrong")) as locked_out:
        assert isinstance(locked_out.find(attempt(text())), Unknown)
    template = attempt(text(kind="whatsapp", words=f"{HX}\n1: Anna"))
    assert isinstance(channel.find(template), Unknown), "what it became cannot be known"
    twilio.stop()
    assert isinstance(channel.find(attempt(text())), Unknown)


def test_a_late_report_proves_what_an_answer_did_not(
    twilio: Twilio, connect: Connect, receiver: Receiver
) -> None:
    channel = connect(callback_url=receiver.url)
    receiver.parse = channel.parse_feedback
    twilio.meet(Fault.drop_after)
    assert isinstance(send(channel, text())[0], Unknown)
    (lost,) = twilio.messages
    assert make([twilio.report(lost.sid, "sent")]) == [200]
    (heard,) = receiver.heard
    assert (heard.kind, heard.message_id, heard.attempt_id, heard.provider_ref) == (
        FeedbackKind.accepted, "m0", "a0", lost.sid,
    )  # fmt: skip
    assert heard.address == ANNA


def test_reports_in_any_order_and_repeated_are_the_same_events(
    twilio: Twilio, connect: Connect, receiver: Receiver
) -> None:
    channel = connect(callback_url=receiver.url)
    receiver.parse = channel.parse_feedback
    send(channel, *map(text, range(3)))
    reports = [
        twilio.report(one.sid, status)
        for one in twilio.messages
        for status in ("queued", "sent", "delivered")
    ]
    assert set(make(reports, Random(7), repeat=3)) == {200}
    assert len(receiver.heard) == 27
    assert len({one.event_id for one in receiver.heard}) == 9
    delivered = {one.message_id for one in receiver.heard if one.kind is FeedbackKind.delivered}
    assert delivered == {"m0", "m1", "m2"}


CALLBACKS = sorted(PAYLOADS.glob("callback_*.json"))


@pytest.mark.parametrize("file", CALLBACKS, ids=lambda file: file.stem)
def test_each_report_has_its_meaning(file: Path, channel: TwilioChannel) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    url = "https://tactful.example.com/callbacks/sms_twilio"
    call = signed(url, recorded["form"])
    headers = {name.lower(): value for name, value in call.headers} | {"x-tactful-url": url}
    told = channel.parse_feedback(call.body, headers)
    assert isinstance(told, list)
    if recorded["kind"] is None:
        assert told == []
        return
    (one,) = told
    assert (one.kind, one.reason) == (recorded["kind"], recorded["reason"])
    assert one.provider_ref == recorded["form"]["MessageSid"]
    assert one.address is not None
    assert ":" not in one.address


def test_a_report_is_believed_only_as_twilio_signed_it(
    twilio: Twilio, connect: Connect, receiver: Receiver
) -> None:
    channel = connect(callback_url=receiver.url)
    receiver.parse = channel.parse_feedback
    send(channel, text())
    (one,) = twilio.messages
    good = twilio.report(one.sid, "delivered")
    forged = [
        replace(good, body=good.body.replace(b"delivered", b"failed")),
        replace(good, body=good.body + b"&ErrorCode=21610"),
        replace(good, body=good.body[:-5]),
        replace(good, body=b""),
        replace(good, url=good.url.replace("m=m0", "m=m1")),
        replace(good, url=f"{good.url}&more=1"),
        replace(good, headers=good.headers[:1]),
        replace(good, headers=(good.headers[0], ("X-Twilio-Signature", ""))),
        replace(good, headers=(good.headers[0], ("X-Twilio-Signature", "%%%"))),
        signed(good.url, {"MessageSid": one.sid, "MessageStatus": "delivered"}, token="guess"),
        # Signed by Twilio, yet of another account, or for an address that is not of our making.
        signed(good.url, {"MessageSid": one.sid, "AccountSid": "AC" + "f" * 32}),
        signed(
            good.url.replace("m=m0", "m=m1"),
            {"MessageSid": one.sid, "MessageStatus": "delivered", "AccountSid": ACCOUNT},
        ),
    ]
    assert set(make(forged)) == {403}
    assert receiver.heard == []
    assert make([good]) == [200]


def test_without_the_address_that_was_called_nothing_is_believed(channel: TwilioChannel) -> None:
    call = signed("https://tactful.example.com/x", {"AccountSid": ACCOUNT, "MessageStatus": "sent"})
    headers = {name.lower(): value for name, value in call.headers}
    assert isinstance(channel.parse_feedback(call.body, headers), Refused)
    for url in ("http://[", "https://tactful.example.com:x/", "\ud800", ""):
        told = channel.parse_feedback(call.body, headers | {"x-tactful-url": url})
        assert isinstance(told, Refused)


def test_a_customer_answers(twilio: Twilio, channel: TwilioChannel, receiver: Receiver) -> None:
    receiver.parse = channel.parse_feedback
    says = [
        twilio.says(receiver.url, ANNA, "Stop!"),
        twilio.says(receiver.url, f"whatsapp:{ANNA}", "start"),
        twilio.says(receiver.url, ANNA, "HELP"),
        twilio.says(receiver.url, ANNA, "Is it open on Sunday?"),
        twilio.says(receiver.url, ANNA, "Alto ahí, por favor", OptOutType="STOP"),
    ]
    assert set(make(says)) == {200}
    assert [(one.kind, one.address, one.message_id) for one in receiver.heard] == [
        (FeedbackKind.unsubscribed, ANNA, None),
        (FeedbackKind.resubscribed, ANNA, None),
        (FeedbackKind.asked_help, ANNA, None),
        (FeedbackKind.replied, ANNA, None),
        (FeedbackKind.unsubscribed, ANNA, None),
    ]
    assert receiver.heard[3].detail == "Is it open on Sunday?"


@pytest.mark.parametrize(
    ("sender", "text", "more", "twilios", "ours"),
    [
        (ANNA, "stop ", {}, None, "sms"),
        (ANNA, "please stop this", {}, "sms", "sms"),
        (ANNA, "ARRET", {}, "sms", "sms"),
        (ANNA, "Help", {}, None, "sms"),
        (f"whatsapp:{ANNA}", "STOP", {}, "whatsapp", "whatsapp"),
        (f"messenger:{PAGE}", "STOP", {}, "messenger", "messenger"),
        (f"rcs:{ANNA}", "STOP", {}, None, None),
        (f"whatsapp:{ANNA}", "basta", {"OptOutType": "STOP"}, None, None),
    ],
)
def test_who_answers_stop(
    twilio: Twilio,
    connect: Connect,
    sender: str,
    text: str,
    more: dict[str, str],
    twilios: str | None,
    ours: str | None,
) -> None:
    call = twilio.says("https://tactful.example.com/hooks/sms_twilio", sender, text, **more)
    headers = {name.lower(): value for name, value in call.headers} | {"x-tactful-url": call.url}
    for opt_outs, wanted in (("twilio", twilios), ("tactful", ours)):
        told = connect(opt_outs=opt_outs).parse_feedback(call.body, headers)
        assert not isinstance(told, Refused)
        assert [one.answer_by for one in told] == [wanted]


# --- Settings, check, and the vendor's own description --------------------------------------------


def test_check_says_what_twilio_thinks_of_us(twilio: Twilio, connect: Connect) -> None:
    def levels(**more: object) -> list[Level]:
        return [one.level for one in connect(**more).check()]

    url = "https://tactful.example.com/callbacks/sms_twilio"
    good, bad = Level.good, Level.error
    assert levels() == [Level.warning, good]
    assert levels(callback_url=url) == [good]
    assert levels(callback_url=url, senders=(NUMBER, "SHOP")) == [good, good]
    assert levels(callback_url=url, senders=("+12125550111",)) == [good, bad]
    assert levels(callback_url=url, messaging_service_sid=SERVICE) == [good, good]
    assert levels(callback_url=url, messaging_service_sid="MG" + "f" * 32) == [good, bad]
    assert levels(callback_url=url, auth_token="wrong") == [bad]
    twilio.account_status = "suspended"
    assert levels(callback_url=url) == [bad]
    channel = connect(callback_url=url)
    twilio.stop()
    assert [one.level for one in channel.check()] == [bad]


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth_token": ""},
        {"auth_token": "  "},
        {"account_sid": "AC12"},
        {"api_key_sid": "SK" + "0" * 32},
        {"api_url": "http://twilio.example.com"},
        {"callback_url": "http://shop.example.com/callbacks"},
        {"callback_url": "/callbacks"},
        {"senders": "+12125550180, the shop of the corner"},
        {"timeout_s": 0},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings("https://api.twilio.com", **wrong)


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    prefix = "TACTFUL_SMS_TWILIO_"
    environ = {
        f"{prefix}ACCOUNT_SID": ACCOUNT,
        f"{prefix}AUTH_TOKEN_FILE": str(token),
        f"{prefix}SENDERS": f"{NUMBER}, SHOP",
    }
    loaded = load_settings(TwilioChannel, {}, environ)
    assert isinstance(loaded, TwilioSettings)
    assert loaded.senders == (NUMBER, "SHOP")
    assert loaded.auth_token.get_secret_value() == TOKEN
    written = load_settings(TwilioChannel, {"account_sid": ACCOUNT, "auth_token": "x"}, os.environ)
    assert isinstance(written, list), "a secret in YAML"


def test_an_api_key_logs_in_in_place_of_the_token(twilio: Twilio, connect: Connect) -> None:
    key = "SK" + "0123456789abcdef" * 2
    send(connect(api_key_sid=key, api_key_secret="hush"), text())
    assert login_of(twilio.asked[-1]) == f"{key}:hush"


@pytest.mark.skipif(not has_vendors(), reason="the vendors' own descriptions are not at hand")
def test_twilios_own_description_allows_all_this(twilio: Twilio, connect: Connect) -> None:
    """Besides, each emulator holds what a test has asked of it against them when it stops."""
    not_after = NOW + timedelta(hours=1)
    channel = connect(callback_url="https://tactful.example.com/callbacks/sms_twilio")
    send(
        channel,
        replace(text(), not_after=not_after),
        replace(text(1, kind="whatsapp"), not_after=not_after),
        text(2, kind="whatsapp", words=f"{HX}\n1: Anna"),
    )
    send(connect(messaging_service_sid=SERVICE), text())
    channel.find(attempt(text()))
    assert len(twilio.asked) == 5
    assert vendors_faults("twilio", twilio.asked) == []
    senseless = replace(twilio.asked[0], body=b"Body=hello")
    assert vendors_faults("twilio", [senseless]) != [], "it would allow anything"
