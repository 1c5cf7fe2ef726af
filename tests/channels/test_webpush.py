"""Web push, to a push service of our own; what it carries is read with the browser's key."""

import base64
import hashlib
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
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
from channels.webpush import WebPushChannel, WebPushSettings
from orchestrator.flow.outcomes import asked_to_wait, signs
from orchestrator.model.breaker import Sign
from tests.channels.web_server import Asked, Says, WebServer, web_server
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
Connect = Callable[..., WebPushChannel]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Browser:
    """Who has subscribed: only here is the key that opens a message."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = b"sixteen of bytes"

    def subscription(self, endpoint: str) -> str:
        keys = {"p256dh": b64(point(self._key)), "auth": b64(self._auth)}
        return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def read(self, sealed: bytes) -> dict[str, Any]:
        """RFC 8291, section 3.4, and RFC 8188, from the receiver's side."""
        salt, (size,) = sealed[:16], struct.unpack("!L", sealed[16:20])
        theirs, cipher = sealed[21 : 21 + sealed[20]], sealed[21 + sealed[20] :]
        assert len(sealed) <= 4_096
        assert size >= len(cipher)
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        info = b"WebPush: info\0" + point(self._key) + theirs
        secret = HKDF(SHA256(), 32, self._auth, info).derive(self._key.exchange(ec.ECDH(), public))
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        plain = AESGCM(key).decrypt(nonce, cipher, None)
        assert plain.endswith(b"\x02")
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


VAPID = ec.generate_private_key(ec.SECP256R1())
BROWSER = Browser()


@pytest.fixture
def service() -> Iterator[WebServer]:
    with web_server() as site:
        site.says = Says(201, (("Location", f"{site.url}/message/1"),))
        yield site


@pytest.fixture
def connect(service: WebServer) -> Iterator[Connect]:
    opened: list[WebPushChannel] = []

    def make(**more: Any) -> WebPushChannel:
        values = {
            "private_key": pem(VAPID),
            "subscriber": "shop@example.com",
            "allow_private": True,
            "timeout_s": 5.0,
        }
        opened.append(WebPushChannel(WebPushSettings.model_validate({**values, **more})))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


def push(endpoint: str, number: int = 0, **more: Any) -> Item:
    one = Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="webpush",
        address=BROWSER.subscription(endpoint),
        text="Müsli is $2.49: https://shop.example.com/p/7?a=b. Until Sunday",
        subject="Lower price",
        html=None,
        sender=Sender("The Shop", "shop@example.com"),
        headers=(),
        stable_id=f"tact-{number}",
        not_after=None,
        language="en",
    )
    return replace(one, **more)


def one(channel: WebPushChannel, item: Item, deadline_s: float = DEADLINE_S) -> Outcome:
    (outcome,) = channel.send([item], deadline_s, NOW)
    return outcome


class TestContract(ChannelContract):
    @pytest.fixture
    def channel(self, service: WebServer, connect: Connect) -> WebPushChannel:
        type(self).addresses = {"webpush": BROWSER.subscription(f"{service.url}/push/1")}
        return connect()

    @pytest.fixture
    def taken(self, service: WebServer) -> Callable[[], int]:
        return lambda: len(service.asked)


# --- What is asked --------------------------------------------------------------------------------


def test_only_the_browser_can_read_it(service: WebServer, connect: Connect) -> None:
    told = one(connect(), push(f"{service.url}/push/abc?x=1"))
    assert told == Accepted(f"{service.url}/message/1")
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/push/abc?x=1")
    assert asked.headers["content-encoding"] == "aes128gcm"
    assert b"sli is" not in asked.body
    assert BROWSER.read(asked.body) == {
        "id": "tact-0",
        "title": "Lower price",
        "body": "Müsli is $2.49: https://shop.example.com/p/7?a=b. Until Sunday",
        "lang": "en",
        "url": "https://shop.example.com/p/7?a=b",
    }


def vapid(asked: Asked) -> dict[str, Any]:
    """What the push service learns of us, its signature checked with the key that goes along."""
    scheme, _, said = asked.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    words = dict(part.strip().split("=", 1) for part in said.split(","))
    assert words["k"] == b64(point(VAPID))
    host = asked.headers["host"]
    return jwt.decode(
        words["t"], VAPID.public_key(), algorithms=["ES256"], audience=f"http://{host}"
    )


def test_it_says_who_we_are(service: WebServer, connect: Connect) -> None:
    one(connect(), push(service.url))
    claims = vapid(service.asked[0])
    assert claims["sub"] == "mailto:shop@example.com"


