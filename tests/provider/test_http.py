"""The HTTP side by hand: what stands on the wire, and that no client can end it."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.provider.fixtures import StartProvider
from tests.provider.log import Log
from tests.provider.running import RunningProvider

BODY = {
    "to": "+1",
    "text": "Milk, \u20ac 2",
    "stable_id": "shop.1",
    "message_id": "1",
    "attempt_id": "a1",
    "kind": "sms",
    "metadata": {"campaign": "weekly", "occasion": "2017-11-23", "step": 0},
}
HEADERS = {"X-Now": "2017-11-23T17:00:00+00:00"}


@pytest.fixture
def http(provider: RunningProvider) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection("127.0.0.1", provider.http_port, timeout=5)) as connection:
        yield connection


def ask(
    http: HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    raw = None if body is None else json.dumps(body)
    http.request(method, path, raw, {**HEADERS, **headers})
    answer = http.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_message_is_taken_and_written_down(
    provider: RunningProvider, http: HTTPConnection
) -> None:
    status, said = ask(http, "POST", "/messages", BODY)
    assert status == 201
    (one,) = provider.log
    assert said["id"] == one.ref
    assert (one.seq, one.over, one.to, one.text) == (1, "http", "+1", BODY["text"])
    assert (one.stable_id, one.message_id, one.attempt_id) == ("shop.1", "1", "a1")
    assert one.metadata == BODY["metadata"]
    assert one.now == HEADERS["X-Now"]
    assert one.received_ns <= one.accepted_ns
    assert len(one.digest) == 32


def test_numbers_and_times_only_grow(provider: RunningProvider, http: HTTPConnection) -> None:
    for _ in range(5):
        ask(http, "POST", "/messages", BODY)
    ask(http, "POST", "/batches", {"messages": [BODY] * 5})
    log = provider.log
    assert [one.seq for one in log] == list(range(1, 11))
    times = [one.accepted_ns for one in log]
    assert times == sorted(times)
    assert len({one.digest for one in log}) == 1


def test_what_is_there_can_be_searched_and_shows_no_ids_of_ours(
    provider: RunningProvider, http: HTTPConnection
) -> None:
    ask(http, "POST", "/messages", BODY)
    ask(http, "POST", "/messages", {**BODY, "to": "+2"})
    status, found = ask(http, "GET", "/messages?to=%2B1&after=2017-11-23T16:59:00%2B00:00")
    assert status == 200
    (one,) = found["messages"]
    assert one == {
        "id": "rec1",
        "to": "+1",
        "text": BODY["text"],
        "created": "2017-11-23T17:00:00+00:00",
    }
    assert ask(http, "GET", "/messages/rec1") == (200, one)
    assert ask(http, "GET", "/messages/rec9")[0] == 404
    later = ask(http, "GET", "/messages?to=%2B1&after=2017-11-23T17:00:01%2B00:00")[1]
    assert later["messages"] == []
    assert found["now"].startswith("2017-11-23T17:00:0")
    assert ask(http, "GET", "/messages?to=x&after=yesterday")[0] == 400


def test_a_refusal_says_when_to_come_back(provider: RunningProvider, http: HTTPConnection) -> None:
    provider.script("rate_limited:29.5")
    http.request("POST", "/messages", json.dumps(BODY))
    answer = http.getresponse()
    assert (answer.status, answer.getheader("Retry-After")) == (429, "30")
    answer.read()
    assert len(provider.log) == 0


def test_a_key_answers_with_the_first_message(start_provider: StartProvider) -> None:
    provider = start_provider(idempotent=True)
    with closing(HTTPConnection("127.0.0.1", provider.http_port, timeout=5)) as http:
        first = ask(http, "POST", "/messages", BODY, **{"Idempotency-Key": "k1"})
        assert ask(http, "POST", "/messages", BODY, **{"Idempotency-Key": "k1"}) == first
        assert ask(http, "POST", "/messages", BODY, **{"Idempotency-Key": "k2"}) != first
        ask(http, "POST", "/messages", BODY)
        ask(http, "POST", "/messages", BODY)
    assert [one.key for one in provider.log] == ["k1", "k2", "", ""]


def test_without_that_option_a_key_means_nothing(
    provider: RunningProvider, http: HTTPConnection
) -> None:
    for _ in range(2):
        ask(http, "POST", "/messages", BODY, **{"Idempotency-Key": "k1"})
    assert len(provider.log.doubled["shop.1"]) == 2


def test_a_counting_provider_keeps_the_names(start_provider: StartProvider) -> None:
    provider = start_provider(counting=True)
    with closing(HTTPConnection("127.0.0.1", provider.http_port, timeout=5)) as http:
        assert ask(http, "POST", "/messages", BODY)[0] == 201
        assert ask(http, "GET", "/stats")[1]["accepted"] == 1
        # It denies nothing that it has not kept.
        assert ask(http, "GET", "/messages?to=%2B1")[0] == 501
    (one,) = provider.log
    assert (one.seq, one.stable_id, one.to, one.text) == (1, "shop.1", "", "")


def exchange(provider: RunningProvider, raw: bytes) -> bytes:
    """All that comes back until the provider, or we, have no more to say."""
    with socket.create_connection(("127.0.0.1", provider.http_port), timeout=5) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while got := sock.recv(65536):
                answer += got
        except ConnectionResetError:
            pass
        return answer


def post(body: bytes, path: str = "/messages", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(b""), b"400"),
        (post(b"{}"), b"400"),
        (post(b"[" * 100_000), b"400"),
        (post(b'{"to": 7, "text": "x"}'), b"400"),
        (post(b'{"to": "a", "text": "x"}', "/batches"), b"400"),
        (post(b'{"to": "a", "text": "x"}', more="X-Now: soon\r\n"), b"400"),
        (post(b'{"to": "a", "text": "x"}', more="X-Now: 2017-11-23\r\n"), b"400"),
        (post(b'{"to": "a", "text": "x"}', "/elsewhere"), b"405"),
        (b"POST /messages HTTP/1.1\r\n\r\n", b"411"),
        (b"POST /messages HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"411"),
        (b"GET /messages HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"411"),
        (b"GET /\xff?%zz HTTP/1.1\r\n\r\n", b"404"),
        (b"GET //[ HTTP/1.1\r\n\r\n", b"404"),
        (b"\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00", b""),
        (b"POST /messages HTTP/1.1\r\nContent-Length: 50\r\n\r\n{}", b""),
    ],
)
def test_no_client_can_end_it(
    provider: RunningProvider, http: HTTPConnection, raw: bytes, status: bytes
) -> None:
    assert exchange(provider, raw)[9:12] == status
    assert len(provider.log) == 0
    assert ask(http, "POST", "/messages", BODY)[0] == 201


def test_requests_in_one_packet_are_answered_in_order(provider: RunningProvider) -> None:
    bodies = [json.dumps({"to": f"+{n}", "text": "x"}).encode() for n in range(3)]
    answer = exchange(provider, b"".join(map(post, bodies)))
    assert answer.count(b"HTTP/1.1 201 Created\r\n") == 3
    assert answer.index(b"rec1") < answer.index(b"rec2") < answer.index(b"rec3")
    assert [one.to for one in provider.log] == ["+0", "+1", "+2"]


def test_behind_a_cut_nothing_is_taken(provider: RunningProvider) -> None:
    provider.script("accept_then_drop#1")
    bodies = [json.dumps({"to": f"+{n}", "text": "x"}).encode() for n in range(3)]
    assert exchange(provider, b"".join(map(post, bodies))) == b""
    assert [one.to for one in provider.log] == ["+0"]


def test_an_answer_held_back_holds_back_those_behind_it(provider: RunningProvider) -> None:
    provider.script("slow:0.05#1")
    with socket.create_connection(("127.0.0.1", provider.http_port), timeout=5) as sock:
        bodies = [json.dumps({"to": f"+{n}", "text": "x"}).encode() for n in range(3)]
        sock.sendall(b"".join(map(post, bodies)))
        answer = b""
        while answer.count(b"HTTP/1.1 201") < 3:
            answer += sock.recv(65536)
    assert answer.index(b"rec1") < answer.index(b"rec2") < answer.index(b"rec3")


def test_the_log_is_written_before_the_answer(
    provider: RunningProvider, http: HTTPConnection
) -> None:
    for count in range(1, 30):
        ask(http, "POST", "/messages", BODY)
        log: Log = provider.log
        assert len(log) == count
