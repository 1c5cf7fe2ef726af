"""Providers call: genuine, forged, cut off, repeated, too large, and out of their minds."""

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from channels.contract import ChannelSettings, Feedback, FeedbackKind
from channels.outbox import OutboxChannel, OutboxSettings
from orchestrator.entry.web.app import Front, Site, make_app
from orchestrator.model.errors import Broken
from orchestrator.tables import feedback, messages
from tests.feedback.site import PUBLIC, Caller, Calling, answering, serving, sign
from tests.feedback.stage import agreed, number, stage, standing
from tests.support.shop import Small

FUZZED = 10_000
DELIVERED = {"kind": "delivered", "event_id": "e1", "message_id": "1", "attempt_id": "1"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Small]:
    made = stage(tmp_path, "ann1", "bob2", database=str(tmp_path / "t.db"))
    yield made
    made.engine.dispose()


@pytest.fixture
def caller(shop: Small) -> Iterator[Caller]:
    with answering(shop) as one:
        yield one


def test_a_genuine_call_counts_once(shop: Small, caller: Caller) -> None:
    assert caller.hook(DELIVERED).status == 204
    assert standing(shop) == ("delivered", None)
    assert caller.hook(DELIVERED).status == 202
    assert caller.hook(DELIVERED, query="?m=1&a=%2F").status == 202
    assert len(shop.rows(feedback)) == 1


def test_what_is_not_ours_is_taken_all_the_same(shop: Small, caller: Caller) -> None:
    for nobody in ("999", "x", "-1", "9" * 40, "1e3"):
        told = {**DELIVERED, "event_id": nobody, "message_id": nobody}
        assert caller.hook(told).status == 202
    assert caller.hook().status == 204
    assert standing(shop) == ("accepted", None)


def test_stop_by_web(shop: Small, caller: Caller) -> None:
    told = {"kind": "unsubscribed", "event_id": "s", "address": number("ann1"), "detail": "STOP"}
    assert caller.hook(told).status == 204
    assert agreed(shop, "ann1") == {("email", "*"): True, ("sms", "*"): False}


def test_forged_calls_are_refused(shop: Small, caller: Caller) -> None:
    raw = json.dumps([DELIVERED]).encode()
    good = sign(raw, f"{PUBLIC}/hooks/outbox")
    for signature in ("", "0" * 64, good[:-1], good.upper(), good + "0", "ü"):
        assert forge(caller, raw, {"x-sign": signature}).status == 403
    assert forge(caller, raw[:-1], {"x-sign": good}).status == 403
    assert forge(caller, raw, {}).status == 403
    # The address that was signed is the one that was called, whatever a stranger says.
    another = {"x-sign": sign(raw, "https://x/"), "x-tactful-url": "https://x/"}
    assert forge(caller, raw, another).status == 403
    assert forge(caller, raw, {"x-sign": good}, "/hooks/outbox?x=1").status == 403
    assert standing(shop) == ("accepted", None)
    assert shop.rows(feedback) == []
    assert forge(caller, raw, {"x-sign": good}).status == 204


def forge(caller: Caller, raw: bytes, headers: dict[str, str], path: str = "/hooks/outbox") -> Any:
    sent: Any = {name: value.encode() for name, value in headers.items()}
    return caller.call("POST", path, raw, sent)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/hooks/nobody", 404),
        ("POST", "/hooks/", 404),
        ("POST", "/hooks/outbox/x", 404),
        ("POST", "/hooks/..%2Foutbox", 404),
        ("GET", "/hooks/outbox", 405),
        ("DELETE", "/hooks/outbox", 405),
    ],
)
def test_other_doors_are_shut(caller: Caller, method: str, path: str, status: int) -> None:
    assert caller.call(method, path).status == status


def test_no_more_is_read_than_the_provider_ever_tells(caller: Caller) -> None:
    most = Calling.capabilities.callback_bytes_max
    assert caller.call("POST", "/hooks/outbox", b" " * most).status == 403
    assert caller.call("POST", "/hooks/outbox", b" " * (most + 1)).status == 413


def test_a_body_without_end_is_cut_off(caller: Caller) -> None:
    head = b"POST /hooks/outbox HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", caller.port), timeout=20) as line:
        line.sendall(head)
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(5):  # 320 kB, and no end
            line.sendall(chunk)
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_that_breaks_off_changes_nothing(shop: Small, caller: Caller) -> None:
    raw = json.dumps([DELIVERED]).encode()
    signature = sign(raw, f"{PUBLIC}/hooks/outbox")
    head = f"POST /hooks/outbox HTTP/1.1\r\nHost: x\r\nx-sign: {signature}\r\n"
    for cut in range(0, len(raw), 7):
        with socket.create_connection(("127.0.0.1", caller.port), timeout=20) as line:
            line.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw[:cut])
    assert caller.get("/health").status == 200
    assert standing(shop) == ("accepted", None)


def fuzzed(chance: Random) -> tuple[str, bytes]:
    """The raw bytes of a request: mostly HTTP, seldom anything sensible."""
    raw = json.dumps([DELIVERED]).encode()
    match chance.randrange(6):
        case 0:
            body = chance.randbytes(chance.randrange(400))
        case 1:
            body = b"[" * chance.randrange(1, 5000)
        case 2:
            spoiled = bytearray(raw)
            for _ in range(chance.randrange(1, 5)):
                spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
            body = bytes(spoiled)
        case 3:
            body = raw[: chance.randrange(len(raw))]
        case 4:
            kinds = [None, 1, [], "x", "\ud800", {"a": {}}, 1e400, "\x00", -(2**70)]
            words = {name: chance.choice(kinds) for name in (*DELIVERED, "address", "at")}
            body = json.dumps([words, chance.choice(kinds)]).encode()
        case _:
            body = b"MessageStatus=delivered&MessageSid=" + chance.randbytes(20).hex().encode()
    path = chance.choice(["/hooks/outbox", "/hooks/outbox?" + chance.randbytes(9).hex()])
    return path, body


