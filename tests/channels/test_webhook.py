"""Signed requests to web addresses: what is certain, and where they never go."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from channels import guarded_line
from channels.contract import (
    Accepted,
    Deferred,
    Item,
    Level,
    Outcome,
    Reason,
    Rejected,
    Sender,
    Unknown,
    Unsupported,
)
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from channels.guarded_line import is_open
from channels.http_line import retry_after_s
from channels.webhook import WebhookChannel, WebhookSettings, _signature
from orchestrator.flow.outcomes import asked_to_wait, signs
from orchestrator.model.breaker import Sign
from tests.channels.web_server import Says, WebServer, web_server
from tests.servers.ports import free_port
from tests.support.certificate import self_signed

KEY = b"a key of four and twenty"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
Connect = Callable[..., WebhookChannel]


@pytest.fixture
def site() -> Iterator[WebServer]:
    with web_server() as site:
        yield site


@pytest.fixture
def connect(site: WebServer) -> Iterator[Connect]:
    opened: list[WebhookChannel] = []

    def make(**more: Any) -> WebhookChannel:
        values = {"secret": SECRET, "allow_private": True, "allow_http": True, "timeout_s": 5.0}
        opened.append(WebhookChannel(WebhookSettings.model_validate({**values, **more})))
        opened[-1].open()
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


def hook(address: str, number: int = 0) -> Item:
    return Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="webhook",
        address=address,
        text='{"milk": "$2.49, Grüße"}',
        subject=None,
        html=None,
        sender=Sender("The Shop", "shop@example.com"),
        headers=(),
        stable_id=f"tact-{number}",
        not_after=None,
        language="en",
    )


def one(channel: WebhookChannel, address: str, deadline_s: float = DEADLINE_S) -> Outcome:
    (outcome,) = channel.send([hook(address)], deadline_s, NOW)
    return outcome


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, site: WebServer, connect: Connect) -> WebhookChannel:
        type(self).addresses = {"webhook": f"{site.url}/hook?shop=1"}
        return connect()

    @pytest.fixture
    def taken(self, site: WebServer) -> Callable[[], int]:
        return lambda: len(site.asked)


# --- What is asked --------------------------------------------------------------------------------


def test_it_is_signed_by_the_scheme(site: WebServer, connect: Connect) -> None:
    assert one(connect(), f"{site.url}/a/b?c=d") == Accepted("tact-0")
    (asked,) = site.asked
    assert (asked.method, asked.path) == ("POST", "/a/b?c=d")
    assert asked.headers["webhook-id"] == asked.headers["idempotency-key"] == "tact-0"
    assert asked.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    signed = b"tact-0.%d." % NOW.timestamp() + asked.body
    digest = hmac.new(KEY, signed, hashlib.sha256).digest()
    assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    said = json.loads(asked.body)
    assert said["data"]["text"] == '{"milk": "$2.49, Grüße"}'
    assert said["type"] == "message"


def test_an_example_of_the_scheme_itself() -> None:
    """The one that the scheme's own libraries are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert _signature(key, signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_second_attempt_has_the_same_id_and_body_at_another_time(
    site: WebServer, connect: Connect
) -> None:
    channel = connect()
    item = hook(site.url)
    later = replace(item, attempt_id="another")
    channel.send([item], DEADLINE_S, NOW)
    channel.send([later], DEADLINE_S, NOW + timedelta(hours=1))
    first, second = site.asked
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_while_a_secret_changes_both_sign(site: WebServer, connect: Connect) -> None:
    other = "whsec_" + base64.b64encode(b"another key, also of twenty-four and more").decode()
    one(connect(secret=f"{other} {SECRET}"), site.url)
    one(connect(), site.url)
    both, old = (asked.headers["webhook-signature"] for asked in site.asked)
    assert both.split()[1] == old
    assert len(both.split()) == 2


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "a key", "whsec_not base64", "whsec_c2hvcnQ=", KEY.decode()]
)
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValidationError, match="secret"):
        WebhookSettings.model_validate({"secret": secret})


def test_over_tls(tmp_path: Path, connect: Connect) -> None:
    certificate = self_signed(tmp_path)
    with web_server(certificate) as site:
        fine = connect(ca_file=str(certificate), allow_http=False)
        assert one(fine, site.url) == Accepted("tact-0")
        assert one(fine, site.url) == Accepted("tact-0")
        assert site.connections == 1
        told = one(connect(), site.url)  # nobody vouches for it
    assert isinstance(told, Deferred)
    assert "certificate" in told.detail.lower()
    assert len(site.asked) == 2