@pytest.mark.parametrize(
    ("left", "ttl"),
    [
        (None, "86400"),
        (timedelta(minutes=90), "5400"),
        (timedelta(weeks=9), "2419200"),
        (timedelta(seconds=-5), "0"),
    ],
)
def test_the_service_keeps_it_no_longer_than_it_may(
    service: WebServer, connect: Connect, left: timedelta | None, ttl: str
) -> None:
    until = None if left is None else NOW + left
    one(connect(), push(service.url, not_after=until))
    assert service.asked[0].headers["ttl"] == ttl


def test_attempts_of_one_message_have_one_topic(service: WebServer, connect: Connect) -> None:
    channel = connect()
    one(channel, push(service.url))
    one(channel, push(service.url, attempt_id="another"))
    one(channel, push(service.url, 1))
    first, again, other = (asked.headers["topic"] for asked in service.asked)
    assert first == again != other
    assert len(first) == 32
    assert service.connections == 1


# --- What is certain ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (202, None),
        (404, Reason.bad_address),
        (410, Reason.bad_address),
        (413, Reason.too_large),
        (429, Reason.other),
        (401, Reason.other),
        (400, Reason.other),
        (403, Reason.other),
        (307, Reason.other),
        (302, Unknown),
        (408, Unknown),
        (500, Unknown),
        (503, Unknown),
    ],
)
def test_what_each_answer_means(
    service: WebServer, connect: Connect, status: int, outcome: Any
) -> None:
    service.says = Says(status, (("Retry-After", "7"),))
    told = one(connect(), push(service.url))
    if outcome is None:
        digest = hashlib.sha256(service.asked[0].body).digest()
        assert told == Accepted(f"push:{b64(digest)[:32]}")
    elif outcome is Unknown:
        assert isinstance(told, Unknown)
    else:
        assert isinstance(told, Rejected)
        assert told.reason is outcome
        assert told.retryable == (status in (429, 401))
        assert told.retry_after_s == {429: 7.0, 401: 60.0}.get(status)
        assert asked_to_wait([told]) is None
        assert signs([told]) == [Sign.WORKS]
    assert len(service.asked) == 1


def test_a_cut_is_unknown_and_nobody_there_is_certain(service: WebServer, connect: Connect) -> None:
    service.says = Says(cut=True)
    assert isinstance(one(connect(), push(service.url)), Unknown)
    assert len(service.asked) == 1
    assert isinstance(one(connect(), push(f"http://127.0.0.1:{free_port()}/")), Deferred)


@pytest.mark.parametrize("endpoint", ["http://push.example.com/", "https://10.0.0.1/push"])
def test_a_subscription_leads_to_the_open_internet(connect: Connect, endpoint: str) -> None:
    channel = connect(allow_private=False)
    assert isinstance(channel.prepare(push(endpoint)), Unsupported)


def test_a_name_that_leads_inside_is_not_called(service: WebServer, connect: Connect) -> None:
    port = service.url.rpartition(":")[2]
    channel = connect(allow_private=False)
    told = one(channel, push(f"https://localhost:{port}/"))
    assert isinstance(told, Rejected)
    assert "private network" in told.detail
    assert service.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "anna",
        "[]",
        "[" * 10_000,
        '{"endpoint": "https://push.example.com/"}',
        '{"endpoint": "https://push.example.com/", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        '{"endpoint": "https://push.example.com/", "keys": {"p256dh": 7, "auth": 7}}',
        BROWSER.subscription("javascript:alert(1)"),
        BROWSER.subscription("https://push.example.com/").replace('"auth"', '"other"'),
    ],
)
def test_what_no_browser_has_given(connect: Connect, address: str) -> None:
    assert isinstance(connect().prepare(push("", address=address)), Unsupported)


def test_a_point_that_is_on_no_curve_will_never_work(service: WebServer, connect: Connect) -> None:
    keys = {"p256dh": b64(b"\x04" + b"\x01" * 64), "auth": b64(b"a" * 16)}
    address = json.dumps({"endpoint": service.url, "keys": keys})
    told = one(connect(), push("", address=address))
    assert isinstance(told, Rejected)
    assert told.reason is Reason.bad_address
    assert service.asked == []


def test_as_long_as_it_may_be_and_no_longer(service: WebServer, connect: Connect) -> None:
    channel = connect()
    plain = push(service.url, text="")
    room = 3_993 - len(
        json.dumps(
            {"id": "tact-0", "title": "Lower price", "body": "", "lang": "en", "url": None},
            separators=(",", ":"),
        )
    )
    fits = replace(plain, text="x" * room)
    assert isinstance(one(channel, fits), Accepted)
    assert len(service.asked[0].body) == 4_096
    assert BROWSER.read(service.asked[0].body)["body"] == fits.text
    assert isinstance(channel.prepare(replace(plain, text="x" * (room + 1))), Unsupported)


