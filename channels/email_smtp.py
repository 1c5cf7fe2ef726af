"""E-mail over SMTP, on a few kept connections at once; `smtp_talk` holds the conversations."""

import math
import select
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from channels import mime
from channels.contract import (
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Feedback,
    Finding,
    Item,
    Level,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Rejected,
    Unsupported,
    size_of,
)
from channels.smtp_batch import Batch, Letter
from channels.smtp_bounces import HEADER, envelope_id, parse, seal, xtext
from channels.smtp_replies import RETRY_AFTER_S, readable
from channels.smtp_talk import Talk

# A name of labels that can be looked up, or an IP address; an international name in punycode.
_HOST = r"^[A-Za-z0-9_:\[\]-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"none": 25, "starttls": 587, "implicit": 465}


class SmtpSettings(ChannelSettings):
    """The server that takes our mail. `password` comes from TACTFUL_EMAIL_SMTP_PASSWORD."""

    host: str = Field(pattern=_HOST)
    port: int | None = Field(default=None, ge=1, le=65_535)
    """None: 587 for starttls, 465 for implicit, 25 for none."""
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    ca_file: str | None = None
    """Certificates to trust instead of the system's, for a server of one's own."""
    login: str | None = None
    password: SecretStr | None = None
    helo_name: str = Field(default="localhost", pattern=_HOST)
    """The name by which we greet; a server on the internet wants one that resolves."""
    bounce_address: str | None = None
    """Where bounces go (the envelope's sender). None: the address of the message's sender."""
    connections: int = Field(default=4, ge=1, le=50)
    """At most so many at once from each process; providers allow five or more."""
    bounce_secret: SecretStr | None = Field(default=None, min_length=16)
    """Seals each message, so that what comes back is known for ours. Without it no mail is believed
    to be a bounce. From TACTFUL_EMAIL_SMTP_BOUNCE_SECRET; any long random text."""
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """For connecting, and for each answer. `send` may outlast its deadline by this much."""

    @model_validator(mode="after")
    def _login_is_whole_and_private(self) -> Self:
        if (self.login is None) != (self.password is None):
            raise ValueError("login and password go together")
        if self.login is not None and self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password needs tls: starttls or tls: implicit")
        if self.bounce_address is not None and not mime.ascii_address(self.bounce_address):
            raise ValueError("bounce_address is no e-mail address")
        return self


_LETTERS_EACH = 10
"""For so many letters another connection is worth its greeting."""
_BOTH = select.POLLIN | select.POLLOUT


