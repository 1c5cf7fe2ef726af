"""Mail that comes back, as servers write it, and what others write in its name."""

import base64
import quopri
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Feedback, FeedbackKind, Item, Reason, Refused, Sender
from channels.contract_suite import DEADLINE_S, NOW
from channels.email_smtp import SmtpChannel, SmtpSettings
from channels.smtp_bounces import envelope_id, parse, seal, xtext
from tests.channels.smtp_server import ScriptedServer

SECRET = "a long and random secret"
PAYLOADS = Path(__file__).parent / "payloads" / "bounces"
SEAL = seal(SECRET, "7", "9", "d1.7")


def mail(name: str) -> bytes:
    """A report as it was written by a server of that kind, with our seal in its place."""
    text = (PAYLOADS / f"{name}.eml").read_text(encoding="utf-8")
    return text.replace("{seal}", SEAL).encode()


def read(name: str) -> Feedback:
    found = parse(mail(name), SECRET)
    assert isinstance(found, list), found
    (one,) = found
    assert (one.message_id, one.attempt_id) == ("7", "9")
    assert one.provider_ref == "<d1.7@shop.example.com>"
    # Whose address it was is known by the message; what a report says of it anybody may write.
    assert one.address is None
    return one


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("postfix-unknown-user", FeedbackKind.bounced_hard, Reason.bad_address),
        ("postfix-envelope-only", FeedbackKind.bounced_hard, Reason.bad_address),
        ("exim-mailbox-full", FeedbackKind.bounced_hard, Reason.other),
        ("exchange-policy", FeedbackKind.bounced_hard, Reason.content_refused),
        ("postfix-expired", FeedbackKind.bounced_soft, Reason.provider_down),
        ("delivered", FeedbackKind.delivered, None),
        ("complaint", FeedbackKind.complained, None),
    ],
)
def test_what_servers_write(name: str, kind: FeedbackKind, reason: Reason | None) -> None:
    one = read(name)
    assert (one.kind, one.reason) == (kind, reason)
    assert one.detail
    assert read(name).event_id == one.event_id


def packed(headers: str, text: str, coding: str) -> str:
    """A part of a report, in the coding that a server has chosen."""
    raw = text.encode()
    if coding == "base64":
        text = base64.encodebytes(raw).decode()
    elif coding == "quoted-printable":
        text = quopri.encodestring(raw, quotetabs=True).decode()
    return f"--b\nContent-Type: {headers}\nContent-Transfer-Encoding: {coding}\n\n{text}\n"


def report(status: str, kinds: tuple[str, str], codings: tuple[str, str]) -> bytes:
    ours = f"Message-ID: <d1.7@shop.example.com>\nX-Message-Seal: {SEAL}\n"
    fields = f"Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: {status}\n"
    parts = [packed(*one) for one in zip(kinds, (fields, ours), codings, strict=True)]
    head = "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n\n"
    return f"{head}{''.join(parts)}--b--\n".encode()


def told(raw: bytes) -> list[tuple[FeedbackKind, Reason | None]]:
    found = parse(raw, SECRET)
    assert isinstance(found, list), found
    return [(one.kind, one.reason) for one in found]


UNKNOWN_USER = "utf-8; änna@example.com\nAction: failed\nStatus: 5.1.1"


@pytest.mark.parametrize("status", ["message/delivery-status", "message/global-delivery-status"])
@pytest.mark.parametrize(
    "ours", ["message/rfc822", "message/global-headers", "text/rfc822-headers"]
)
@pytest.mark.parametrize("coding", ["8bit", "base64", "quoted-printable"])
def test_a_report_is_read_however_it_is_packed(status: str, ours: str, coding: str) -> None:
    """RFC 6533 where an address is beyond ASCII; and some servers encode whatever they send."""
    hard = [(FeedbackKind.bounced_hard, Reason.bad_address)]
    assert told(report(UNKNOWN_USER, (status, ours), (coding, "7bit"))) == hard
    assert told(report(UNKNOWN_USER, (status, ours), (coding, coding))) == hard


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 no such user", "bounced_hard", "bad_address"),
        ("5.0.350\nDiagnostic-Code: smtp;550 #5.1.0 unknown", "bounced_hard", "bad_address"),
        ("\nDiagnostic-Code: smtp; 550-5.2.2 over quota", "bounced_hard", "other"),
        ("4.0.0\nDiagnostic-Code: smtp; 450 4.2.1 greylisted", "bounced_soft", "provider_down"),
        ("5.0.0\nDiagnostic-Code: smtp; 550 no such user", "bounced_hard", "other"),
        ("5.7.1\nDiagnostic-Code: smtp; 550 5.1.1 policy", "bounced_hard", "content_refused"),
    ],
)
def test_a_status_that_says_nothing_gives_way_to_the_refusal_s_own(
    status: str, kind: str, reason: str
) -> None:
    said = f"rfc822; anna@example.com\nAction: failed (permanent)\nStatus: {status}"
    kinds = ("message/delivery-status", "message/rfc822")
    assert told(report(said, kinds, ("7bit", "7bit"))) == [(FeedbackKind(kind), Reason(reason))]


