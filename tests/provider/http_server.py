"""The provider over HTTP/1.1, kept alive: parsed by hand, as quick as plain Python gets.

POST /messages            one message → 201 {"id": …}
POST /batches             {"messages": […]} → 200 {"results": [{"status", "id" | "error"}, …]}
GET  /messages?to=&after= what was accepted for an address, by creation time
GET  /messages/ID         one of them
GET  /stats               how many were accepted, and which faults have struck
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from tests.provider.book import Book, Draft, created
from tests.provider.faults import Clause, Kind
from tests.provider.log import Acceptance
from tests.provider.wire import Desk, Line

_encode = msgspec.json.Encoder().encode
_WORDS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Body(msgspec.Struct):
    """A message as a client writes it."""

    to: str
    text: str
    stable_id: str = ""
    message_id: str = ""
    attempt_id: str = ""
    kind: str = ""
    subject: str | None = None
    html: str | None = None
    key: str = ""
    callback: str | None = None
    metadata: dict[str, Any] = {}

    def draft(self, now: str, key: str) -> Draft:
        """Ready to be accepted."""
        subject = self.subject or ""
        return Draft(
            "http", self.to, self.stable_id, self.message_id, self.attempt_id, self.kind, subject,
            self.text, f"{subject}\n{self.text}\n{self.html or ''}".encode(), now,
            key or self.key, self.callback or "", self.metadata,
        )  # fmt: skip


class Bodies(msgspec.Struct):
    """A batch as a client writes it."""

    messages: list[Body]


_one = msgspec.json.Decoder(Body).decode
_many = msgspec.json.Decoder(Bodies).decode
_DROPS = frozenset({Kind.accept_then_drop, Kind.drop, Kind.drop_early})


class HttpLine(Line):
    """One client. Requests on one connection are answered in their order."""

    def __init__(self, desk: Desk, accepted: Callable[[Draft, str], None]) -> None:
        super().__init__(desk)
        self._accepted = accepted
        self._close = False

    def step(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n", self.at)
        if end < 0:
            return False
        head = self.buffer[self.at : end]
        length = _header(head, b"content-length")
        if not (length or (b"" if head.startswith(b"POST") else b"0")).isdigit():
            self.answer(411, {"error": "say how long it is"})
            self.hang_up()
            return False
        start = end + 4
        stop = start + int(length or b"0")
        if len(self.buffer) < stop:
            return False
        body = self.buffer[start:stop]
        self.at = stop
        self._close = (_header(head, b"connection") or b"").lower() == b"close"
        self.request(head, body)
        return True

    def request(self, head: bytes, body: bytes) -> None:
        """Answer, or hold the answer back."""
        method, _, rest = head.partition(b" ")
        target = rest.partition(b" ")[0].decode("latin-1")
        if method == b"POST" and target in ("/messages", "/batches"):
            self.post(target == "/batches", head, body)
        elif method == b"GET":
            self.answer(*self.get(target))
        else:
            self.answer(405, {"error": "POST or GET"})

    def post(self, batch: bool, head: bytes, body: bytes) -> None:
        """Take messages, unless something goes wrong with them."""
        try:
            bodies = _many(body).messages if batch else [_one(body)]
            now = (_header(head, b"x-now") or b"").decode("ascii")
            self.desk.book.hear(now)
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            self.answer(400, {"error": f"unreadable: {error}"})
            return
        key = "" if batch else (_header(head, b"idempotency-key") or b"").decode("latin-1")
        drafts = [one.draft(now, key) for one in bodies]
        if self.desk.dice.calm:
            self.report(batch, [self.take(draft) for draft in drafts])
            return
        met = self.desk.dice.draw([(draft.to, draft.name) for draft in drafts])
        self.desk.faulted.update(clause.kind for clause in met if clause is not None)
        if any(clause is not None for clause in met):
            self.hold(self.misbehave(batch, drafts, met))
        else:
            self.report(batch, [self.take(draft) for draft in drafts])

    async def misbehave(
        self, batch: bool, drafts: Sequence[Draft], met: Sequence[Clause | None]
    ) -> None:
        """Message by message, as far as it goes: what was taken before a cut stays taken."""
        results: list[dict[str, Any]] = []
        wait_s, garbled = 0.0, False
        for draft, clause in zip(drafts, met, strict=True):
            kind = clause.kind if clause is not None else None
            amount = clause.amount if clause is not None else 0.0
            if kind is Kind.half_open:
                self.desk.book.flush()
                await self.gone.wait()
                return
            if kind is Kind.late:
                self.desk.book.flush()
                await asyncio.sleep(amount)
            refusal = _refusal(kind, amount)
            if refusal is None and kind not in (Kind.drop, Kind.drop_early):
                results.append(self.take(draft))
            if kind in _DROPS:
                self.drop()
                return
            if refusal is not None:
                results.append(refusal)
            elif kind is Kind.accept_then_error:
                results[-1] = {"status": 500, "error": "something broke afterwards"}
            elif kind is Kind.slow:
                wait_s = max(wait_s, amount)
            garbled = garbled or kind is Kind.garbled
        if wait_s:
            self.desk.book.flush()
            await asyncio.sleep(wait_s)
        if garbled:
            raw = b'{"id": <!DOCTYPE html>'
            head = f"HTTP/1.1 {200 if batch else 201} OK\r\nContent-Length: {len(raw)}\r\n\r\n"
            self.answers.append(head.encode() + raw)
        else:
            self.report(batch, results)

    def take(self, draft: Draft) -> dict[str, Any]:
        """Accept one message."""
        ref = self.desk.book.accept(draft)
        if draft.callback:
            self._accepted(draft, ref)
        return {"status": 201, "id": ref}

    def report(self, batch: bool, results: Sequence[dict[str, Any]]) -> None:
        """The answer to what was posted."""
        if batch:
            self.answer(200, {"results": results})
            return
        (result,) = results
        self.answer(result["status"], result, result.get("retry_after_s"))

    def get(self, target: str) -> tuple[int, Any]:
        """What is known of messages."""
        path, _, query = target.partition("?")
        book = self.desk.book
        if path == "/stats":
            return 200, {
                "accepted": book.count,
                "faulted": dict(self.desk.faulted),
                "bugs": [repr(bug) for bug in self.desk.bugs],
            }
        if book.counting:
            return 501, {"error": "only counted: it cannot be searched"}
        if path == "/messages":
            asked = parse_qs(query)
            return _found(book, asked.get("to", [""])[0], asked.get("after", [""])[0])
        if path.startswith("/messages/"):
            one = book.get(unquote(path.removeprefix("/messages/")))
            return (404, {"error": "no such message"}) if one is None else (200, _shown(one))
        return 404, {"error": "no such place"}

    def answer(self, status: int, body: Any, retry_after_s: float | None = None) -> None:
        """Put an answer behind those that wait."""
        raw = _encode(body)
        more = b"" if retry_after_s is None else b"Retry-After: %d\r\n" % -(-retry_after_s // 1)
        if self._close:
            more += b"Connection: close\r\n"
        self.answers.append(
            b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
            % (status, _WORDS.get(status, "Other").encode(), more, len(raw), raw)
        )
        if self._close:
            self.hang_up()


def _refusal(kind: Kind | None, amount: float) -> dict[str, Any] | None:
    match kind:
        case Kind.rate_limited:
            return {"status": 429, "error": "rate_limited", "retry_after_s": amount}
        case Kind.refuse:
            return {"status": int(amount), "error": "bad_address"}
        case Kind.refuse_content:
            return {"status": 422, "error": "content_refused"}
        case Kind.error:
            return {"status": 500, "error": "something broke"}
        case Kind.unavailable:
            return {"status": 503, "error": "come back later"}
    return None


def _found(book: Book, to: str, after: str) -> tuple[int, Any]:
    try:
        since = datetime.fromisoformat(after) if after else None
        if since is not None and since.tzinfo is None:
            raise ValueError("an instant needs its offset")
    except ValueError as error:
        return 400, {"error": str(error)}
    shown = [_shown(one) for one in book.to(to, since)]
    return 200, {"now": book.now.isoformat(), "messages": shown}


def _shown(one: Acceptance) -> dict[str, str]:
    """As a provider without keys shows it: none of the sender's own ids."""
    return {
        "id": one.ref,
        "to": one.to,
        "text": one.text,
        "created": created(one).isoformat(),
    }


def _header(head: bytes, name: bytes) -> bytes | None:
    """The value of a header, by its name in lower case."""
    lowered = head.lower()
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()