class SmtpChannel(Channel[SmtpSettings]):
    """Connections are opened as a batch needs them, and kept for the next one."""

    name = "email_smtp"
    Settings = SmtpSettings
    capabilities = Capabilities(
        kinds=frozenset({"email"}),
        parts=MappingProxyType({"email": frozenset({"subject", "html", "text"})}),
        batch_size_max=500,
        rate_per_s=None,
        idempotency=None,
        search=False,
        callback=True,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=5_000_000,  # grows by a third in base64; most servers take 10 MB or more
    )

    def __init__(self, settings: SmtpSettings) -> None:
        super().__init__(settings)
        self._talks: list[Talk] = []
        self._size_max: int | None = None
        """Bytes of a message, where the server says so; 0: it only wants to be told."""
        self._offered: frozenset[str] = frozenset()
        """What the servers behind all open connections can do."""

    def close(self) -> None:
        talks, self._talks = self._talks, []
        for talk in talks:
            talk.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self.cannot_carry(item) or mime.problem(item)
        return fault or Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)

        def letter(number: int) -> Letter | Outcome:
            return self._letter(number, items[number], now)

        batch = Batch(len(items), letter, monotonic() + deadline_s)
        while batch.waits and not batch.over():
            down = self._connect(len(items), batch.end_s)
            if down is not None:
                # One failed greeting speaks for the batch: nobody waits a hundred time-outs.
                return batch.ended(down)
            self._converse(batch)
        return batch.ended(Deferred(0.0, "not written before the deadline"))

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        """`raw` is a mail that came back, whole, as whoever reads the mailbox passes it on."""
        if self.settings.bounce_secret is None:
            return Refused("bounce_secret is not set: nothing can be verified")
        return parse(raw, self.settings.bounce_secret.get_secret_value())

    def check(self) -> list[Finding]:
        where = f"{self.settings.host}:{self._port()}"
        findings = []
        if self.settings.tls == "none" and self.settings.host not in _LOOPBACK:
            fix = "set tls: starttls or tls: implicit"
            findings.append(Finding(Level.warning, f"mail to {where} is not encrypted", fix))
        if self.settings.bounce_secret is None:
            what = "mail that comes back cannot be known for ours, so it is not read"
            fix = "set bounce_secret, and pass the bounce mailbox on to the callback"
            findings.append(Finding(Level.warning, what, fix))
        self.close()
        fault = self._connect(1, monotonic() + self.settings.timeout_s)
        self.close()
        if fault is not None:
            fix = "compare host, port, tls, login and password with the provider's page"
            return [*findings, Finding(Level.error, f"{where}: {fault.detail}", fix)]
        return [*findings, Finding(Level.good, f"{where} greets us and takes our login")]

    def _port(self) -> int:
        return self.settings.port or _PORTS[self.settings.tls]

    def _converse(self, batch: Batch) -> None:
        """Until nothing waits or nobody is left to talk to."""
        poll = select.poll()
        talks = {talk.fd: talk for talk in self._talks}
        for talk in talks.values():
            poll.register(talk.fd, select.POLLIN)
            self._attempt(talk, batch, 0)
        while busy := [talk for talk in talks.values() if talk.front is not None]:
            for talk in busy:
                poll.modify(talk.fd, _BOTH if talk.writes else select.POLLIN)
            for fd, events in poll.poll(_patience_ms(busy, batch)):
                self._attempt(talks[fd], batch, events)
            at_s, late = monotonic(), batch.over()
            for talk in busy:
                if talk.front is None:
                    continue
                if talk.until_s <= at_s:
                    talk.fail(f"silence for {self.settings.timeout_s:g} s", batch)
                elif late and not talk.undecided:
                    talk.fail("the deadline has passed", batch)
            for talk in busy:
                if not talk.is_open:
                    poll.unregister(talk.fd)
                    del talks[talk.fd]
        self._talks = [talk for talk in talks.values() if talk.is_open]
        for talk in self._talks:
            talk.kept = True

    def _attempt(self, talk: Talk, batch: Batch, events: int) -> None:
        """Whatever has become possible."""
        try:
            if events & select.POLLOUT:
                talk.write()
            if events & ~select.POLLOUT:
                talk.read(batch, monotonic())
            if talk.front is None:
                talk.begin(batch, monotonic())
        except OSError as error:
            talk.fail(_said(error), batch)

    def _connect(self, letters: int, end: float) -> Rejected | Deferred | None:
        """As many connections as these letters are worth; why there is none, if so."""
        wanted = min(self.settings.connections, math.ceil(letters / _LETTERS_EACH))
        while len(self._talks) < wanted:
            fault = self._greet(end)
            if fault is not None:
                return None if self._talks else fault
        return None

    def _greet(self, end: float) -> Rejected | Deferred | None:
        """Greet, encrypt, log in. Whatever fails here, no message was written."""
        wanted = self.settings
        timeout = max(0.001, min(wanted.timeout_s, end - monotonic()))
        connection: smtplib.SMTP | None = None
        fault: Rejected | Deferred
        try:
            connection = self._dial(timeout)
            # Else the last small write of a message waits for an acknowledgement of the one before.
            _socket(connection).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.ehlo_or_helo_if_needed()
            if wanted.tls == "starttls":
                connection.starttls(context=self._trust())
                connection.ehlo_or_helo_if_needed()
            if wanted.login is not None and wanted.password is not None:
                connection.login(wanted.login, wanted.password.get_secret_value())
            offered = frozenset(connection.esmtp_features)
            self._offered = offered & self._offered if self._talks else offered
            self._talks.append(Talk(connection, wanted.timeout_s))
        except UnicodeEncodeError:
            fault = Rejected(Reason.auth_failed, "login or password is not ASCII", retryable=True)
        except (OSError, smtplib.SMTPException) as error:
            fault = _connect_failure(error)
        else:
            size = connection.esmtp_features.get("size")
            self._size_max = None if size is None else int(size) if size.isdigit() else 0
            return None
        if connection is not None:
            connection.close()
        return fault

    def _dial(self, timeout_s: float) -> smtplib.SMTP:
        wanted, port = self.settings, self._port()
        if wanted.tls == "implicit":
            return smtplib.SMTP_SSL(
                wanted.host,
                port,
                local_hostname=wanted.helo_name,
                timeout=timeout_s,
                context=self._trust(),
            )
        return smtplib.SMTP(wanted.host, port, wanted.helo_name, timeout_s)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.ca_file)

    def _letter(self, number: int, item: Item, now: datetime) -> Letter | Outcome:
        fault = self.cannot_carry(item)
        eight_bit, sealed = "8bitmime" in self._offered, ""
        if fault is None and self.settings.bounce_secret is not None:
            secret = self.settings.bounce_secret.get_secret_value()
            sealed = seal(secret, item.message_id, item.attempt_id, item.stable_id)
            if sealed:
                item = replace(item, headers=(*item.headers, (HEADER, sealed)))
        content = fault or mime.build(item, now, eight_bit=eight_bit)
        if isinstance(content, Unsupported):
            return Rejected(Reason.unsupported, f"{content.what}: {content.fix}")
        size, limit = len(content), self._size_max
        if limit and limit < size:
            return Rejected(Reason.too_large, f"{size} bytes, {limit} are taken")
        sender = mime.ascii_address(self.settings.bounce_address or item.sender.address)
        told = "" if limit is None else f" SIZE={size}"
        if eight_bit and not content.isascii():
            told += " BODY=8BITMIME"
        address, name = mime.ascii_address(item.address), mime.message_id(item)
        asked = ""
        if "dsn" in self._offered:
            envelope = envelope_id(name, sealed)
            told += " RET=HDRS" + (f" ENVID={envelope}" if envelope else "")
            asked = f" NOTIFY=FAILURE ORCPT=rfc822;{xtext(address)}"
        if b"\r\n." in content:
            content = content.replace(b"\r\n.", b"\r\n..")
        return Letter(
            number,
            f"MAIL FROM:<{sender}>{told}\r\n".encode("ascii"),
            f"RCPT TO:<{address}>{asked}\r\n".encode("ascii"),
            content + b".\r\n",
            name,
        )


