"""The provider over SMTP, with PIPELINING: every recipient of a message is one acceptance.

A fault that strikes at RCPT refuses, or cuts off, before the message is heard: certain. The others
strike after the dot. Chance knows an e-mail by its recipient, for its name comes later.
"""

import asyncio
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import time_ns

from tests.provider.book import Draft
from tests.provider.faults import Clause, Kind
from tests.provider.wire import Desk, Line

SIZE_MAX = 20 * 1024 * 1024
_LINE_MAX = 4096
_EHLO = b"250-recording\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE %d\r\n" % SIZE_MAX
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([^@>\s]*)", re.IGNORECASE | re.MULTILINE)
_PLAIN_ID = re.compile(rb"^Message-ID: <([\w.-]+)@", re.MULTILINE | re.ASCII)
"""Quick, and of characters that JSON takes as they are: what a counting provider looks for."""
_AT_RCPT = frozenset({Kind.rate_limited, Kind.refuse, Kind.unavailable, Kind.drop_early})


class SmtpLine(Line):
    """One client."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._sender = False
        self._to: list[str] = []
        self._met: list[Clause] = []
        self._reading = False
        self._searched = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(b"220 recording ESMTP\r\n")

    def step(self) -> bool:
        return self._message() if self._reading else self._command()

    def _command(self) -> bool:
        buffer, at = self.buffer, self.at
        end = buffer.find(b"\r\n", at)
        if end < 0:
            if len(buffer) - at > _LINE_MAX:
                self.answers.append(b"500 5.5.2 too long a line\r\n")
                self.hang_up()
            return False
        self.at = end + 2
        verb = buffer[at : at + 4].upper()
        if verb == b"MAIL":
            self._reset()
            self._sender = True
            self.answers.append(b"250 2.1.0 fine\r\n")
        elif verb == b"RCPT":
            self._recipient(buffer[at:end])
        elif verb == b"DATA":
            if self._to:
                self._reading = True
                self._searched = 0
                self.answers.append(b"354 go on\r\n")
            else:
                self.answers.append(b"503 5.5.1 whom to?\r\n")
        else:
            self._other(verb)
        return not self.busy

    def _other(self, verb: bytes) -> None:
        if verb in (b"RSET", b"EHLO", b"HELO"):
            self._reset()
        if verb == b"EHLO":
            self.answers.append(_EHLO)
        elif verb in (b"RSET", b"NOOP", b"HELO"):
            self.answers.append(b"250 2.0.0 fine\r\n")
        elif verb == b"QUIT":
            self.answers.append(b"221 2.0.0 bye\r\n")
            self.hang_up()
        else:
            self.answers.append(b"500 5.5.2 what?\r\n")

    def _recipient(self, line: bytes) -> None:
        start, end = line.find(b"<"), line.rfind(b">")
        to = line[start + 1 : end].decode("utf-8", "replace")
        if not self._sender or start < 0 or not to:
            self.answers.append(b"503 5.5.1 MAIL first, then RCPT TO:<address>\r\n")
            return
        met = None if self.desk.dice.calm else self.desk.dice.draw([(to, to)])[0]
        if met is not None:
            self.desk.faulted[met.kind] += 1
        if met is None or met.kind not in _AT_RCPT:
            self._to.append(to)
            if met is not None:
                self._met.append(met)
            self.answers.append(b"250 2.1.5 fine\r\n")
        elif met.kind is Kind.rate_limited:
            self.answers.append(b"450 4.7.1 slow down\r\n")
        elif met.kind is Kind.refuse:
            self.answers.append(b"550 5.1.1 nobody here by that name\r\n")
        elif met.kind is Kind.unavailable:
            self.answers.append(b"421 4.3.2 closing\r\n")
            self.hang_up()
        else:
            self.drop()

    def _message(self) -> bool:
        """A message up to its dot (RFC 5321 4.1.1.4): a line of its own, or all that there is."""
        buffer, at = self.buffer, self.at
        if buffer.startswith(b".\r\n", at):
            end, after = at, at + 3
        else:
            # Bytes that were looked at before are not looked at again.
            end = buffer.find(b"\r\n.\r\n", max(at, self._searched))
            if end < 0:
                self._searched = max(at, len(buffer) - 4) - at
                return False
            end, after = end + 2, end + 5
        self.at = after
        self._reading = False
        received_ns = time_ns()
        if self.desk.book.counting and not self._met:
            self._count(buffer, at, end, received_ns)
            self.answers.append(b"250 2.0.0 taken\r\n")
        else:
            self._deliver(buffer[at:end], received_ns)
        self._reset()
        return not self.busy

    def _count(self, buffer: bytes, start: int, end: int, received_ns: int) -> None:
        found = _PLAIN_ID.search(buffer, start, end)
        name = found[1] if found else b""
        for _ in self._to:
            self.desk.book.count_one(received_ns, name)

    def _deliver(self, raw: bytes, received_ns: int) -> None:
        drafts = [_draft(to, raw, received_ns) for to in self._to]
        if self._met:
            self.hold(self._misbehave(self._met[0], drafts))
        elif len(raw) > SIZE_MAX:
            self.answers.append(b"552 5.3.4 too large\r\n")
        else:
            self._accept(drafts)

    def _accept(self, drafts: list[Draft]) -> None:
        refs = [self.desk.book.accept(draft) for draft in drafts]
        self.answers.append(f"250 2.0.0 taken as {','.join(refs)}\r\n".encode())

    async def _misbehave(self, met: Clause, drafts: list[Draft]) -> None:
        match met.kind:
            case Kind.error:
                self.answers.append(b"451 4.3.0 something broke\r\n")
            case Kind.refuse_content:
                self.answers.append(b"554 5.7.1 not this text\r\n")
            case Kind.drop:
                self.drop()
            case Kind.half_open:
                await self.gone.wait()
            case Kind.late:
                await asyncio.sleep(met.amount)
                self._accept(drafts)
            case Kind.slow:
                self._accept(drafts)
                self.desk.book.flush()
                await asyncio.sleep(met.amount)
            case Kind.accept_then_drop:
                self._accept(drafts)
                self.drop()
            case Kind.accept_then_error:
                self._accept(drafts)
                self.answers[-1] = b"421 4.3.2 closing\r\n"
                self.hang_up()
            case Kind.garbled:
                self._accept(drafts)
                self.answers[-1] = b"\xff\xfe <!DOCTYPE html>\r\n"

    def _reset(self) -> None:
        self._sender = False
        self._to = []
        self._met = []


def _draft(to: str, raw: bytes, received_ns: int) -> Draft:
    head, _, body = raw.partition(b"\r\n\r\n")
    name = _MESSAGE_ID.search(head)
    if b"\r\n." in raw or raw.startswith(b"."):
        raw = raw[1:] if raw.startswith(b".") else raw
        raw = raw.replace(b"\r\n..", b"\r\n.")
    return Draft(
        over="smtp",
        to=to,
        stable_id=name[1].decode("utf-8", "replace") if name else "",
        message_id=_value(head, b"x-message-id"),
        attempt_id=_value(head, b"x-attempt-id"),
        kind="email",
        text=raw.decode("utf-8", "replace"),
        digested=body,
        now=_iso(_value(head, b"date")),
        received_ns=received_ns,
    )


def _value(head: bytes, name: bytes) -> str:
    found = re.search(rb"^" + name + rb":[ \t]*([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].decode("utf-8", "replace").strip() if found else ""


@lru_cache(maxsize=1_000)
def _iso(date: str) -> str:
    """A Date as ISO 8601; empty when it cannot be read. A batch shares its own."""
    try:
        at = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return ""
    return at.replace(tzinfo=at.tzinfo or UTC).isoformat()