# --- Settings -------------------------------------------------------------------------------------


def test_the_doctor_says_with_which_key_pages_subscribe(connect: Connect) -> None:
    (fine,) = connect(allow_private=False).check()
    assert b64(point(VAPID)) in fine.what


def test_a_key_that_is_none(service: WebServer, connect: Connect) -> None:
    with pytest.raises(ValidationError, match="private_key"):
        connect(private_key="a secret")
    other = pem(ec.generate_private_key(ec.SECP384R1()))
    for key in (other, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        channel = connect(private_key=key, allow_private=True)
        (found,) = channel.check()
        assert found.level is Level.error
        assert "AAAA" not in found.what
        told = one(channel, push(service.url))
        assert isinstance(told, Rejected)
        assert told.reason is Reason.auth_failed  # ours: nobody's address is to blame


def test_without_the_extra_it_says_what_to_install(
    service: WebServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "webpush", missing)
    (found,) = connect().check()
    assert found.level is Level.error
    assert "tactful[webpush]" in found.what
    told = one(connect(), push(service.url))
    assert isinstance(told, Rejected)
    assert "tactful[webpush]" in told.detail


# --- The browser's side ---------------------------------------------------------------------------

NODE = shutil.which("node")


needs_node = pytest.mark.skipif(NODE is None, reason="no JavaScript engine here")


def in_worker(then: str) -> list[Any]:
    """What the service worker does where `then` happens, in order."""
    stage = f"""
        const heard = {{}}, did = [], waits = [], waitUntil = (one) => waits.push(one);
        globalThis.self = {{
          addEventListener: (name, does) => (heard[name] = does),
          location: {{ hostname: "shop.example.com", origin: "https://shop.example.com" }},
          registration: {{
            showNotification: async (title, more) => did.push([title, more]),
            pushManager: {{ subscribe: async (how) => did.push(how) }},
          }},
          clients: {{ matchAll: async () => [], openWindow: async (url) => did.push(url) }},
        }};
        {(ROOT / "templates" / "webpush" / "service-worker.js").read_text()}
        {then}
        Promise.all(waits).then(() => console.log(JSON.stringify(did)));
    """
    assert NODE is not None
    ran = subprocess.run(
        [NODE, "-e", stage], capture_output=True, text=True, timeout=30, check=True
    )
    found: list[Any] = json.loads(ran.stdout)
    return found


@needs_node
@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ("https://shop.example.com/p/7", "https://shop.example.com/p/7"),
        ("javascript:alert(1)", "https://shop.example.com/"),
        (None, "https://shop.example.com/"),
    ],
)
def test_the_service_worker_shows_it_and_opens_the_shop(said: str | None, opened: str) -> None:
    payload = json.dumps({"id": "tact-0", "title": "Milk", "body": "$2.49", "url": said})
    (title, more), closed, url = in_worker(f"""
        heard.push({{ data: {{ json: () => ({payload}) }}, waitUntil }});
        const [, more] = did[0];
        const notification = {{ close: () => did.push("closed"), data: more.data }};
        heard.notificationclick({{ notification, waitUntil }});
    """)
    assert (title, more["body"], more["tag"]) == ("Milk", "$2.49", "tact-0")
    assert (closed, url) == ("closed", opened)


@needs_node
@pytest.mark.parametrize(
    "data",
    [
        "null",
        *(f"{{ json: () => JSON.parse({one!r}) }}" for one in ("null", "7", '"x"', "[]", "x")),
    ],
)
def test_something_is_shown_for_each_push(data: str) -> None:
    ((title, more),) = in_worker(f"heard.push({{ data: {data}, waitUntil }});")
    assert (title, more["body"], more["data"]["url"]) == ("shop.example.com", "", "/")


@needs_node
@pytest.mark.parametrize(
    ("new", "done"), [("null", [{"applicationServerKey": "BAAA"}]), ("{}", [])]
)
def test_a_subscription_that_the_browser_ends_is_made_again(new: str, done: list[Any]) -> None:
    old = '{ options: { applicationServerKey: "BAAA" } }'
    told = in_worker(f"""
        heard.pushsubscriptionchange({{
          oldSubscription: {old}, newSubscription: {new}, waitUntil,
        }});
    """)
    assert told == done


SUBSCRIBE = ROOT / "templates" / "webpush" / "subscribe.js"


