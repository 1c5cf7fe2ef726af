"""SMTP over real sockets: what is certain, what is not, and that nothing goes out twice."""

import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from time import monotonic

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from channels.contract import (
    Accepted,
    Channel,
    Deferred,
    Item,
    Level,
    Outcome,
    Reason,
    Rejected,
    Sender,
    Unknown,
)
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from channels.email_smtp import SmtpChannel, SmtpSettings
from channels.smtp_bounces import seal
from channels.smtp_replies import Stage, refusal
from tests.channels.smtp_server import DRIP, DROP, SILENCE, MailServer, ScriptedServer, free_port
from tests.support.certificate import self_signed


def email(number: int = 0, address: str = "anna@example.com") -> Item:
    return Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="email",
        address=address,
        text="Milk is $2.49.\n.\n..\nQUIT",
        subject="Müsli",
        html="<p>Milk is <b>$2.49</b>.</p>",
        sender=Sender("The Shop", "shop@example.com"),
        headers=(("List-Unsubscribe", "<https://example.com/u/1>"),),
        stable_id=f"m{number}",
        not_after=None,
        language="en",
    )


Connect = Callable[..., SmtpChannel]
Serve = Callable[..., ScriptedServer]
ServeMail = Callable[..., MailServer]


@pytest.fixture(params=["one by one", "pipelined"])
def pipelines(request: pytest.FixtureRequest) -> bool:
    """Whether the server takes commands together."""
    return bool(request.param == "pipelined")


@pytest.fixture
def serve(pipelines: bool) -> Iterator[Serve]:
    servers: list[ScriptedServer] = []
    offered = ("PIPELINING",) if pipelines else ()

    def make(
        script: dict[str, list[str]] | None = None,
        extensions: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
    ) -> ScriptedServer:
        servers.append(ScriptedServer(script or {}, (*offered, *extensions), tls))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def serve_mail() -> Iterator[ServeMail]:
    servers: list[MailServer] = []

    def make(**settings: object) -> MailServer:
        servers.append(MailServer(**settings))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def mail_server(serve_mail: ServeMail) -> MailServer:
    return serve_mail()


@pytest.fixture
def connect(serve: Serve, serve_mail: ServeMail) -> Iterator[Connect]:
    """Depends on the servers, so that channels close before their servers stop."""
    opened: list[SmtpChannel] = []

    def make(port: int, **settings: object) -> SmtpChannel:
        values = {"host": "127.0.0.1", "tls": "none", "timeout_s": 5.0, **settings, "port": port}
        channel = SmtpChannel(SmtpSettings.model_validate(values))
        opened.append(channel)
        channel.open()
        return channel

    yield make
    for channel in opened:
        channel.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, mail_server: MailServer) -> Iterator[SmtpChannel]:
        settings = SmtpSettings(
            host="127.0.0.1",
            port=mail_server.port,
            tls="none",
            timeout_s=5,
            bounce_secret=SecretStr("a long and random secret"),
        )
        with SmtpChannel(settings) as channel:
            yield channel

    @pytest.fixture
    def taken(self, mail_server: MailServer) -> Callable[[], int]:
        return lambda: len(mail_server.envelopes)

    def genuine(self, channel: Channel[SmtpSettings]) -> tuple[bytes, dict[str, str]]:
        sealed = seal("a long and random secret", "7", "9", "d1.7")
        envelope = f"Original-Envelope-Id: {sealed}.d1.7@example.com"
        return f"{envelope}\nAction: failed\nStatus: 5.1.1\n\n".encode(), {}


def send(channel: SmtpChannel, *items: Item, deadline_s: float = DEADLINE_S) -> list[Outcome]:
    return channel.send(items, deadline_s, NOW)


def test_a_mail_server_gets_the_whole_message(mail_server: MailServer, connect: Connect) -> None:
    channel = connect(mail_server.port, bounce_address="bounces@example.com")
    assert send(channel, email(), email(1, "bo@example.com")) == [
        Accepted("<m0@example.com>"),
        Accepted("<m1@example.com>"),
    ]
    first, second = mail_server.envelopes
    assert first.mail_from == "bounces@example.com"
    assert (first.rcpt_tos, second.rcpt_tos) == (["anna@example.com"], ["bo@example.com"])
    assert isinstance(first.content, bytes)
    parsed = message_from_bytes(first.content, policy=policy.default)
    assert parsed["subject"] == "Müsli"
    text = parsed.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["Milk is $2.49.", ".", "..", "QUIT"]