def test_ten_thousand_hostile_calls(shop: Small) -> None:
    """Bodies and headers at random, a part of them signed by somebody who knows the secret: no
    5xx, nothing let in that is not signed, nothing moved back."""
    shop.execute(messages.update().values(state="delivered"))
    chance = Random(7)
    seen: dict[int, int] = {}
    with answering(shop) as caller, Line(caller.port) as line:
        for _ in range(FUZZED):
            path, body = fuzzed(chance)
            headers = {
                chance.choice(
                    ["x-sign", "x-a", "content-type", "x-tactful-url", "cookie"]
                ): "".join(chr(chance.randrange(33, 256)) for _ in range(chance.randrange(80)))
                for _ in range(chance.randrange(4))
            }
            if chance.random() < 0.1:
                headers["x-sign"] = sign(body, PUBLIC + path)
            status = line.post(path, body, headers)
            seen[status] = seen.get(status, 0) + 1
        assert caller.get("/health").status == 200
    assert not [status for status in seen if status >= 500 or status < 200], seen
    assert set(seen) <= {202, 204, 403}, seen
    assert seen[403] > FUZZED * 0.85
    assert {standing(shop, id)[0] for id in (1, 2)} == {"delivered"}


class Line:
    """One connection, opened anew where the other side has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status that comes back."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self._socket.recv(4096)
            assert part, answer
            answer += part
        head, _, rest = answer.partition(b"\r\n\r\n")
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        while len(rest) < length:
            rest += self._socket.recv(4096)
        if b"connection: close" in lowered:
            self._socket.close()
            self._socket = None
        return int(head.split()[1])


class SecretSettings(OutboxSettings):
    token: SecretStr = SecretStr("")


class KeySettings(OutboxSettings):
    public_key: str | None = ""


class Trusting(OutboxChannel):
    def parse_feedback(self, raw: bytes, headers: object) -> list[Feedback]:
        return []


class Breaking(OutboxChannel):
    def parse_feedback(self, raw: bytes, headers: object) -> list[Feedback]:
        raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("channel", "settings", "said"),
    [
        (OutboxChannel, SecretSettings, "has an empty token; set TACTFUL_OUTBOX_TOKEN"),
        (OutboxChannel, KeySettings, "has an empty public_key"),
        (Trusting, OutboxSettings, "that nobody has signed"),
    ],
)
def test_it_does_not_start_where_anybody_would_be_believed(
    shop: Small, channel: type[OutboxChannel], settings: type[ChannelSettings], said: str
) -> None:
    plugin = channel(settings(folder=shop.folder))  # type: ignore[call-arg, arg-type]
    with pytest.raises(Broken, match=said):
        make_app(Site(shop.engine, front=Front(shop.tactful.shop, {"outbox": plugin})))


def test_a_channel_that_breaks_lets_nobody_in(shop: Small) -> None:
    plugin = Breaking(OutboxSettings(folder=shop.folder))
    front = Front(shop.tactful.shop, {"outbox": plugin}, PUBLIC)
    with serving(Site(shop.engine, front=front)) as caller:
        assert caller.hook(DELIVERED).status == 403


def test_while_the_database_is_away_the_provider_is_asked_to_come_again(shop: Small) -> None:
    with answering(shop) as caller:
        shop.execute(text("DROP TABLE feedback"))
        answer = caller.hook(DELIVERED)
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


GOOD = Feedback(FeedbackKind.delivered, "e1", None, message_id="1", attempt_id="1")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, "gave NoneType, neither a list nor Refused"),
        (GOOD, "gave Feedback, neither a list nor Refused"),
        (["delivered"], "gave str for an event"),
        ([GOOD, replace(GOOD, kind="lost")], "of the kind 'lost'"),  # type: ignore[arg-type]
        ([replace(GOOD, event_id=None)], "whose event_id is NoneType"),  # type: ignore[arg-type]
        ([replace(GOOD, event_id=17)], "whose event_id is int, no text"),  # type: ignore[arg-type]
        ([replace(GOOD, message_id=1)], "whose message_id is int"),  # type: ignore[arg-type]
        ([replace(GOOD, address=b"x")], "whose address is bytes"),  # type: ignore[arg-type]
        ([replace(GOOD, at="today")], "at str"),  # type: ignore[arg-type]
    ],
)
def test_a_plugin_that_makes_no_sense_is_named_and_harms_nobody(
    shop: Small, told: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Senseless(Calling):
        def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> Any:
            found = super().parse_feedback(raw, headers)
            return told if isinstance(found, list) else found

    plugin = Senseless(OutboxSettings(folder=shop.folder, files=False))
    front = Front(shop.tactful.shop, {"outbox": plugin}, PUBLIC)
    with serving(Site(shop.engine, front=front)) as caller, caplog.at_level("ERROR"):
        assert caller.hook(DELIVERED).status == 403
    assert standing(shop) == ("accepted", None)
    assert why in caplog.text
    assert "outbox" in caplog.text
