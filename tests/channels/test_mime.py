"""Our bytes against the standard library's reading of them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels import mime
from channels.contract import Item, Sender, Unsupported

NOW = datetime(2017, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
PLAIN = Item(
    message_id="m1",
    attempt_id="a1",
    kind="email",
    address="anna@example.com",
    text="Milk is $2.49.",
    subject="Milk",
    html=None,
    sender=Sender("The Shop", "shop@example.com"),
    headers=(),
    stable_id="m1",
    not_after=None,
    language=None,
)
# Text as customers, catalogues and attackers write it: any character, and a taste for line ends.
SPICE = st.sampled_from(
    [
        "\r\n",
        "\r",
        "\n",
        ".",
        "\r\n.\r\n",
        "=",
        "=?utf-8?q?x?=",
        "--=_m1",
        "é",
        "東",
        "\x00",
        " ",
        "\t",
    ]
)
TEXT = st.lists(st.one_of(st.text(max_size=60), SPICE), max_size=12).map("".join)
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=150)


def parsed(item: Item) -> EmailMessage:
    built = mime.build(item, NOW)
    assert isinstance(built, bytes), built
    assert built.isascii()
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", built) is None, "a bare CR or LF"
    assert max(map(len, built.split(b"\r\n"))) <= 998, "a line that servers may cut"
    assert built.endswith(b"\r\n")
    message = message_from_bytes(built, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def read(text: str) -> str:
    """A body as any reader shows it: one kind of line end, and one at its end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def content(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    assert not part.defects
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return read(raw.decode())


@given(TEXT, st.none() | TEXT)
@example("." * 2000, "x" * 5000)
@example("\r\n.\r\nQUIT\r\n", "line \r\n trailing \t\r\n")
@example("--=_m1--\r\n", "--=_m1\r\nContent-Type: text/plain\r\n\r\nother")
@example("", "")
def test_bodies_survive(text: str, html: str | None) -> None:
    item = replace(PLAIN, text=text, html=html)
    if any("\ud800" <= character <= "\udfff" for character in text + (html or "")):
        assert isinstance(mime.build(item, NOW), Unsupported)
        return
    message = parsed(item)
    assert content(message, "plain") == read(text)
    if html is None:
        assert message.get_content_type() == "text/plain"
    else:
        assert message.get_content_type() == "multipart/alternative"
        assert content(message, "html") == read(html)
        assert len(list(message.iter_parts())) == 2


@given(LINE)
@example("=?utf-8?q?hidden?=")
@example(" two  spaces and one at the end ")
@example("a" * 67)
@example("東" * 100)
@example("Bcc: eve@example.com")
def test_subjects_survive(subject: str) -> None:
    item = replace(PLAIN, subject=subject)
    if not subject.strip():
        assert isinstance(mime.build(item, NOW), Unsupported)
        return
    assert parsed(item)["subject"] == subject


@given(LINE)
@example('Shop "The \\ best", Inc. <eve@example.com>')
@example("a, b@example.com")
def test_the_sender_is_one_address_whatever_its_name(name: str) -> None:
    (address,) = parsed(replace(PLAIN, sender=Sender(name, "shop@example.com")))["from"].addresses
    assert address.addr_spec == "shop@example.com"
    # The standard library shows the fold between two encoded words as a space; RFC 2047 does not.
    assert "".join(address.display_name.split()) == "".join(name.split())


@given(
    field=st.sampled_from(
        ["subject", "address", "name", "from", "header", "stable_id", "language"]
    ),
    before=st.text("abc@.", max_size=5),
    control=st.sampled_from([*map(chr, range(32)), "\x7f", "\x85", "\x9f", "\u2028", "\u2029"]),
)
def test_no_header_can_be_injected(field: str, before: str, control: str) -> None:
    bad = f"{before}a@example.com{control}Bcc: eve@example.com"
    item = {
        "subject": replace(PLAIN, subject=bad),
        "address": replace(PLAIN, address=bad),
        "name": replace(PLAIN, sender=Sender(bad, "shop@example.com")),
        "from": replace(PLAIN, sender=Sender("Shop", bad)),
        "header": replace(PLAIN, headers=(("List-Unsubscribe", bad),)),
        "stable_id": replace(PLAIN, stable_id=bad),
        "language": replace(PLAIN, language=bad),
    }[field]
    assert isinstance(mime.build(item, NOW), Unsupported)


@pytest.mark.parametrize(
    "name", ["Bcc", "subject", "Content-Type", "X\r\nBcc", "X:", "", "X Y", "Récu", "MIME-Version"]
)
def test_only_further_headers_can_be_added(name: str) -> None:
    assert isinstance(mime.build(replace(PLAIN, headers=((name, "x"),)), NOW), Unsupported)


@pytest.mark.parametrize(
    "address",
    [
        "", "anna", "anna@", "@example.com", "a b@example.com", "a@b@example.com", "a@-x.com",
        "<anna@example.com>", "anna@example.com, eve@example.com", "a..b@example.com",
        "anna@example..com", "ännä@example.com", "a" * 65 + "@example.com", "a@" + "b" * 300,
        'eve"@example.com', "anna@example.com\n", "anna@\ud83d.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    assert mime.ascii_address(address) == ""
    assert isinstance(mime.build(replace(PLAIN, address=address), NOW), Unsupported)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("anna@straße.example", "anna@xn--strae-oqa.example"),
        ("anna@βόλος.example", "anna@xn--nxasmm1c.example"),
        ("anna@MÜNCHEN.example", "anna@xn--mnchen-3ya.example"),
        ("anna@日本。example", "anna@xn--wgv71a.example"),
        ("anna@☃.example", ""),
        ("anna@ü..example", ""),
        ("anna@" + "ü" * 70 + ".example", ""),
        ("jörg@example.com", ""),
    ],
)
def test_mail_goes_to_the_very_domain_that_was_written(written: str, meant: str) -> None:
    """strasse.example is somebody else's."""
    assert mime.ascii_address(written) == meant


def test_an_international_domain_is_written_in_punycode() -> None:
    message = parsed(replace(PLAIN, address="anna@bücher.example"))
    assert message["to"] == "anna@xn--bcher-kva.example"


def test_the_message_id_depends_on_the_message_and_the_sender_only() -> None:
    again = replace(PLAIN, attempt_id="a2", text="other", address="bo@example.com")
    assert mime.message_id(PLAIN) == mime.message_id(again) == "<m1@example.com>"
    assert parsed(again)["message-id"] == "<m1@example.com>"


def test_the_date_is_the_given_instant() -> None:
    assert parsed(PLAIN)["date"].datetime == NOW.astimezone(UTC)


def test_one_click_headers_are_written_as_given() -> None:
    headers = (
        ("List-Unsubscribe", "<https://example.com/u/" + "t" * 300 + ">"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    message = parsed(replace(PLAIN, headers=headers, language="de-CH"))
    assert message["list-unsubscribe"] == headers[0][1]
    assert message["list-unsubscribe-post"] == headers[1][1]
    assert message["content-language"] == "de-CH"
    too_long = ("List-Unsubscribe", "<https://example.com/" + "t" * 1000 + ">")
    assert isinstance(mime.build(replace(PLAIN, headers=(too_long,)), NOW), Unsupported)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße", "8bit"),
        ("東京 " * 50, "8bit"),
        ("Hello", "7bit"),
        ("ü" * 600, "base64"),  # of bytes, no line may have more than 998
        ("ü --=_m1 ü", "base64"),  # the boundary itself
        ("ü\x00", "base64"),
    ],
)
def test_where_eight_bits_are_taken_a_text_goes_as_it_is(text: str, encoding: str) -> None:
    built = mime.build(replace(PLAIN, text=text), NOW, eight_bit=True)
    assert isinstance(built, bytes)
    head, _, _ = built.partition(b"\r\n\r\n")
    assert head.isascii()
    read = message_from_bytes(built, policy=policy.default)
    assert read["Content-Transfer-Encoding"] == encoding
    assert read.get_content().rstrip() == text.rstrip()
