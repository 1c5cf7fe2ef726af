"""E-mail over SMTP, on one kept connection.

What is certain and what is not turns on one byte, the dot that ends a message (RFC 5321 4.1.1.4).
Whatever goes wrong before it has been written, the server cannot have taken the message. After
it, only an answer is certain; silence and a lost connection are `Unknown`. The dot is therefore
written by itself, after a last look at the deadline.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime
from time import monotonic
from types import MappingProxyType
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from channels import mime
from channels.contract import (
    Accepted,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Finding,
    Item,
    Level,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)
from channels.smtp_replies import RETRY_AFTER_S, Stage, readable, refusal

# A name of labels that can be looked up, or an IP address; an international name in punycode.
_HOST = r"^[A-Za-z0-9_:\[\]-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_GO_ON = {Stage.sender: (250,), Stage.recipient: (250, 251, 252), Stage.data: (354,)}
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


class SmtpChannel(Channel[SmtpSettings]):
    """One message after the other; a worker that wants more opens more channels."""

    name = "email_smtp"
    Settings = SmtpSettings
    capabilities = Capabilities(
        kinds=frozenset({"email"}),
        parts=MappingProxyType({"email": frozenset({"subject", "html", "text"})}),
        batch_size_max=100,
        rate_per_s=None,
        idempotency=None,
        search=False,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=5_000_000,  # grows by a third in base64; most servers take 10 MB or more
    )

    def __init__(self, settings: SmtpSettings) -> None:
        super().__init__(settings)
        self._connection: smtplib.SMTP | None = None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closing the socket, unlike QUIT, cannot hang; the server minds neither.
            connection.close()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        fault = self.cannot_carry(item) or mime.problem(item)
        return fault or Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end = monotonic() + deadline_s
        outcomes: list[Outcome] = []
        down: Rejected | Deferred | None = None
        fresh = False
        for item in items:
            if down is None and monotonic() < end and not self._alive(fresh, end):
                down = self._connect(end)
            fresh = True
            if monotonic() >= end:
                outcomes.append(Deferred(0.0, "not written before the deadline"))
            elif down is not None:
                # One failed greeting speaks for the batch: nobody waits a hundred time-outs.
                outcomes.append(down)
            else:
                outcomes.append(self._write(item, end, now))
        return outcomes

    def check(self) -> list[Finding]:
        where = f"{self.settings.host}:{self._port()}"
        findings = []
        if self.settings.tls == "none" and self.settings.host not in _LOOPBACK:
            fix = "set tls: starttls or tls: implicit"
            findings.append(Finding(Level.warning, f"mail to {where} is not encrypted", fix))
        self.close()
        fault = self._connect(monotonic() + self.settings.timeout_s)
        self.close()
        if fault is not None:
            fix = "compare host, port, tls, login and password with the provider's page"
            return [*findings, Finding(Level.error, f"{where}: {fault.detail}", fix)]
        return [*findings, Finding(Level.good, f"{where} greets us and takes our login")]

    def _port(self) -> int:
        return self.settings.port or _PORTS[self.settings.tls]

    def _alive(self, fresh: bool, end: float) -> bool:
        """Is there a connection? One kept from an earlier batch is asked first: it may be stale."""
        if self._connection is None:
            return False
        if fresh:
            return True
        try:
            self._patience(self._connection, end)
            if self._connection.noop()[0] == 250:
                return True
        except (OSError, smtplib.SMTPException):
            pass  # a stale connection is no news: nothing has been written on it
        self.close()
        return False

    def _connect(self, end: float) -> Rejected | Deferred | None:
        """Greet, encrypt, log in. Whatever fails here, no message was written."""
        wanted = self.settings
        timeout = max(0.001, min(wanted.timeout_s, end - monotonic()))
        try:
            self._connection = connection = self._dial(timeout)
            # Else the last small write of a message waits for an acknowledgement of the one before.
            _socket(connection).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.ehlo_or_helo_if_needed()
            if wanted.tls == "starttls":
                connection.starttls(context=self._trust())
                connection.ehlo_or_helo_if_needed()
            if wanted.login is not None and wanted.password is not None:
                connection.login(wanted.login, wanted.password.get_secret_value())
        except UnicodeEncodeError:
            self.close()
            return Rejected(Reason.auth_failed, "login or password is not ASCII", retryable=True)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return _connect_failure(error)
        return None

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

    def _patience(self, connection: smtplib.SMTP, end: float) -> None:
        """Let the next step last until the deadline at most; TimeoutError when that is now."""
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        _socket(connection).settimeout(min(self.settings.timeout_s, left))

    def _write(self, item: Item, end: float, now: datetime) -> Outcome:
        fault = self.cannot_carry(item)
        content = fault or mime.build(item, now)
        if isinstance(content, Unsupported):
            return Rejected(Reason.unsupported, f"{content.what}: {content.fix}")
        connection = self._connection
        assert connection is not None
        limit = connection.esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(content):
            return Rejected(Reason.too_large, f"{len(content)} bytes, {limit} are taken")
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        try:
            for stage, command, argument in self._envelope(item, len(content)):
                self._patience(connection, end)
                code, words = connection.docmd(command, argument)
                if code not in _GO_ON[stage]:
                    self._reset(connection, code, end)
                    return refusal(stage, code, words)
            self._patience(connection, end)
            connection.send(stuffed)
            self._patience(connection, end)
        except (OSError, smtplib.SMTPException) as error:
            # Without its dot there is no message: the server throws away what it has of it.
            self.close()
            late = monotonic() >= end
            why = "not written before the deadline" if late else f"connection lost: {_said(error)}"
            return Deferred(0.0 if late else RETRY_AFTER_S, why)
        return self._finish(connection, item)

    def _envelope(self, item: Item, size: int) -> Iterator[tuple[Stage, str, str]]:
        sender = self.settings.bounce_address or item.sender.address
        esmtp = self._connection is not None and "size" in self._connection.esmtp_features
        argument = f"FROM:<{mime.ascii_address(sender)}>"
        yield Stage.sender, "MAIL", f"{argument} SIZE={size}" if esmtp else argument
        yield Stage.recipient, "RCPT", f"TO:<{mime.ascii_address(item.address)}>"
        yield Stage.data, "DATA", ""

    def _reset(self, connection: smtplib.SMTP, code: int, end: float) -> None:
        """Make the connection fit for the next message, or let go of it."""
        try:
            self._patience(connection, end)
            if code != 421 and connection.docmd("RSET")[0] == 250:
                return
        except (OSError, smtplib.SMTPException):
            pass  # the refusal stands; the next message finds no connection and makes one
        self.close()

    def _finish(self, connection: smtplib.SMTP, item: Item) -> Outcome:
        """Write the dot. From here on only an answer is certain."""
        try:
            _socket(connection).settimeout(self.settings.timeout_s)
            connection.send(b".\r\n")
            code, words = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Unknown(f"no answer to a message written whole: {_said(error)}")
        if 200 <= code < 300:
            return Accepted(mime.message_id(item))
        # A server may say 421 at any moment, not in answer to what was asked.
        if code == 421 or not 400 <= code < 600:
            self.close()
            return Unknown(f"{code} {readable(words)} after a message written whole")
        return refusal(Stage.content, code, words)


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
