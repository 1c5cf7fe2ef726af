"""What the provider tells a sender later: signed, and as untidy as real callbacks are.

    delivered~0.97, undelivered~0.02, repeat~0.3, shuffle~16

reads: 97 % are reported as delivered and 2 % as undelivered; each call is made once more with a
chance of 30 %, and again; sixteen calls are held back and leave in random order.
"""

import asyncio
import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Self
from urllib.parse import urlsplit

SIGNATURE = "x-provider-signature"
SECRET = "a secret of the recording provider"
WORDS = (
    *("accepted", "delivered", "undelivered", "mailbox_full", "complaint", "open", "click"),
    *("stop", "start", "help", "reply"),
)
_TRIES_MAX = 5
_WAIT_S = 0.1
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Callback:
    """One call, ready to be made, tampered with, or made twice."""

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class About:
    """The message that a callback is about, as the provider knows it."""

    ref: str
    to: str
    message_id: str
    attempt_id: str
    url: str


def callback(
    about: About, word: str, at: str, *, detail: str = "", number: int = 1, secret: str = SECRET
) -> Callback:
    """A genuine call. The same word and number about one message are the same event."""
    values = {
        "event_id": f"{about.ref}/{word}/{number}",
        "event": word,
        "at": at,
        "id": about.ref,
        "to": about.to,
        "message_id": about.message_id,
        "attempt_id": about.attempt_id,
        "detail": detail,
    }
    body = json.dumps({"events": [values]}).encode()
    return Callback(about.url, body, ((SIGNATURE, sign(body, secret)),))


def sign(body: bytes, secret: str) -> str:
    """HMAC-SHA256 of the body, in hexadecimal digits."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What is reported of accepted messages, by chance and seed."""

    rates: tuple[tuple[str, float], ...] = ()
    repeat: float = 0.0
    shuffle: int = 0
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Self:
        """Raises ValueError for a word that is not known."""
        rates: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            word, _, rate = part.partition("~")
            if word not in (*WORDS, "repeat", "shuffle"):
                raise ValueError(f"no callback: {part!r}; known are {', '.join(WORDS)}")
            rates[word] = float(rate or 1)
        repeat, shuffle = rates.pop("repeat", 0.0), int(rates.pop("shuffle", 0))
        if not 0 <= repeat < 1:
            raise ValueError("repeat lies between 0 and 1, or it never ends")
        return cls(tuple(rates.items()), repeat, shuffle, seed)


class Caller:
    """Makes calls, one after the other, and tries again where nobody takes them."""

    def __init__(self, wanted: Callbacks) -> None:
        self._wanted = wanted
        self._chance = Random(wanted.seed)
        self._order = Random(wanted.seed)
        self._waiting: list[tuple[Callback, int]] = []
        self._more = asyncio.Event()
        self.made = 0
        self.given_up = 0

    def accepted(self, about: About, at: str) -> None:
        """Report what chance makes of an accepted message."""
        for word, rate in self._wanted.rates:
            if self._chance.random() < rate:
                self.call(callback(about, word, at))
                while self._chance.random() < self._wanted.repeat:
                    self.call(callback(about, word, at))

    def call(self, one: Callback) -> None:
        """Make this call soon."""
        self._waiting.append((one, 0))
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            if len(self._waiting) < self._wanted.shuffle:
                await asyncio.sleep(_WAIT_S)
            place = self._order.randrange(len(self._waiting)) if self._wanted.shuffle else 0
            one, tries = self._waiting.pop(place)
            if await _post(one):
                self.made += 1
            elif tries < _TRIES_MAX:
                self._waiting.append((one, tries + 1))
                await asyncio.sleep(_WAIT_S)
            else:
                self.given_up += 1


async def _post(one: Callback) -> bool:
    """Was it taken with a 2xx?"""
    url = urlsplit(one.url)
    lines = [f"POST {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1"]
    lines += [f"Host: {url.netloc}", "Connection: close", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in one.headers]
    lines += [f"Content-Length: {len(one.body)}", "", ""]
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
            try:
                writer.write("\r\n".join(lines).encode() + one.body)
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return answer.split(b" ")[1:2] != [] and answer.split(b" ")[1].startswith(b"2")