def _patience_ms(talks: Sequence[Talk], batch: Batch) -> float:
    """Until the first of them has waited long enough, or the deadline comes."""
    at_s = monotonic()
    until_s = min(talk.until_s for talk in talks)
    if batch.end_s > at_s:
        until_s = min(until_s, batch.end_s)
    return max(until_s - at_s, 0) * 1000 + 1


def _socket(connection: smtplib.SMTP) -> socket.socket:
    if connection.sock is None:
        raise smtplib.SMTPServerDisconnected("the connection is closed")
    return connection.sock


def _connect_failure(error: OSError | smtplib.SMTPException) -> Rejected | Deferred:
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        words = raw if isinstance(raw, bytes) else str(raw).encode()
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
            detail = f"login: {error.smtp_code} {readable(words)}"
            return Rejected(Reason.auth_failed, detail, retryable=True)
        if 500 <= error.smtp_code < 600:
            reason = Reason.blocked_sender
            detail = f"greeting: {error.smtp_code} {readable(words)}"
            return Rejected(reason, detail, retryable=True, retry_after_s=RETRY_AFTER_S)
        return Deferred(RETRY_AFTER_S, f"greeting: {error.smtp_code} {readable(words)}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Rejected(Reason.auth_failed, _said(error), retryable=True)
    return Deferred(RETRY_AFTER_S, f"no connection: {_said(error)}")


def _said(error: Exception) -> str:
    return readable(f"{type(error).__name__}: {error}".encode())
