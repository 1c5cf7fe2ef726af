"""The SMTP side: by hand what stands on the wire, and the engine's own channel against it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from channels.contract import Accepted, Deferred, Item, Outcome, Rejected, Sender, Unknown
from channels.contract_suite import DEADLINE_S, NOW
from channels.email_smtp import SmtpChannel, SmtpSettings
from tests.provider.faults import Kind, always
from tests.provider.fixtures import StartProvider
from tests.provider.running import RunningProvider

Connect = Callable[..., SmtpChannel]


@pytest.fixture
def connect(provider: RunningProvider) -> Iterator[Connect]:
    opened: list[SmtpChannel] = []

    def make(port: int = 0, **settings: Any) -> SmtpChannel:
        values = {"host": "127.0.0.1", "tls": "none", "timeout_s": 5.0, **settings}
        values["port"] = port or provider.smtp_port
        opened.append(SmtpChannel(SmtpSettings.model_validate(values)))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


def email(number: int = 0, to: str = "anna@example.com") -> Item:
    return Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="email",
        address=to,
        text="Milk is $2.49.\n.\n..\nQUIT",
        subject="Müsli",
        html="<p>Milk is <b>$2.49</b>.</p>",
        sender=Sender("The Shop", "shop@example.com"),
        headers=(),
        stable_id=f"shop.{number}",
        not_after=None,
        language="en",
    )


def told(outcome: Outcome) -> str:
    """An outcome in a word."""
    if isinstance(outcome, Rejected):
        again = " again" if outcome.retryable else ""
        return f"rejected {outcome.reason}{again}"
    return type(outcome).__name__.lower()


# What our own e-mail channel is told, and whether the provider has the message.
MET: list[tuple[Kind, float | None, str, int]] = [
    (Kind.rate_limited, None, "rejected rate_limited again", 0),
    (Kind.refuse, None, "rejected bad_address", 0),
    (Kind.refuse_content, None, "rejected content_refused", 0),
    (Kind.error, None, "rejected provider_down again", 0),
    (Kind.unavailable, None, "deferred", 0),
    (Kind.accept_then_error, None, "unknown", 1),
    (Kind.garbled, None, "unknown", 1),
    (Kind.accept_then_drop, None, "unknown", 1),
    (Kind.drop, None, "unknown", 0),
    (Kind.drop_early, None, "deferred", 0),
    (Kind.half_open, None, "unknown", 0),
    (Kind.slow, 0.05, "accepted", 1),
    (Kind.slow, 60, "unknown", 1),
    (Kind.late, 0.05, "accepted", 1),
    (Kind.late, 60, "unknown", 0),
]


def test_the_table_leaves_no_fault_out() -> None:
    assert {kind for kind, *_ in MET} == set(Kind)


@pytest.mark.parametrize(("kind", "value", "said", "count"), MET)
def test_before_the_dot_it_is_certain_and_after_it_only_an_answer_is(
    provider: RunningProvider, connect: Connect, kind: Kind, value: float | None, said: str,
    count: int,
) -> None:  # fmt: skip
    provider.script(always(kind, value))
    waits = kind is Kind.half_open or value == 60
    channel = connect(timeout_s=0.15 if waits else 5.0)
    (outcome,) = channel.send([email()], DEADLINE_S, NOW)
    assert told(outcome) == said
    assert len(provider.log) == count
    assert provider.faulted == {kind: 1}


def test_what_comes_late_is_in_the_log_after_all(
    provider: RunningProvider, connect: Connect
) -> None:
    provider.script("late:0.3")
    (outcome,) = connect(timeout_s=0.1).send([email()], DEADLINE_S, NOW)
    assert isinstance(outcome, Unknown)
    (one,) = provider.accepted(1)
    assert one.accepted_ns - one.received_ns > 250_000_000


def test_an_email_is_written_down_as_it_came(provider: RunningProvider, connect: Connect) -> None:
    (outcome,) = connect().send([email(7)], DEADLINE_S, NOW)
    assert outcome == Accepted("<shop.7@example.com>")
    (one,) = provider.log
    assert (one.over, one.to, one.stable_id) == ("smtp", "anna@example.com", "shop.7")
    assert one.at == NOW
    assert "\r\n.\r\n..\r\nQUIT\r\n" in one.text


def test_only_the_one_that_was_meant_is_struck(provider: RunningProvider, connect: Connect) -> None:
    provider.script("refuse@u2@example.com, accept_then_drop@u4@example.com")
    items = [email(n, f"u{n}@example.com") for n in range(7)]
    outcomes = connect().send(items, DEADLINE_S, NOW)
    said = [told(one).split()[0] for one in outcomes]
    assert said == [
        "accepted", "accepted", "rejected", "accepted", "unknown", "accepted", "accepted",
    ]  # fmt: skip
    assert [one.stable_id for one in provider.log] == [f"shop.{n}" for n in (0, 1, 3, 4, 5, 6)]
    assert provider.log.doubled == {}


def test_nobody_there_is_certain(connect: Connect) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    (outcome,) = connect(port).send([email()], DEADLINE_S, NOW)
    assert isinstance(outcome, Deferred)


def talk(port: int, raw: bytes, *, packet: int = 0) -> list[bytes]:
    """Says it all – a packet of so many bytes at a time – and gives the lines of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = packet or len(raw)
        heard = b""
        try:
            for start in range(0, len(raw), size):
                sock.sendall(raw[start : start + size])
            sock.shutdown(socket.SHUT_WR)
            while got := sock.recv(65536):
                heard += got
        except (BrokenPipeError, ConnectionResetError):
            pass
    return heard.splitlines()