def test_a_complaint_that_does_not_tell_of_whom_is_known_by_its_message() -> None:
    told = mail("complaint").replace(b"Original-Rcpt-To: <anna@example.com>\n", b"")
    assert parse(told.replace(b"To: anna@example.com", b"To: redacted"), SECRET) == [
        read("complaint")
    ]


def test_what_may_still_arrive_says_nothing() -> None:
    assert parse(mail("postfix-delayed"), SECRET) == []


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.eml")), ids=lambda path: path.stem)
def test_without_our_seal_nothing_is_believed(path: Path) -> None:
    genuine = mail(path.stem)
    assert isinstance(parse(genuine, "another long secret"), Refused)
    assert isinstance(parse(genuine.replace(SEAL.encode(), b"0" * 20), SECRET), Refused)
    assert isinstance(parse(genuine.replace(b"d1.7@", b"d1.8@"), SECRET), Refused)
    assert isinstance(parse(genuine.replace(SEAL.encode(), "é".encode()), SECRET), Refused)
    for other in (SEAL.replace("/7/", "/8/"), SEAL.replace("/9", "/1"), SEAL.partition("/")[0]):
        assert isinstance(parse(genuine.replace(SEAL.encode(), other.encode()), SECRET), Refused)


def test_what_is_too_large_is_not_read() -> None:
    assert isinstance(parse(mail("delivered") + b"x" * 300_000, SECRET), Refused)


@given(st.binary(max_size=400), st.integers(0, 2_000), st.integers(0, 200))
def test_whatever_comes_it_never_raises(noise: bytes, at: int, taken: int) -> None:
    whole = mail("postfix-unknown-user")
    for raw in (noise, whole[:at], whole[:at] + noise + whole[at + taken :]):
        parse(raw, SECRET)


@pytest.mark.parametrize(
    "raw", [b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 200, b"\0"]
)
def test_what_is_no_report(raw: bytes) -> None:
    assert isinstance(parse(raw, SECRET), Refused)


# --- The channel ----------------------------------------------------------------------------------


@pytest.fixture
def item() -> Item:
    return Item(
        message_id="7",
        attempt_id="9",
        kind="email",
        address="anna+milk@example.com",
        text="Milk is $2.49",
        subject="Milk",
        html=None,
        sender=Sender("The Shop", "offers@shop.example.com"),
        headers=(),
        stable_id="d1.7",
        not_after=None,
        language="en",
    )


@pytest.fixture
def offers() -> Iterator[ScriptedServer]:
    server = ScriptedServer(extensions=("PIPELINING", "DSN"))
    yield server
    server.stop()


@pytest.fixture
def plain() -> Iterator[ScriptedServer]:
    server = ScriptedServer(extensions=("PIPELINING",))
    yield server
    server.stop()


def letter(item: Item, port: int, secret: str | None) -> None:
    values = {"host": "127.0.0.1", "tls": "none", "timeout_s": 5.0, "port": port}
    settings = SmtpSettings.model_validate({**values, "bounce_secret": secret})
    with SmtpChannel(settings) as channel:
        channel.send([item], DEADLINE_S, NOW)


def test_where_the_server_offers_it_a_report_is_asked_for(
    item: Item, offers: ScriptedServer
) -> None:
    letter(item, offers.port, SECRET)
    (began,) = (line for line in offers.commands if line.startswith("MAIL"))
    (to,) = (line for line in offers.commands if line.startswith("RCPT"))
    assert began.endswith(f" RET=HDRS ENVID={SEAL}.d1.7@shop.example.com")
    assert to == (
        "RCPT TO:<anna+milk@example.com> NOTIFY=FAILURE ORCPT=rfc822;anna+2Bmilk@example.com"
    )
    assert f"X-Message-Seal: {SEAL}\r\n".encode() in offers.taken[0]


def test_elsewhere_the_seal_goes_along_alone(item: Item, plain: ScriptedServer) -> None:
    letter(item, plain.port, SECRET)
    assert not any("ENVID" in line or "NOTIFY" in line for line in plain.commands)
    assert f"X-Message-Seal: {SEAL}\r\n".encode() in plain.taken[0]


def test_without_a_secret_there_is_no_seal_and_no_belief(
    item: Item, offers: ScriptedServer
) -> None:
    letter(item, offers.port, None)
    assert b"X-Message-Seal" not in offers.taken[0]
    assert any(" ENVID=d1.7@shop.example.com" in line for line in offers.commands)
    channel = SmtpChannel(SmtpSettings(host="127.0.0.1"))
    assert isinstance(channel.parse_feedback(mail("delivered"), {}), Refused)


def test_the_channel_reads_what_came_back() -> None:
    settings = SmtpSettings.model_validate({"host": "127.0.0.1", "bounce_secret": SECRET})
    told = SmtpChannel(settings).parse_feedback(mail("postfix-unknown-user"), {})
    assert told == [read("postfix-unknown-user")]


def test_a_name_that_is_too_long_for_an_envelope_is_left_out() -> None:
    assert envelope_id("<" + "x" * 100 + "@example.com>", SEAL) == ""


def test_ids_that_a_seal_cannot_hold_make_none() -> None:
    assert seal(SECRET, "7", "a b", "d1.7") == ""
    assert seal(SECRET, "7", "9/1", "d1.7") == ""


def test_plus_and_equals_are_written_out() -> None:
    assert xtext("a+b=c@example.com") == "a+2Bb+3Dc@example.com"