@pytest.mark.parametrize(
    ("step", "reply", "expected"),
    [
        ("MAIL", "550 5.7.1 sender blocked", Rejected(Reason.blocked_sender, "")),
        ("MAIL", "451 4.3.0 try later", Rejected(Reason.provider_down, "", True, 60.0)),
        ("RCPT", "550 5.1.1 no such box", Rejected(Reason.bad_address, "")),
        ("RCPT", "550 no such box", Rejected(Reason.bad_address, "")),
        ("RCPT", "452 4.2.2 box is full", Rejected(Reason.other, "", True, 60.0)),
        ("RCPT", "450 4.7.0 slow down", Rejected(Reason.rate_limited, "", True, 60.0)),
        ("RCPT", "421 4.3.2 closing", Deferred(60.0, "")),
        ("RCPT", "what?", Rejected(Reason.provider_down, "", True, 60.0)),
        ("DATA", "554 5.7.1 no spam", Rejected(Reason.content_refused, "")),
        ("DATA", "421 closing", Deferred(60.0, "")),
        ("dot", "554 5.6.0 what is this", Rejected(Reason.content_refused, "")),
        ("dot", "552 5.3.4 too big", Rejected(Reason.too_large, "")),
        ("dot", "451 4.3.0 disk", Rejected(Reason.provider_down, "", True, 60.0)),
    ],
)
def test_a_refusal_is_certain_and_its_neighbours_go_out(
    serve: Serve, connect: Connect, step: str, reply: str, expected: Outcome, pipelines: bool
) -> None:
    server = serve({step: [reply]})
    first, second = send(connect(server.port), email(0), email(1))
    assert isinstance(first, Rejected | Deferred)
    assert replace(first, detail="") == expected
    assert second == Accepted("<m1@example.com>")
    assert len(server.taken) == (2 if step == "dot" else 1)
    # A refusal costs no connection, unless the server hangs up by it; or makes no sense, and who
    # knows then which answers belong to which of many commands.
    hangs_up = reply.startswith("421") or (pipelines and reply == "what?")
    assert server.connections == (2 if hangs_up else 1)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_dot_is_certain_and_made_again(
    serve: Serve, connect: Connect, step: str
) -> None:
    server = serve({step: [DROP]})
    first, second = send(connect(server.port), email(0), email(1))
    assert isinstance(first, Deferred)
    assert second == Accepted("<m1@example.com>")
    assert len(server.taken) == 1
    assert server.connections == 2


@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 closing", "garbage", "", "2"])
def test_no_clear_answer_after_the_dot_is_unknown_and_not_repeated(
    serve: Serve, connect: Connect, answer: str
) -> None:
    server = serve({"dot": [answer]})
    first, second = send(connect(server.port), email(0), email(1))
    assert isinstance(first, Unknown)
    assert second == Accepted("<m1@example.com>")
    assert [b"<m0@" in taken for taken in server.taken] == [True, False]


@pytest.mark.parametrize("says", [SILENCE, DRIP])
def test_silence_after_the_dot_is_unknown_after_the_channels_own_timeout(
    serve: Serve, connect: Connect, says: str
) -> None:
    server = serve({"dot": [says]})
    start = monotonic()
    first, second = send(connect(server.port, timeout_s=0.2), email(0), email(1))
    assert isinstance(first, Unknown)
    assert isinstance(second, Accepted)
    assert 0.2 <= monotonic() - start < 4
    assert len(server.taken) == 2


@pytest.mark.parametrize(
    ("step", "says"),
    [
        *((step, SILENCE) for step in ("greeting", "EHLO", "MAIL", "RCPT", "DATA")),
        *((step, DRIP) for step in ("MAIL", "RCPT", "DATA")),
    ],
)
def test_silence_before_the_dot_is_certain(
    serve: Serve, connect: Connect, step: str, says: str
) -> None:
    server = serve({step: [says]})
    (outcome,) = send(connect(server.port, timeout_s=0.2), email())
    assert isinstance(outcome, Deferred)
    assert server.taken == []


def test_the_deadline_cuts_a_slow_conversation_before_its_dot(
    serve: Serve, connect: Connect, pipelines: bool
) -> None:
    server = serve({"RCPT": [SILENCE]})
    start = monotonic()
    outcomes = send(connect(server.port, timeout_s=60), email(0), email(1), deadline_s=0.3)
    assert [type(outcome) for outcome in outcomes] == [Deferred, Deferred]
    assert monotonic() - start < 5
    assert server.taken == []
    assert pipelines or "DATA" not in server.commands