ENVELOPE = b"MAIL FROM:<s@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
MESSAGE = b"Message-ID: <shop.1@example.com>\r\nX-Attempt-Id: a1\r\n\r\n..\r\nhello\r\n.\r\n"


@pytest.mark.parametrize("counting", [False, True])
@pytest.mark.parametrize("packet", [0, 1, 2, 3, 7])
def test_everything_may_come_in_one_packet_or_in_bits(
    start_provider: StartProvider, packet: int, counting: bool
) -> None:
    provider = start_provider(counting=counting)
    raw = b"EHLO x\r\n" + (ENVELOPE + MESSAGE) * 3 + b"QUIT\r\n"
    lines = talk(provider.smtp_port, raw, packet=packet)
    assert b"250-PIPELINING" in lines
    assert [line[:3] for line in lines if line[3:4] == b" "] == [
        b"220", b"250", *[b"250", b"250", b"354", b"250"] * 3, b"221",
    ]  # fmt: skip
    assert [one.stable_id for one in provider.log] == ["shop.1"] * 3
    if not counting:
        assert {one.text.partition("\r\n\r\n")[2] for one in provider.log} == {".\r\nhello\r\n"}
        assert {one.attempt_id for one in provider.log} == {"a1"}


def test_each_recipient_is_an_acceptance(provider: RunningProvider) -> None:
    provider.script("refuse@b@example.com")
    rcpt = b"".join(b"RCPT TO:<%c@example.com>\r\n" % letter for letter in b"abc")
    raw = b"HELO x\r\nMAIL FROM:<>\r\n" + rcpt + b"DATA\r\n" + MESSAGE + b"QUIT\r\n"
    codes = [line[:3] for line in talk(provider.smtp_port, raw)]
    assert codes == [b"220", b"250", b"250", b"250", b"550", b"250", b"354", b"250", b"221"]
    assert [one.to for one in provider.log] == ["a@example.com", "c@example.com"]


@pytest.mark.parametrize(
    ("raw", "last"),
    [
        (b"DATA\r\n", b"503"),
        (b"RCPT TO:<a@example.com>\r\n", b"503"),
        (b"MAIL FROM:<>\r\nRCPT TO:a\r\n", b"503"),
        (b"NONSENSE\r\n", b"500"),
        (b"\xff\x00\r\n", b"500"),
        (b"x" * 10_000, b"500"),
        (b"MAIL FROM:<>\r\nRCPT TO:<\xff>\r\nDATA\r\n.\r\n", b"250"),
        (ENVELOPE + b"Date: never\r\nMessage-ID: <\xff>\r\n\r\n.\r\n", b"250"),
        (ENVELOPE + b"half a message", b"354"),
    ],
)
@pytest.mark.parametrize("counting", [False, True])
def test_no_client_can_end_it(
    start_provider: StartProvider, raw: bytes, last: bytes, counting: bool
) -> None:
    provider = start_provider(counting=counting)
    assert talk(provider.smtp_port, raw)[-1][:3] == last
    before = len(provider.log)
    assert before == (last == b"250")
    assert talk(provider.smtp_port, ENVELOPE + MESSAGE)[-1][:3] == b"250"
    assert len(provider.log) == before + 1


def test_behind_a_cut_nothing_is_taken(provider: RunningProvider) -> None:
    provider.script("accept_then_drop#1")
    talk(provider.smtp_port, (ENVELOPE + MESSAGE) * 3)
    assert len(provider.log) == 1
