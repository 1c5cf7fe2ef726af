"""Social networks through Apprise, against a server of Mastodon's form."""

import html
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

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
from channels.social_apprise import SocialChannel, SocialSettings
from tests.channels.web_server import Says, WebServer, web_server

# Of a library that one of Apprise's services looks for.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "a-token-of-mastodon"
TAKEN = Says(
    200,
    (("Content-Type", "application/json"),),
    b'{"id": "109315796435904505", "account": {"username": "shop"}}',
)
Connect = Callable[..., SocialChannel]


@pytest.fixture
def mastodon() -> Iterator[WebServer]:
    with web_server() as site:
        site.says = TAKEN
        yield site


@pytest.fixture
def connect(mastodon: WebServer) -> Connect:
    host = mastodon.url.removeprefix("http://")

    def make(url: str = "mastodon://{token}@{host}/{{address}}?visibility=direct") -> SocialChannel:
        whole = url.format(token=TOKEN, host=host)
        return SocialChannel(SocialSettings.model_validate({"url": whole, "timeout_s": 5.0}))

    return make


def toot(address: str = "@anna@other.example", text: str = "Milk is $2.49, Grüße & <b>") -> Item:
    return Item(
        message_id="m1",
        attempt_id="a1",
        kind="social",
        address=address,
        text=text,
        subject=None,
        html=None,
        sender=Sender("The Shop", "https://shop.example.com"),
        headers=(),
        stable_id="tact-1",
        not_after=None,
        language="en",
    )


def one(channel: SocialChannel, item: Item | None = None) -> Outcome:
    (outcome,) = channel.send([item or toot()], DEADLINE_S, NOW)
    return outcome


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, connect: Connect) -> SocialChannel:
        return connect()

    @pytest.fixture
    def taken(self, mastodon: WebServer) -> Callable[[], int]:
        return lambda: len(mastodon.asked)


def test_mastodon_gets_a_message_for_one_person(mastodon: WebServer, connect: Connect) -> None:
    assert one(connect()) == Accepted("apprise:tact-1")
    (asked,) = mastodon.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/statuses")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    said = json.loads(asked.body)
    assert said["status"] == "@anna@other.example Milk is $2.49, Grüße & <b>"
    assert said["visibility"] == "direct"


def test_without_a_place_for_the_address_all_go_to_the_same_page(
    mastodon: WebServer, connect: Connect
) -> None:
    channel = connect("mastodon://{token}@{host}/?visibility=public")
    assert isinstance(one(channel), Accepted)
    said = json.loads(mastodon.asked[0].body)
    assert said["status"] == "Milk is $2.49, Grüße & <b>"
    assert [found.level for found in channel.check()] == [Level.good, Level.warning]


def test_what_reads_like_markup_is_text(
    mastodon: WebServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{mastodon.url}/bot")
    channel = connect("tgram://123456789:abcdefg_hijklmnop/{{address}}")
    text = '<a href="https://evil.example">Ann</a> & <script>I</script> <3 milk\n*2 for 1* &amp;'
    assert isinstance(one(channel, toot("12315544", text)), Accepted)
    (asked,) = mastodon.asked
    said = json.loads(asked.body)
    assert said["parse_mode"] == "HTML"
    assert html.unescape(said["text"]).replace("\r\n", "\n") == text
    assert "<" not in said["text"]


@pytest.mark.parametrize(
    ("brand", "shown"),
    [
        ("Café Müller", "Café Müller"),
        ("The Corner Shop of Springfield", "The Corner Shop of S"),
        ("角の店", "Tactful"),
        ("", "Tactful"),
    ],
)
def test_it_is_from_the_shop_and_shows_nobody_elses_logo(
    mastodon: WebServer, connect: Connect, brand: str, shown: str
) -> None:
    mastodon.says = Says(200, body=b"ok")
    channel = connect("mmost://{host}/3ccdd113474722377935511fc85d3dd4")
    item = replace(toot(), sender=Sender(brand, ""))
    assert isinstance(one(channel, item), Accepted)
    said = json.loads(mastodon.asked[0].body)
    assert said["username"] == shown
    assert "icon_url" not in said


@pytest.mark.parametrize(
    "says",
    [
        *(Says(status, body=b'{"error": "no"}') for status in (400, 401, 404, 422, 429, 500, 503)),
        Says(307, (("Location", "/api/v1/elsewhere"),)),
        Says(cut=True),
    ],
    ids=lambda says: "cut" if says.cut else str(says.status),
)
def test_what_apprise_cannot_tell_is_unknown_and_nothing_is_repeated(
    mastodon: WebServer, connect: Connect, says: Says
) -> None:
    mastodon.says = says
    told = one(connect())
    assert isinstance(told, Unknown)
    assert TOKEN not in told.detail
    assert len(mastodon.asked) == 1


def test_nobody_there_is_unknown_too(connect: Connect) -> None:
    """It is certain, but Apprise does not say so."""
    channel = connect("mastodon://{token}@nobody.invalid/{{address}}?visibility=direct")
    assert isinstance(one(channel), Unknown)


@pytest.mark.parametrize(
    "address", ["anna, bob", "anna/bob", "anna bob", "?visibility=public", "a" * 201, "anna%2Fbob"]
)
def test_an_address_is_one_address(mastodon: WebServer, connect: Connect, address: str) -> None:
    channel = connect()
    assert isinstance(channel.prepare(toot(address)), Unsupported)
    told = one(channel, toot(address))
    assert isinstance(told, Rejected)
    assert told.reason is Reason.unsupported
    assert mastodon.asked == []


def test_what_apprise_would_leave_out_is_not_sent_to_everybody(connect: Connect) -> None:
    """`!room` is no name on Mastodon: without it the message would be for nobody in particular."""
    told = connect().prepare(toot("!:~"))
    assert isinstance(told, Unsupported)


def test_a_text_is_not_split(mastodon: WebServer, connect: Connect) -> None:
    channel = connect()
    told = channel.prepare(toot(text="x" * 501))
    assert isinstance(told, Unsupported)
    assert "characters" in told.what
    assert isinstance(one(channel, toot(text="x" * 501)), Rejected)
    assert mastodon.asked == []


def test_nothing_of_a_batch_leaves_past_its_time(mastodon: WebServer, connect: Connect) -> None:
    items = [toot(), replace(toot(), stable_id="tact-2")]
    outcomes = connect().send(items, 0.0, NOW)
    assert all(isinstance(told, Deferred) for told in outcomes)
    assert mastodon.asked == []


@pytest.mark.parametrize(
    "url", ["", "mastodon", "mastodon://t@h/?retry=3", "json://h/?a=b&Overflow=split"]
)
def test_settings_that_would_do_more_than_asked(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        SocialSettings.model_validate({"url": url})


def test_the_doctor_says_what_is_wrong(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (fine,) = connect().check()
    assert fine.level is Level.good
    assert "Mastodon" in fine.what
    (broken,) = connect("nosuchservice://{token}@{host}/{{address}}").check()
    assert broken.level is Level.error
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert connect().check()[1].level is Level.warning
    assert TOKEN not in caplog.text


def test_without_the_extra_it_says_what_to_install(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = connect()
    missing: Any = None
    monkeypatch.setitem(sys.modules, "apprise", missing)
    (found,) = channel.check()
    assert found.level is Level.error
    assert "tactful[social]" in found.what
    told = channel.prepare(toot())
    assert isinstance(told, Unsupported)
    assert "tactful[social]" in told.what
    assert isinstance(one(channel), Rejected)
