"""The real application on a free port, and somebody who calls it without any manners."""

import hmac
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import uvicorn

from channels.contract import Feedback, FeedbackKind, Refused
from channels.outbox import OutboxChannel, OutboxSettings
from orchestrator.entry.web.app import Front, Site, make_app
from tests.servers.ports import free_port
from tests.support.shop import Small

KEY = b"what only the provider and we know"
PUBLIC = "https://hooks.example.com/t"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Calling(OutboxChannel):
    """An outbox whose provider calls back: JSON, signed together with the address called."""

    capabilities = replace(OutboxChannel.capabilities, callback=True, callback_bytes_max=300_000)

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        if not hmac.compare_digest(sign(raw, headers["x-tactful-url"]), headers.get("x-sign", "")):
            return Refused("the signature is wrong")
        datetime.fromisoformat(headers["x-tactful-received-at"])
        try:
            return [
                Feedback(FeedbackKind(one.pop("kind")), at=None, **one) for one in json.loads(raw)
            ]
        except (ValueError, TypeError, AttributeError, KeyError):
            return Refused("signed, and unreadable")


def sign(raw: bytes, url: str) -> str:
    """The provider's signature."""
    return hmac.new(KEY, url.encode() + raw, sha256).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Caller:
    """Calls the application on a port; a connection for each call."""

    port: int

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"user-agent": BROWSER, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, form: Any = (), **headers: str) -> Answer:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        sent = {**kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.call("POST", path, urlencode(form, doseq=True).encode(), sent)

    def hook(self, *events: Mapping[str, Any], query: str = "") -> Answer:
        """A genuine callback."""
        raw = json.dumps(events).encode()
        path = f"/hooks/outbox{query}"
        return self.call("POST", path, raw, {"x-sign": sign(raw, PUBLIC + path)})


@contextmanager
def answering(shop: Small, **more: Any) -> Iterator[Caller]:
    """The application of this shop, in a thread."""
    plugin = Calling(OutboxSettings(folder=shop.folder, files=False))
    front = Front(shop.tactful.shop, {"outbox": plugin}, PUBLIC, **more)
    with serving(Site(shop.engine, front=front)) as caller:
        yield caller


@contextmanager
def serving(site: Site, port: int | None = None) -> Iterator[Caller]:
    """Any application, in a thread."""
    port = free_port() if port is None else port
    config = uvicorn.Config(make_app(site), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        yield Caller(port)
    finally:
        server.should_exit = True
        thread.join()