def test_one_failed_greeting_speaks_for_the_batch(serve: Serve, connect: Connect) -> None:
    server = serve({"greeting": ["421 busy"] * 9})
    outcomes = send(connect(server.port), email(0), email(1), email(2))
    assert [type(outcome) for outcome in outcomes] == [Deferred] * 3
    assert server.connections == 1


def test_a_server_that_does_not_want_us_is_certain(serve: Serve, connect: Connect) -> None:
    server = serve({"greeting": ["554 5.7.1 your network is listed"]})
    (outcome,) = send(connect(server.port), email())
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.retryable) == (Reason.blocked_sender, True)


@pytest.mark.parametrize("host", ["127.0.0.1", ".".join(["x" * 60] * 5)])
def test_nobody_there_is_certain(connect: Connect, host: str) -> None:
    channel = connect(free_port(), host=host)
    (outcome,) = send(channel, email())
    assert isinstance(outcome, Deferred)
    assert [finding.level for finding in channel.check()][-1] is Level.error


@pytest.mark.parametrize("gone", [DROP, SILENCE, "421 4.4.2 idle for too long"])
def test_a_kept_connection_gone_stale_is_replaced_before_anything_is_written(
    serve: Serve, connect: Connect, gone: str
) -> None:
    server = serve({"MAIL": ["250 fine", gone]})
    channel = connect(server.port, timeout_s=0.5)
    assert isinstance(send(channel, email(0))[0], Accepted)
    assert isinstance(send(channel, email(1))[0], Accepted)
    assert isinstance(send(channel, email(2))[0], Accepted)
    assert server.connections == 2
    assert len(server.taken) == 3


def test_a_server_that_takes_few_messages_on_a_connection_gets_the_others_on_another(
    serve: Serve, connect: Connect
) -> None:
    server = serve({"MAIL": ["250 fine", "421 enough", "250 fine", "421 enough"]})
    outcomes = send(connect(server.port), *(email(number) for number in range(3)))
    assert outcomes == [Accepted(f"<m{number}@example.com>") for number in range(3)]
    assert len(server.taken) == 3
    assert server.connections == 3


def test_many_go_over_several_connections_each_once(serve: Serve, connect: Connect) -> None:
    server = serve({"RCPT": ["550 5.1.1 no such box"], "dot": [DROP, "451 4.3.0 disk"]})
    channel = connect(server.port, connections=3)
    outcomes = send(channel, *(email(number) for number in range(60)))
    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Accepted: 57, Rejected: 2, Unknown: 1}
    names = [taken.split(b"Message-ID: <")[1].split(b"@")[0].decode() for taken in server.taken]
    assert len(names) == len(set(names)) == 59
    assert {
        f"m{number}"
        for number, one in enumerate(outcomes)
        if one == Accepted(f"<m{number}@example.com>")
    } < set(names)
    assert server.connections == 3


def test_a_large_message_goes_out_in_many_pieces(mail_server: MailServer, connect: Connect) -> None:
    big = replace(email(0), text="A line of bread and milk.\n" * 80_000)
    outcomes = send(connect(mail_server.port), big, email(1))
    assert outcomes == [Accepted("<m0@example.com>"), Accepted("<m1@example.com>")]


def test_one_that_answers_late_does_not_hold_up_its_neighbours(
    serve: Serve, connect: Connect
) -> None:
    server = serve({"dot": [SILENCE]})
    outcomes = send(connect(server.port, timeout_s=0.6), *(email(n) for n in range(20)))
    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Accepted: 19, Unknown: 1}
    assert server.connections == 2


def test_a_server_that_wants_a_message_for_nobody_gets_none(serve: Serve, connect: Connect) -> None:
    server = serve({"RCPT": ["550 5.1.1 no such box"], "DATA": ["354 go on"]})
    first, second = send(connect(server.port), email(0), email(1))
    assert isinstance(first, Rejected)
    assert second == Accepted("<m1@example.com>")
    assert [b"<m1@" in taken for taken in server.taken] == [True]


def test_a_message_over_the_servers_size_is_not_written(serve: Serve, connect: Connect) -> None:
    server = serve(extensions=("SIZE 2000",))
    big = replace(email(0), text="x" * 3000)
    first, second = send(connect(server.port), big, email(1))
    assert isinstance(first, Rejected)
    assert first.reason is Reason.too_large
    assert second == Accepted("<m1@example.com>")
    (mail,) = [line for line in server.commands if line.startswith("MAIL")]
    said = re.search(r"SIZE=(\d+)", mail)
    assert said is not None
    assert int(said[1]) == len(server.taken[0])


def authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data.password == b"correct horse", handled=False)


