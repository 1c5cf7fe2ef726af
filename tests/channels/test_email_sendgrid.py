"""SendGrid by its own SDK, over real HTTP, against an emulator that says what it delivers."""

import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from pydantic import ValidationError

from channels.contract import (
    Accepted,
    Attempt,
    Channel,
    Deferred,
    FeedbackKind,
    Item,
    Level,
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
from channels.email_sendgrid import SendGridChannel, SendGridSettings
from channels.sendgrid_body import SUBSTITUTIONS_BYTES_MAX
from channels.settings import load_settings
from tests.emulator.described import has_vendors, vendors_faults
from tests.emulator.fixtures import receiver, sendgrid
from tests.emulator.receiver import Receiver
from tests.emulator.sendgrid import KEY, Letter, SendGrid
from tests.emulator.server import Callback, Fault, make

__all__ = ["receiver", "sendgrid"]

PAYLOADS = Path(__file__).parent / "payloads" / "sendgrid"
UNSUBSCRIBE = (
    ("List-Unsubscribe", "<https://tactful.example.com/u/1>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)
Connect = Callable[..., SendGridChannel]


def email(number: int = 0, **more: object) -> Item:
    one = Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="email",
        address=f"anna{number}@example.com",
        text=f"Milk is $2.49, Anna {number}.",
        subject=f"Müsli {number}",
        html=f"<p>Milk is <b>$2.49</b>, Anna {number}.</p>",
        sender=Sender("The Shop", "shop@example.com"),
        headers=UNSUBSCRIBE,
        stable_id=f"m{number}",
        not_after=None,
        language="en",
    )
    return replace(one, **more)  # type: ignore[arg-type]


def settings(url: str, **more: object) -> SendGridSettings:
    values = {"api_key": KEY, "api_url": url, "timeout_s": 5.0}
    return SendGridSettings.model_validate({**values, **more})


@pytest.fixture
def connect(sendgrid: SendGrid) -> Iterator[Connect]:
    """Depends on the emulator, so that channels close first."""
    opened: list[SendGridChannel] = []

    def make_one(**more: object) -> SendGridChannel:
        opened.append(SendGridChannel(settings(sendgrid.url, **more)))
        opened[-1].open()
        return opened[-1]

    yield make_one
    for channel in opened:
        channel.close()


@pytest.fixture
def channel(connect: Connect) -> SendGridChannel:
    return connect()


@pytest.fixture
def hears(sendgrid: SendGrid, connect: Connect, receiver: Receiver) -> SendGridChannel:
    """A channel that verifies events, and has the receiver ask it."""
    channel = connect(webhook_public_key=sendgrid.public_key)
    receiver.parse = channel.parse_feedback
    return channel


def send(channel: SendGridChannel, *items: Item, deadline_s: float = DEADLINE_S) -> list[Outcome]:
    return channel.send(items, deadline_s, NOW)


def sizes(sendgrid: SendGrid) -> list[int]:
    """How many messages each request has brought."""
    return sorted(Counter(letter.ref for letter in sendgrid.letters).values())


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, sendgrid: SendGrid, connect: Connect) -> SendGridChannel:
        self.sendgrid = sendgrid
        return connect(webhook_public_key=sendgrid.public_key)

    @pytest.fixture
    def taken(self, sendgrid: SendGrid) -> Callable[[], int]:
        return lambda: len(sendgrid.letters)

    def genuine(self, channel: Channel[SendGridSettings]) -> tuple[bytes, dict[str, str]]:
        call = self.sendgrid.post("", [{"event": "delivered", "sg_event_id": "e1"}])
        headers = {name.lower(): value for name, value in call.headers}
        return call.body, {**headers, "x-tactful-received-at": self.sendgrid.now.isoformat()}


# --- What is asked of SendGrid --------------------------------------------------------------------


def test_everyone_gets_their_own_letter_out_of_one_request(
    sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    items = [email(number) for number in range(300)]
    outcomes = send(channel, *items)
    assert outcomes == [Accepted("emulated-00000001")] * 300
    by_address = {letter.to: letter for letter in sendgrid.letters}
    for item in items:
        letter = by_address[item.address]
        assert (letter.subject, letter.text, letter.html) == (item.subject, item.text, item.html)
        assert dict(letter.headers) == dict(item.headers)
        ids = {"tactful_message": item.message_id, "tactful_attempt": item.attempt_id}
        assert dict(letter.args) == ids
    assert "anna" not in str([letter.args for letter in sendgrid.letters])
    assert sizes(sendgrid) == [300]


def test_the_same_words_for_all_share_a_request_of_any_size(
    sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    long = "Milk. " * 4_000
    send(channel, *(email(number, text=long, html=None) for number in range(5)))
    assert sizes(sendgrid) == [5]
    assert all(letter.text == long for letter in sendgrid.letters)
    assert "substitutions" not in sendgrid.letters[0].request["personalizations"][0]


def test_long_words_of_ones_own_go_alone(sendgrid: SendGrid, channel: SendGridChannel) -> None:
    longs = [email(number, text=f"{number} " + "Milk. " * 2_000) for number in range(3)]
    assert all(isinstance(one, Accepted) for one in send(channel, *longs, email(7), email(8)))
    assert sizes(sendgrid) == [1, 1, 1, 2]


@pytest.mark.parametrize("over", [0, 1])
def test_substitutions_stay_within_the_limit_to_the_byte(
    over: int, sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    """The emulator refuses one byte more."""
    tags = len("-tactful-text-") + len("-tactful-html-")
    fills = SUBSTITUTIONS_BYTES_MAX - tags - len("<p>é</p>".encode()) + over
    items = [email(number, text=str(number) * fills, html="<p>é</p>") for number in range(2)]
    assert all(isinstance(one, Accepted) for one in send(channel, *items))
    assert sizes(sendgrid) == ([1, 1] if over else [2])
    assert len(sendgrid.asked) == 1 + over


def test_no_request_holds_an_address_twice_or_more_than_it_may(
    sendgrid: SendGrid, connect: Connect
) -> None:
    channel = connect(recipients_max=4)
    twins = [email(number, address="Bo@example.com") for number in (20, 21)]
    lower = email(22, address="bo@example.com")
    items = [*map(email, range(9)), *twins, lower]
    assert all(isinstance(one, Accepted) for one in send(channel, *items))
    assert len(sendgrid.letters) == 12
    assert max(sizes(sendgrid)) <= 4


@pytest.mark.parametrize("part", ["text", "html", "subject"])
def test_a_text_that_reads_like_a_tag_is_not_filled_in(
    part: str, sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    """A customer's name may read like that; SendGrid fills tags in the subject as well."""
    odd = email(1, **{part: "I write -tactful-text- here."})
    send(channel, email(0), odd, email(2))
    letter = next(one for one in sendgrid.letters if one.to == odd.address)
    assert (letter.subject, letter.text, letter.html) == (odd.subject, odd.text, odd.html)


def test_senders_and_forms_do_not_mix(sendgrid: SendGrid, channel: SendGridChannel) -> None:
    other = Sender("", "care@example.com")
    send(channel, email(0), email(1, sender=other), email(2, html=None), email(3))
    assert sizes(sendgrid) == [1, 1, 2]
    senders = {one.to: one.request["from"] for one in sendgrid.letters}
    assert senders["anna0@example.com"] == {"email": "shop@example.com", "name": "The Shop"}
    assert senders["anna1@example.com"] == {"email": "care@example.com"}


def test_settings_reach_the_request(sendgrid: SendGrid, connect: Connect) -> None:
    send(connect(categories="offers, shop", ip_pool="marketing"), email())
    request = sendgrid.letters[-1].request
    assert request["categories"] == ["offers", "shop"]
    assert request["ip_pool_name"] == "marketing"
    assert request["tracking_settings"]["click_tracking"]["enable"] is False
    send(connect(tracking=True), email())
    assert "tracking_settings" not in sendgrid.letters[-1].request


def test_in_the_sandbox_nothing_is_delivered(sendgrid: SendGrid, connect: Connect) -> None:
    channel = connect(sandbox=True)
    assert send(channel, email()) == [Accepted("sandbox")]
    assert sendgrid.letters == []
    assert next(one.level for one in channel.check()) is Level.warning


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": " "},
        {"address": "anna"},
        {"headers": (("Reply-To", "care@example.com"),)},
        {"headers": (("X-SG-EID", "1"),)},
        {"headers": (("X-Offer", "1\r\nBcc: all@example.com"),)},
        {"kind": "sms"},
    ],
    ids=str,
)
def test_what_sendgrid_would_refuse_is_said_before(
    wrong: dict[str, object], sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    assert isinstance(channel.prepare(email()), Prepared)
    assert isinstance(channel.prepare(email(**wrong)), Unsupported)
    outcomes = send(channel, email(0), email(1, **wrong), email(2))
    assert [type(one) for one in outcomes] == [Accepted, Rejected, Accepted]


def test_connections_are_kept_and_shared_by_few(sendgrid: SendGrid, connect: Connect) -> None:
    channel = connect(connections=2, recipients_max=1)
    for _ in range(3):
        send(channel, *map(email, range(12)))
    assert len(sendgrid.letters) == 36
    assert sendgrid.connections <= 2
    sendgrid.hang_up()
    assert isinstance(send(channel, email())[0], Accepted)


def test_a_proxy_in_the_environment_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, channel: SendGridChannel
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.of-somebody-else")
        assert isinstance(send(channel, email())[0], Accepted)


# --- What is certain, and what is not -------------------------------------------------------------


def test_without_a_connection_nothing_was_sent(sendgrid: SendGrid, connect: Connect) -> None:
    channel = connect(recipients_max=1)
    sendgrid.stop()
    outcomes = send(channel, *map(email, range(5)))
    assert [type(one) for one in outcomes] == [Deferred] * 5
    with SendGridChannel(settings("https://" + sendgrid.url.partition("//")[2])) as encrypted:
        assert isinstance(send(encrypted, email())[0], Deferred)


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        (Fault.error, False),
        (Fault.unavailable, False),
        (Fault.error_after, True),
        (Fault.drop, False),
        (Fault.drop_after, True),
        (Fault.cut_short, True),
    ],
)
def test_what_may_have_been_taken_is_unknown(
    fault: Fault, taken: bool, sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    sendgrid.meet(fault)
    outcomes = send(channel, email(0), email(1))
    assert [type(one) for one in outcomes] == [Unknown, Unknown]
    assert sendgrid.struck == {fault: 1}, "it was written more than once"
    assert len(sendgrid.letters) == 2 * taken
    assert isinstance(send(channel, email(2))[0], Accepted)


def test_silence_is_unknown_after_the_time_out(sendgrid: SendGrid, connect: Connect) -> None:
    channel = connect(timeout_s=0.2)
    sendgrid.meet(Fault.silence)
    began = monotonic()
    assert isinstance(send(channel, email())[0], Unknown)
    assert 0.2 <= monotonic() - began < 4


@pytest.mark.parametrize("status", [200, 202, 204, 302])
def test_an_answer_without_a_name_proves_nothing(
    status: int, sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    sendgrid.refuse(status, None)
    assert isinstance(send(channel, email())[0], Unknown)


def test_too_many_requests_are_certain_and_stop_the_batch(
    sendgrid: SendGrid, connect: Connect
) -> None:
    channel = connect(connections=1, recipients_max=1)
    sendgrid.meet(Fault.limited)
    outcomes = send(channel, *map(email, range(5)))
    assert {(one.reason, one.retryable, one.retry_after_s) for one in outcomes
            if isinstance(one, Rejected)} == {(Reason.rate_limited, True, 7.0)}  # fmt: skip
    assert (len(outcomes), len(sendgrid.asked)) == (5, 1)
    reset = str(int(NOW.timestamp()) + 40)
    sendgrid.refuse(429, {"errors": []}, (("X-RateLimit-Reset", reset),))
    (outcome,) = send(channel, email())
    assert isinstance(outcome, Rejected)
    assert outcome.retry_after_s == 40


def test_a_wrong_key_is_certain_and_asked_once(sendgrid: SendGrid, connect: Connect) -> None:
    channel = connect(api_key="SG.wrong", connections=1, recipients_max=1)
    outcomes = send(channel, email(), email(1))
    assert {one.reason for one in outcomes if isinstance(one, Rejected)} == {Reason.auth_failed}
    assert len(sendgrid.asked) == 1
    assert "SG.wrong" not in repr(outcomes)


def test_a_bad_address_fails_alone_among_a_thousand(
    sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    sendgrid.bad_addresses = {"anna3@example.com", "anna700@example.com"}
    outcomes = send(channel, *map(email, range(1_000)))
    wrong = {place for place, one in enumerate(outcomes) if not isinstance(one, Accepted)}
    assert wrong == {3, 700}
    assert all(one.reason is Reason.bad_address for one in outcomes if isinstance(one, Rejected))
    assert len(sendgrid.letters) == 998
    assert len({letter.to for letter in sendgrid.letters}) == 998
    assert len(sendgrid.asked) == 2


def test_a_refusal_that_names_nobody_is_narrowed_down(
    sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    """Until it strikes one message alone; nobody is written to twice."""
    vague = {"errors": [{"message": "Something is wrong.", "field": None, "help": None}]}
    for _ in range(3):
        sendgrid.refuse(400, vague)
    outcomes = send(channel, *map(email, range(4)))
    assert [type(one) for one in outcomes].count(Rejected) == 1
    assert len(sendgrid.letters) == 3
    assert len({letter.to for letter in sendgrid.letters}) == 3


ERRORS = sorted(PAYLOADS.glob("refused_*.json"))


@pytest.mark.parametrize("file", ERRORS, ids=lambda file: file.stem)
def test_each_refusal_has_its_reason(
    file: Path, sendgrid: SendGrid, channel: SendGridChannel
) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    sendgrid.refuse(recorded["status"], recorded["body"])
    (outcome,) = send(channel, email())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == recorded["reason"]
    assert outcome.detail
    assert sendgrid.letters == []


# --- What is reported later -----------------------------------------------------------------------


def test_there_is_no_search(channel: SendGridChannel) -> None:
    item = email()
    lost = Attempt("m0", "a0", "email", item.address, item.text, "m0", NOW)
    assert isinstance(channel.find(lost), Unknown)


def test_a_late_report_proves_what_an_answer_did_not(
    sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    sendgrid.meet(Fault.drop_after)
    assert {type(one) for one in send(hears, email(0), email(1))} == {Unknown}
    events = [sendgrid.event(one, "processed") for one in sendgrid.letters]
    assert make([sendgrid.post(receiver.url, events)]) == [200]
    assert [(one.kind, one.message_id, one.attempt_id, one.address) for one in receiver.heard] == [
        (FeedbackKind.accepted, "m0", "a0", "anna0@example.com"),
        (FeedbackKind.accepted, "m1", "a1", "anna1@example.com"),
    ]
    assert {one.provider_ref for one in receiver.heard} == {sendgrid.letters[0].ref}


def test_reports_in_any_order_and_repeated_are_the_same_events(
    sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    send(hears, *map(email, range(4)))
    calls = [
        sendgrid.post(receiver.url, [sendgrid.event(one, name) for one in sendgrid.letters])
        for name in ("processed", "delivered", "open", "click")
    ]
    assert set(make(calls, Random(3), repeat=3)) == {200}
    assert len(receiver.heard) == 48
    assert len({one.event_id for one in receiver.heard}) == 16


EVENTS = sorted(PAYLOADS.glob("event_*.json"))


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_each_event_has_its_meaning(
    file: Path, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    assert make([sendgrid.post(receiver.url, [recorded["event"]])]) == [200]
    if recorded["kind"] is None:
        assert receiver.heard == []
        return
    (one,) = receiver.heard
    assert (one.kind, one.reason) == (recorded["kind"], recorded["reason"])
    assert one.event_id == recorded["event"]["sg_event_id"]
    assert one.at is not None
    assert one.at.timestamp() == recorded["event"]["timestamp"]
    assert (one.message_id, one.attempt_id) == ("m17", "a17")
    if one.kind is FeedbackKind.clicked:
        assert one.detail == recorded["event"]["url"]


def test_every_kind_of_feedback_is_recorded() -> None:
    kinds = {json.loads(file.read_text(encoding="utf-8"))["kind"] for file in EVENTS}
    assert kinds >= {str(kind) for kind in FeedbackKind} - {"replied", "asked_help"}


def test_events_are_believed_only_as_sendgrid_signed_them(
    sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    send(hears, email())
    letter: Letter = sendgrid.letters[0]
    good = sendgrid.post(receiver.url, [sendgrid.event(letter, "delivered")])
    names = [name for name, _ in good.headers]

    def with_header(number: int, value: str) -> Callback:
        headers = list(good.headers)
        headers[number] = (names[number], value)
        return replace(good, headers=tuple(headers))

    stranger = SendGrid()
    stranger.now = NOW
    stranger.stop()
    later = str(int(NOW.timestamp()) + 1)
    forged = [
        replace(good, body=good.body.replace(b"delivered", b"bounce")),
        replace(good, body=good.body + b" "),
        replace(good, body=good.body[:-2]),
        replace(good, body=b""),
        replace(good, body=b"\xff\xfe"),
        replace(good, headers=good.headers[:1]),
        replace(good, headers=good.headers[:2]),
        with_header(1, ""),
        with_header(1, "not base64!"),
        with_header(1, "QUJD"),
        with_header(1, "a"),
        with_header(2, later),
        with_header(2, "soon"),
        with_header(2, "9" * 30),
        stranger.signed(receiver.url, good.body),
    ]
    assert set(make(forged)) == {403}
    assert receiver.heard == []
    assert make([good]) == [200]


@pytest.mark.parametrize(
    ("age_s", "status"), [(0, 200), (90_000, 200), (90_001, 403), (-600, 200), (-601, 403)]
)
def test_what_was_signed_long_ago_is_refused(
    age_s: int, status: int, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    send(hears, email())
    receiver.now = NOW + timedelta(seconds=age_s)
    call = sendgrid.post(receiver.url, [sendgrid.event(sendgrid.letters[0], "open")])
    assert make([call]) == [status]


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b"[1]", b"[" * 9_999, b'[{"event": ["open"]}]'],
)  # fmt: skip
def test_even_what_is_signed_need_not_be_sound(
    body: bytes, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    (status,) = make([sendgrid.signed(receiver.url, body)])
    assert status in (200, 403)
    assert receiver.heard == []


@pytest.mark.parametrize(
    "odd", [1, None, "open", [], {}, {"event": "sold"}, {"event": None, "timestamp": "x"}]
)
def test_an_odd_event_does_not_take_down_the_others(
    odd: object, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    send(hears, email())
    end = sendgrid.event(sendgrid.letters[0], "unsubscribe")
    body = json.dumps([odd, end]).encode()
    assert make([sendgrid.signed(receiver.url, body)]) == [200]
    assert [one.kind for one in receiver.heard] == [FeedbackKind.unsubscribed]


@pytest.mark.parametrize("odd", ['"\\ud83d"', '"\\ude00 \\ud83d"', "1e400", "-1e999", "NaN"])
def test_what_a_strict_reader_of_json_minds_takes_nothing_down(
    odd: str, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    """A server's answer may be cut in the middle of a character."""
    send(hears, email())
    end = sendgrid.event(sendgrid.letters[0], "unsubscribe")
    odds = [f'{{"event": "open", "{name}": {odd}}}' for name in ("useragent", "url", "email")]
    broken = f'{{"event": "open", "sg_event_id": {odd}, "timestamp": {odd}}}'
    body = f"[{', '.join([*odds, broken, json.dumps(end)])}]".encode()
    assert make([sendgrid.signed(receiver.url, body)]) == [200]
    assert [one.kind for one in receiver.heard][-1] is FeedbackKind.unsubscribed
    assert len(receiver.heard) == 5
    for one in receiver.heard:
        (one.event_id + one.detail + (one.address or "")).encode()


@pytest.mark.parametrize("stamp", ["x", None, 1e300, -1e18, [], "1511456400.5"])
def test_an_event_at_no_time_is_heard(
    stamp: object, sendgrid: SendGrid, hears: SendGridChannel, receiver: Receiver
) -> None:
    send(hears, email())
    end = {**sendgrid.event(sendgrid.letters[0], "unsubscribe"), "timestamp": stamp}
    assert make([sendgrid.post(receiver.url, [end])]) == [200]
    assert [(one.kind, one.at) for one in receiver.heard] == [(FeedbackKind.unsubscribed, None)]


def test_without_a_key_or_a_time_of_arrival_nothing_is_believed(
    sendgrid: SendGrid, channel: SendGridChannel, hears: SendGridChannel
) -> None:
    call = sendgrid.signed("http://x", b"[]")
    headers = {name.lower(): value for name, value in call.headers}
    arrived = {"x-tactful-received-at": NOW.isoformat()}
    assert isinstance(channel.parse_feedback(call.body, headers | arrived), Refused)
    assert isinstance(hears.parse_feedback(call.body, headers), Refused)
    assert hears.parse_feedback(call.body, headers | arrived) == []
    for odd in ("yesterday", "2017-11-23T17:00:00", ""):
        told = hears.parse_feedback(call.body, headers | {"x-tactful-received-at": odd})
        assert isinstance(told, Refused)


# --- Settings, check, and the vendor's own description --------------------------------------------


def test_check_says_what_sendgrid_thinks_of_us(sendgrid: SendGrid, connect: Connect) -> None:
    def levels(**more: object) -> list[Level]:
        return [one.level for one in connect(**more).check()]

    key = sendgrid.public_key
    assert levels() == [Level.warning, Level.good]
    assert levels(webhook_public_key=key) == [Level.good]
    assert levels(webhook_public_key=key, api_key="SG.wrong") == [Level.error]
    sendgrid.scopes = ["alerts.read"]
    assert levels(webhook_public_key=key) == [Level.error]
    channel = connect(webhook_public_key=key)
    sendgrid.stop()
    assert [one.level for one in channel.check()] == [Level.error]


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"api_key": " "},
        {"api_key": "SG.ключ"},
        {"api_url": "http://sendgrid.example.com"},
        {"api_url": "api.sendgrid.com"},
        {"webhook_public_key": "a key"},
        {"categories": ",".join(map(str, range(11)))},
        {"categories": "offers,offers"},
        {"recipients_max": 1_001},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings("https://api.sendgrid.com", **wrong)


def test_settings_come_from_the_environment() -> None:
    prefix = "TACTFUL_EMAIL_SENDGRID_"
    environ = {f"{prefix}API_KEY": KEY, f"{prefix}CATEGORIES": "offers, shop"}
    loaded = load_settings(SendGridChannel, {}, environ)
    assert isinstance(loaded, SendGridSettings)
    assert (loaded.api_url, loaded.categories) == ("https://api.sendgrid.com", ("offers", "shop"))
    assert isinstance(load_settings(SendGridChannel, {"api_key": KEY}, os.environ), list)


@pytest.mark.skipif(not has_vendors(), reason="the vendors' own descriptions are not at hand")
def test_sendgrids_own_description_allows_all_this(sendgrid: SendGrid, connect: Connect) -> None:
    """Besides, each emulator holds what a test has asked of it against them when it stops."""
    channel = connect(categories="offers", ip_pool="marketing", sandbox=True)
    send(channel, email(0), email(1), email(2, html=None), email(3, text="x" * 20_000))
    assert len(sendgrid.asked) == 3
    assert vendors_faults("sendgrid", sendgrid.asked) == []
    senseless = replace(sendgrid.asked[0], body=b'{"subject": "hello"}')
    assert vendors_faults("sendgrid", [senseless]) != [], "it would allow anything"
