"""Mail servers on real sockets: a real one, and one with all a provider's bad days."""

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

DROP = "drop"  # close the connection without a word
SILENCE = "silence"  # say nothing, and hold the connection until the client gives up
DRIP = "drip"  # the same, with a byte of an answer now and then
DRIP_S = 0.02


class MailServer(Controller):
    """aiosmtpd, keeping what it takes. Stop it after its clients have closed."""

    def __init__(self, **settings: Any) -> None:
        self.envelopes: list[Envelope] = []
        self._talking: set[SMTP] = set()
        self._changed = threading.Condition()
        super().__init__(self, hostname="127.0.0.1", port=free_port(), **settings)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 queued"

    def factory(self) -> SMTP:
        server = self

        class Counted(SMTP):
            def connection_made(self, transport: Any) -> None:
                server.note(self, talking=True)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                super().connection_lost(error)
                server.note(self, talking=False)

        return Counted(self.handler, **self.SMTP_kwargs)

    def note(self, client: SMTP, talking: bool) -> None:
        with self._changed:
            (self._talking.add if talking else self._talking.discard)(client)
            self._changed.notify_all()

    def stop(self, no_assert: bool = False) -> None:
        """Stopped while it serves, the library leaves sockets open behind it."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._talking, timeout=10)
        super().stop(no_assert)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass
class ScriptedServer:
    """Speaks just enough SMTP to be reached; at the chosen steps it does what the script says.

    `script` maps a step – greeting, EHLO, MAIL, RCPT, DATA, dot, RSET, NOOP – to the replies
    that are given instead of the usual one, one each time, then the usual one again."""

    script: dict[str, list[str]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    taken: list[bytes] = field(default_factory=list)
    """Every message whose dot was read, as it came over the wire, dots unstuffed."""
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self.stopping = threading.Event()
        self._main = threading.Thread(target=self._accept)
        self._main.start()

    def stop(self) -> None:
        self.stopping.set()
        # Wakes the accept; closing the socket from another thread would not.
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in [self._main, *self._threads]:
            thread.join(timeout=10)
            assert not thread.is_alive(), "the scripted server hangs"
        self._listener.close()

    def _accept(self) -> None:
        while True:
            conn, _ = self._listener.accept()
            if self.stopping.is_set():
                conn.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(conn,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        with suppress(OSError):  # when the client goes, that is the client's business
            _Conversation(self, conn).run()

    def reply(self, step: str, usual: str) -> str:
        replies = self.script.get(step)
        return replies.pop(0) if replies else usual


class _Conversation:
    def __init__(self, server: ScriptedServer, conn: socket.socket) -> None:
        self.server = server
        self.conn = conn
        self.file = conn.makefile("rb")
        self.refused = False

    def run(self) -> None:
        try:
            if self.answer("greeting", "220 ready"):
                while (line := self.file.readline()) and self.command(line.decode().strip()):
                    pass
        finally:
            self.file.close()
            self.conn.close()

    def answer(self, step: str, usual: str) -> bool:
        """Whether the conversation goes on."""
        reply = self.server.reply(step, usual)
        if step in ("MAIL", "RCPT"):
            self.refused = self.refused or not reply.startswith("2")
        return self.say(reply)

    def say(self, reply: str) -> bool:
        if reply == DROP:
            return False
        if reply == SILENCE:
            self.file.read()  # until the client closes
            return False
        if reply == DRIP:
            while not self.server.stopping.wait(DRIP_S):
                self.conn.sendall(b"2")  # until the client closes
            return False
        self.conn.sendall(reply.encode() + b"\r\n")
        return not reply.startswith("421")

    def command(self, line: str) -> bool:
        self.server.commands.append(line)
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            names = ("scripted", *self.server.extensions)
            lines = [f"250-{name}" for name in names[:-1]] + [f"250 {names[-1]}"]
            return self.answer(verb, "\r\n".join(lines))
        if verb == "STARTTLS" and self.server.tls is not None:
            return self.encrypt()
        if verb == "DATA":
            reply = self.server.reply(verb, "503 whom to?" if self.refused else "354 go on")
            if not self.say(reply):
                return False
            return self.message() if reply.startswith("354") else True
        if verb in ("MAIL", "RSET"):
            self.refused = False
        if verb == "QUIT":
            self.conn.sendall(b"221 bye\r\n")
            return False
        return self.answer(verb, "250 fine")

    def encrypt(self) -> bool:
        self.conn.sendall(b"220 go on\r\n")
        self.file.close()
        assert self.server.tls is not None
        self.conn = self.server.tls.wrap_socket(self.conn, server_side=True)
        self.file = self.conn.makefile("rb")
        return True

    def message(self) -> bool:
        lines: list[bytes] = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.taken.append(b"".join(lines))
        return self.answer("dot", "250 2.0.0 queued as 7")