# --- What is certain ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted("tact-0")),
        (202, Accepted("tact-0")),
        (400, Reason.content_refused),
        (401, Reason.other),
        (404, Reason.other),
        (410, Reason.bad_address),
        (413, Reason.too_large),
        (422, Reason.content_refused),
        (429, Reason.other),
        (307, Reason.other),
        (308, Reason.other),
        (301, Unknown),
        (302, Unknown),
        (303, Unknown),
        (408, Unknown),
        (500, Unknown),
        (503, Unknown),
    ],
)
def test_what_each_answer_means(
    site: WebServer, connect: Connect, status: int, outcome: Any
) -> None:
    elsewhere = (("Location", f"{site.url}/elsewhere"), ("Retry-After", "7"))
    site.says = Says(status, elsewhere)
    told = one(connect(), f"{site.url}/hook")
    if isinstance(outcome, Reason):
        assert isinstance(told, Rejected)
        assert told.reason is outcome
        assert told.retryable == (status in (401, 404, 429))
        assert told.retry_after_s == {401: 60.0, 404: 60.0, 429: 7.0}.get(status)
    else:
        assert told == outcome or isinstance(told, Unknown)
        assert isinstance(told, outcome if outcome is Unknown else Accepted)
    assert [asked.path for asked in site.asked] == ["/hook"]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 413, 429])
def test_what_one_receiver_says_stops_nobody_else(
    site: WebServer, connect: Connect, status: int
) -> None:
    site.says = Says(status, (("Retry-After", "999999"),))
    told = one(connect(), site.url)
    assert asked_to_wait([told]) is None
    assert signs([told]) == [Sign.WORKS]


@pytest.mark.parametrize(
    ("until", "at", "after_s"),
    [
        ("7", "", 7.0),
        ("Thu, 23 Nov 2017 17:01:30 GMT", "Thu, 23 Nov 2017 17:00:00 GMT", 90.0),
        ("Thursday, 23-Nov-17 17:01:30 GMT", "Thu, 23 Nov 2017 17:00:00 GMT", 90.0),
        ("Thu, 23 Nov 2017 16:00:00 GMT", "Thu, 23 Nov 2017 17:00:00 GMT", None),
        ("Thu, 23 Nov 2117 17:00:00 GMT", "Thu, 23 Nov 2017 17:00:00 GMT", None),
        ("Thu, 23 Nov 2017 17:01:30 GMT", "", None),
        ("Thu, 23 Nov 2017 17:01:30 -0000", "Thu, 23 Nov 2017 17:00:00 GMT", None),
        ("soon", "soon", None),
        ("", "", None),
        ("9999999", "", None),
        ("-7", "", None),
    ],
)
def test_until_when_to_leave_somebody_alone(until: str, at: str, after_s: float | None) -> None:
    headers = HTTPMessage()
    headers["Retry-After"], headers["Date"] = until, at
    assert retry_after_s(headers) == after_s


def test_a_cut_after_the_request_is_unknown_and_nothing_is_repeated(
    site: WebServer, connect: Connect
) -> None:
    site.says = Says(cut=True)
    assert isinstance(one(connect(), site.url), Unknown)
    assert len(site.asked) == 1


def test_nobody_there_is_certain(connect: Connect) -> None:
    for address in (f"http://127.0.0.1:{free_port()}/", "http://nobody.invalid/"):
        assert isinstance(one(connect(), address), Deferred)


def test_an_answer_that_drips_ends(site: WebServer, connect: Connect) -> None:
    site.next_up.append(Says(200, drip_s=0.02))
    channel = connect(timeout_s=0.3)
    assert isinstance(one(channel, site.url), Unknown)
    assert one(channel, site.url) == Accepted("tact-0")


@pytest.mark.parametrize("status", [100, 102, 103])
def test_a_word_in_between_is_no_answer(site: WebServer, connect: Connect, status: int) -> None:
    site.says = Says(410, early=(status, status))
    told = one(connect(), site.url)
    assert isinstance(told, Rejected)
    assert told.reason is Reason.bad_address


def test_words_in_between_come_to_an_end(site: WebServer, connect: Connect) -> None:
    site.says = Says(200, early=(103,) * 50)
    assert isinstance(one(connect(), site.url), Unknown)


@pytest.mark.parametrize("early", [101, 103])
def test_a_late_answer_is_never_taken_for_the_next_one(connect: Connect, early: int) -> None:
    """Whoever answers the first request only once the second has come."""
    channel = connect(timeout_s=0.3, connections=1)
    with late_answers(early) as url:
        first, second = channel.send([hook(url, 0), hook(url, 1)], DEADLINE_S, NOW)
    assert isinstance(first, Unknown)
    assert isinstance(second, Unknown)