@pytest.mark.parametrize("offered", [True, False])
def test_letters_go_as_they_are_where_the_server_takes_them(
    serve: Serve, connect: Connect, offered: bool
) -> None:
    server = serve(extensions=("8BITMIME",) if offered else ())
    channel = connect(server.port)
    plain = replace(email(1), subject="Milk", text="Milk", html="<p>Milk</p>")
    send(channel, replace(email(), text="Grüße, Müsli"), plain)
    first, second = (line for line in server.commands if line.startswith("MAIL"))
    assert first.endswith(" BODY=8BITMIME") == offered
    assert "BODY" not in second
    assert ("Grüße, Müsli".encode() in server.taken[0]) == offered
    parsed = message_from_bytes(server.taken[0], policy=policy.default)
    text = parsed.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == "Grüße, Müsli"


def test_starttls_and_a_login(
    certificate: Path, server_tls: ssl.SSLContext, serve_mail: ServeMail, connect: Connect
) -> None:
    server = serve_mail(
        tls_context=server_tls,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    settings = {"tls": "starttls", "ca_file": str(certificate), "login": "shop"}
    good = connect(server.port, **settings, password="correct horse")
    assert send(good, email()) == [Accepted("<m0@example.com>")]
    assert good.check()[-1].level is Level.good
    wrong = connect(server.port, **settings, password="battery staple")
    (outcome,) = send(wrong, email(1))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.retryable) == (Reason.auth_failed, True)
    assert "battery" not in outcome.detail
    assert wrong.check()[-1].level is Level.error
    assert len(server.envelopes) == 1


def test_implicit_tls(
    certificate: Path, server_tls: ssl.SSLContext, serve_mail: ServeMail, connect: Connect
) -> None:
    server = serve_mail(ssl_context=server_tls)
    channel = connect(server.port, tls="implicit", ca_file=str(certificate))
    assert send(channel, email()) == [Accepted("<m0@example.com>")]
    assert len(server.envelopes) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    serve: Serve, server_tls: ssl.SSLContext, connect: Connect
) -> None:
    server = serve(extensions=("STARTTLS",), tls=server_tls)
    (outcome,) = send(connect(server.port, tls="starttls"), email())
    assert isinstance(outcome, Deferred)
    assert "certificate" in outcome.detail.lower()
    assert server.taken == []


def test_a_server_without_starttls_gets_nothing_in_the_clear(
    serve: Serve, connect: Connect
) -> None:
    server = serve()
    (outcome,) = send(connect(server.port, tls="starttls"), email())
    assert isinstance(outcome, Rejected)
    assert not [line for line in server.commands if line.startswith(("MAIL", "AUTH"))]


@pytest.mark.parametrize("password", ["wörd", "a\nb"])
def test_a_strange_password_is_an_outcome_not_a_crash(
    serve: Serve, connect: Connect, password: str
) -> None:
    server = serve({"AUTH": ["535 5.7.8 no"]}, extensions=("AUTH PLAIN",))
    (outcome,) = send(connect(server.port, login="shop", password=password), email())
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.auth_failed


@pytest.mark.parametrize(
    ("stage", "code", "words", "reason"),
    [
        (Stage.recipient, 551, b"not local", Reason.bad_address),
        (Stage.recipient, 552, b"box full", Reason.other),
        (Stage.recipient, 554, b"policy", Reason.content_refused),
        (Stage.recipient, 550, b"5.7.1 relaying denied", Reason.blocked_sender),
        (Stage.recipient, 550, b"5.2.1 disabled", Reason.bad_address),
        (Stage.recipient, 501, b"syntax", Reason.other),
        (Stage.recipient, 530, b"5.7.0 authenticate first", Reason.auth_failed),
        (Stage.sender, 553, b"5.1.8 bad sender domain", Reason.blocked_sender),
        (Stage.sender, 552, b"too big", Reason.too_large),
        (Stage.content, 550, b"5.7.1 looks like spam", Reason.content_refused),
        (Stage.content, 554, b"5.4.0 loop", Reason.other),
        (Stage.content, 552, b"too big", Reason.too_large),
    ],
)
def test_permanent_codes_in_our_words(
    stage: Stage, code: int, words: bytes, reason: Reason
) -> None:
    outcome = refusal(stage, code, words)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason
    assert outcome.retryable == (reason is Reason.auth_failed)


def test_a_servers_words_are_kept_short_and_printable() -> None:
    outcome = refusal(Stage.content, 550, b"5.7.1 a\x1b[31m\nb\xff" + b"x" * 5000)
    assert isinstance(outcome, Rejected)
    assert outcome.detail.isprintable()
    assert len(outcome.detail) < 400