def in_browser(then: str, save: str = "", *, held: str = "null", saved: str = "null") -> Any:
    """What `then` says of a page with the two buttons, in a browser that holds a subscription
    (`ours(n)`, `strange(n)`) or none, and where `saved` was the last that was kept."""
    stage = f"""
        const did = {{ saved: [], wrong: null, ended: 0 }};
        const made = (key) => (n) => ({{
          endpoint: `https://push.example.net/${{n}}`,
          options: {{ applicationServerKey: Uint8Array.from(key).buffer }},
          toJSON: () => ({{ endpoint: `https://push.example.net/${{n}}` }}),
          unsubscribe: async () => (did.ended += 1, held = null, true),
        }});
        const ours = made([4, 0, 0]), strange = made([4, 0, 1]);
        let held = {held};
        const store = {{ "tactful-webpush": {saved} }};
        globalThis.localStorage = {{
          getItem: (name) => store[name] ?? null,
          setItem: (name, value) => (store[name] = value),
        }};
        const pushManager = {{
          getSubscription: async () => held,
          subscribe: async () => {{
            if (held !== null) throw new Error("InvalidStateError");
            return (held = ours(1));
          }},
        }};
        const serviceWorker = {{ register: async () => ({{ pushManager }}) }};
        Object.defineProperty(globalThis, "navigator", {{ value: {{ serviceWorker }} }});
        globalThis.window = {{ PushManager: class {{}} }};
        globalThis.Notification = {{ requestPermission: async () => "granted" }};
        const made_button = () => {{
          const one = {{ hidden: true, addEventListener: (name, does) => (one.press = does) }};
          return one;
        }};
        const button = made_button(), end = made_button();
        {SUBSCRIBE.read_text().replace("export ", "")}
        const save = async (what, {{ pressed }}) => {{
          did.saved.push([what.endpoint, pressed]);
          {save}
        }};
        const wrong = (error) => (did.wrong = String(error));
        (async () => {{
          await subscribeButton(button, {{ key: "BAAA", save, end }}).catch(wrong);
          did.before = [button.hidden, end.hidden];
          {then}
          did.after = [button.hidden, end.hidden];
          did.held = held && held.endpoint;
          did.kept = store["tactful-webpush"];
          console.log(JSON.stringify(did));
        }})();
    """
    assert NODE is not None
    ran = subprocess.run(
        [NODE, "-e", stage], capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(ran.stdout)


PRESSED = "await button.press().catch(wrong);"
ONE, TWO = "https://push.example.net/1", "https://push.example.net/2"


@needs_node
@pytest.mark.parametrize("save", ["", "return { ok: true };"])
@pytest.mark.parametrize("held", ["null", "strange(2)"])
def test_a_press_subscribes_and_the_button_goes(save: str, held: str) -> None:
    told = in_browser(PRESSED, save, held=held)
    assert (told["before"], told["after"]) == ([False, True], [True, False])
    assert (told["saved"], told["held"], told["wrong"]) == ([[ONE, True]], ONE, None)


@needs_node
@pytest.mark.parametrize(
    "save", ["throw new TypeError('Failed to fetch');", "return { ok: false, status: 500 };"]
)
def test_what_the_shop_did_not_keep_can_be_pressed_again(save: str) -> None:
    told = in_browser(PRESSED, save)
    assert told["after"] == [False, True]
    assert told["held"] is None, "while it is held, the button is hidden on every later page"
    assert told["wrong"], "the page is told"
    assert told["kept"] is None


@needs_node
def test_what_a_press_ends_can_be_pressed_again() -> None:
    told = in_browser("await end.press();", held="ours(1)", saved=f'"{ONE}"')
    assert (told["before"], told["after"]) == ([True, False], [False, True])
    assert (told["held"], told["saved"]) == (None, [])


@needs_node
@pytest.mark.parametrize("saved", ["null", f'"{ONE}"'])
def test_a_subscription_that_the_browser_has_changed_is_saved_and_is_no_consent(saved: str) -> None:
    told = in_browser("", held="ours(2)", saved=saved)
    assert (told["saved"], told["kept"]) == ([[TWO, False]], TWO)
    assert told["after"] == [True, False]
    assert in_browser("", held="ours(2)", saved=f'"{TWO}"')["saved"] == []


@needs_node
def test_one_that_was_not_kept_is_tried_by_the_next_page() -> None:
    told = in_browser("", "return { ok: false, status: 401 };", held="ours(2)", saved=f'"{ONE}"')
    assert (told["held"], told["kept"], told["ended"]) == (TWO, ONE, 0)
    assert told["after"] == [True, False]


@needs_node
def test_where_nothing_may_be_kept_a_press_subscribes_all_the_same() -> None:
    deny = """
        for (const how of ["getItem", "setItem"]) {
          localStorage[how] = () => { throw new Error("QuotaExceededError"); };
        }
    """
    told = in_browser(deny + PRESSED)
    assert (told["held"], told["wrong"], told["after"]) == (ONE, None, [True, False])