@contextmanager
def late_answers(early: int) -> Iterator[str]:
    """A server that says `early` to each request, and 200 to it when there is another one."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                line.recv(65_536)
                line.sendall(f"HTTP/1.1 {early} Wait\r\n\r\n".encode())
                if line.recv(65_536):
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize("chunked", [False, True])
def test_of_a_long_answer_the_status_counts(
    site: WebServer, connect: Connect, chunked: bool
) -> None:
    page = b"x" * 1_000_000
    said = {"chunked": b"f4240\r\n" + page} if chunked else {"body": page}
    site.next_up += [Says(200, **said), Says(404, **said)]
    items = [hook(site.url, number) for number in range(3)]
    first, second, third = connect(connections=1).send(items, DEADLINE_S, NOW)
    assert (first, third) == (Accepted("tact-0"), Accepted("tact-2"))
    assert isinstance(second, Rejected)
    assert second.retryable


def test_half_of_a_short_answer_is_none(site: WebServer, connect: Connect) -> None:
    site.says = Says(200, chunked=b"ffff\r\nx")
    assert isinstance(one(connect(), site.url), Unknown)


@pytest.mark.parametrize("size", [b"-1", b"-5", b"fffffffffffffffff", b"milk", b""])
def test_a_chunk_of_no_size_harms_nobody(site: WebServer, connect: Connect, size: bytes) -> None:
    answer = size + b"\r\n" + b"x" * 60_000
    site.next_up.append(Says(200, chunked=answer))
    first, second = connect(connections=1).send(
        [hook(site.url, 0), hook(site.url, 1)], DEADLINE_S, NOW
    )
    assert isinstance(first, Unknown)
    assert second == Accepted("tact-1")


def test_an_endless_chunk_is_not_kept(connect: Connect) -> None:
    with web_server() as site:
        site.says = Says(200, chunked=b"-1\r\n" + b"x" * 20_000_000)
        tracemalloc.start()
        channel = connect()
        try:
            assert one(channel, site.url) == Accepted("tact-0")
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most < 5_000_000


def test_slow_receivers_do_not_hold_up_the_others(site: WebServer, connect: Connect) -> None:
    channel = connect(timeout_s=0.5)
    with web_server() as slow:
        slow.says = Says(200, drip_s=0.1)
        items = [hook(slow.url, 0), *(hook(site.url, number) for number in range(1, 9))]
        first, *others = channel.send(items, DEADLINE_S, NOW)
    assert isinstance(first, Unknown)
    assert others == [Accepted(f"tact-{number}") for number in range(1, 9)]


# --- Where it never goes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https:///nowhere",
        "https://me:secret@example.com/",
        "https://example.com/#part",
        "https://example.com/ü",
        "https://example.com/a b",
        "https://example.com:99999/",
        "https://[::1/",
        "https://" + "x" * 2_000,
        "example.com",
        "https://127.0.0.1/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:192.168.0.1]/",
        "https://0.0.0.0/",
    ],
)
def test_addresses_that_are_refused_before_anything_is_planned(
    connect: Connect, address: str
) -> None:
    channel = connect(allow_private=False, allow_http=False)
    assert isinstance(channel.prepare(hook(address)), Unsupported)
    told = one(channel, address)
    assert isinstance(told, Rejected)
    assert told.reason is Reason.unsupported


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
        ("192.0.2.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("fec0::1", False),
        ("64:ff9b::5db8:d70e", True),
    ],
)
def test_what_is_of_the_open_internet(address: str, fine: bool) -> None:
    assert is_open(address) is fine


@pytest.mark.parametrize("host", ["2001:db8::4460", "2001:db8::abcd"])
def test_an_address_of_ipv6_needs_no_port(
    site: WebServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    port = int(site.url.rpartition(":")[2])
    asked: list[tuple[str, int]] = []

    def looked_up(host: str, at: int, **more: Any) -> list[Any]:
        asked.append((host, at))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(guarded_line, "getaddrinfo", looked_up)
    assert one(connect(), f"http://[{host}]/hook") == Accepted("tact-0")
    assert asked == [(host, 80)]
    assert site.asked[0].headers["host"] == f"[{host}]"


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.0.0.1"])
def test_a_name_that_leads_inside_is_not_called(
    site: WebServer, connect: Connect, host: str
) -> None:
    channel = connect(allow_private=False)
    told = one(channel, site.url.replace("127.0.0.1", host))
    assert isinstance(told, Rejected)
    assert "private network" in told.detail
    assert site.asked == []
    assert site.connections == 0


def test_a_name_that_answers_differently_the_second_time_gains_nothing(
    site: WebServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up that is judged is the one that is connected to; there is no second."""
    port = int(site.url.rpartition(":")[2])
    asked: list[str] = []

    def fickle(host: str, at: int, **more: Any) -> list[Any]:
        asked.append(host)
        ip = "192.168.7.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    monkeypatch.setattr(guarded_line, "getaddrinfo", fickle)
    told = one(connect(allow_private=False), f"http://fickle.example:{port}/")
    assert isinstance(told, Rejected)
    assert asked == ["fickle.example"]
    assert site.connections == 0


def test_the_doctor_minds_open_doors(connect: Connect) -> None:
    assert [found.level for found in connect().check()] == [
        Level.good,
        Level.warning,
        Level.warning,
    ]
    strict = connect(allow_private=False, allow_http=False)
    assert [found.level for found in strict.check()] == [Level.good]
