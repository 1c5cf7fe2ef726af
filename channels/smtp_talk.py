"""One conversation with an SMTP server, which never waits: it is told when something came.

What is certain and what is not turns on one byte, the dot that ends a message (RFC 5321 4.1.1.4).
Whatever goes wrong before it was handed to the connection, the server cannot have taken the
message. After it, only an answer is certain; silence and a lost connection are `Unknown`.

To a server that offers PIPELINING (RFC 2920), the commands of a message travel together, right
behind the dot of the message before: one turn to and fro for each instead of four. Others get one
command at a time.
"""

import smtplib
import socket
import ssl
from collections import deque

from channels.contract import Accepted, Deferred, Outcome, Unknown
from channels.smtp_batch import Batch, Letter
from channels.smtp_replies import RETRY_AFTER_S, Stage, readable, refusal

_READ_BYTES = 65_536
_ANSWER_BYTES_MAX = 65_536
_GO_ON = {
    Stage.reset: (250,),
    Stage.sender: (250,),
    Stage.recipient: (250, 251, 252),
    Stage.data: (354,),
}
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Talk:
    """A connection, and the letter or two that are under way on it.

    The commands of `front` are being answered. `ahead` is the next one, whose commands were
    written behind the front's dot: until the front has its answer, none of `ahead` is taken.
    Whatever raises OSError here has lost the connection: `fail` says what that means.
    """

    def __init__(self, connection: smtplib.SMTP, timeout_s: float) -> None:
        assert connection.sock is not None  # it has just greeted us
        self.sock: socket.socket = connection.sock
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.is_open = True
        self.until_s = 0.0
        """So long the next answer is waited for."""
        self.front: Letter | None = None
        self.kept = False
        """It has served before, so that it may have gone stale since."""
        self._connection = connection
        self._timeout_s = timeout_s
        self._pipelines = connection.has_extn("pipelining")
        self._ahead: Letter | None = None
        self._asked: deque[Stage] = deque()
        """What the server has not answered yet."""
        self._held: deque[tuple[Stage, bytes]] = deque()
        """Commands that wait for the answers to those before."""
        self._refused: Outcome | None = None
        self._closing: Outcome | None = None
        self._soiled = False
        """A letter was refused half way: the server has to forget it."""
        self._out = memoryview(b"")
        self._behind_dot: int | None = None
        """Bytes that go out after the front's dot; None before the dot's turn."""
        self._heard = b""
        self._said: list[bytes] = []

    @property
    def writes(self) -> bool:
        """Whether there is more to write than the connection took."""
        return bool(self._out)

    @property
    def undecided(self) -> bool:
        """Whether the front's dot was written, and has no answer."""
        return self._behind_dot is not None and len(self._out) <= self._behind_dot

    def begin(self, batch: Batch, at_s: float) -> None:
        """Go on with the letter whose turn it is, if there is one."""
        letter = self._ahead
        self._ahead = None
        if letter is None:
            letter = batch.next()
            if letter is not None:
                self.until_s = at_s + self._timeout_s
                self.front = letter
                self._write(self._commands(letter))
        self.front = letter

    def write(self) -> None:
        """More of what is to be written."""
        try:
            while self._out:
                self._out = self._out[self.sock.send(self._out) :]
        except _NOT_NOW:
            pass

    def read(self, batch: Batch, at_s: float) -> None:
        """Hear what came, and do what follows from it."""
        while True:
            try:
                raw = self.sock.recv(_READ_BYTES)
            except _NOT_NOW:
                return
            if not raw:
                raise ConnectionError("the server hung up")
            self._heard += raw
            self._hear(batch, at_s)
            if not isinstance(self.sock, ssl.SSLSocket) or not self.sock.pending():
                return

    def fail(self, why: str, batch: Batch) -> None:
        """Let go of the connection; what was under way ends as certainly as can be said."""
        front, ahead, undecided = self.front, self._ahead, self.undecided
        late = batch.over()
        self.close()
        if ahead is not None:
            batch.again(ahead)
        if front is None:
            return
        if undecided:
            batch.told(front, Unknown(f"no answer to a message written whole: {why}"))
        elif self._refused is not None:
            batch.told(front, self._refused)
        elif late:
            batch.told(front, Deferred(0.0, "not written before the deadline"))
        elif self.kept and not front.moved:
            batch.again(front)
        else:
            lost = Deferred(RETRY_AFTER_S, f"connection lost: {why}")
            batch.told(front, self._closing or lost)

    def close(self) -> None:
        """Closing the socket, unlike QUIT, cannot hang; the server minds neither."""
        self.is_open = False
        self.front = self._ahead = None
        self._connection.close()

    def _commands(self, letter: Letter) -> bytes:
        """All of a letter's commands, or the first one, with the others held."""
        commands = [
            (Stage.sender, letter.mail),
            (Stage.recipient, letter.rcpt),
            (Stage.data, b"DATA\r\n"),
        ]
        if self._soiled:
            self._soiled = False
            commands.insert(0, (Stage.reset, b"RSET\r\n"))
        if not self._pipelines:
            self._held.extend(commands)
            return self._one()
        self._asked.extend(stage for stage, _ in commands)
        return b"".join([command for _, command in commands])

    def _one(self) -> bytes:
        stage, command = self._held.popleft()
        self._asked.append(stage)
        return command

    def _write(self, raw: bytes, behind_dot: int | None = None) -> None:
        # Everything before has been answered, hence written.
        self._out, self._behind_dot = memoryview(raw), behind_dot
        self.write()

    def _hear(self, batch: Batch, at_s: float) -> None:
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._said.append(line[4:].strip())
            if line[3:4] != b"-":
                words, self._said = b"\n".join(self._said), []
                self.until_s = at_s + self._timeout_s  # not for each byte: it might drip
                self._answer(_code(line), words, batch, at_s)
        if len(self._heard) + sum(map(len, self._said)) > _ANSWER_BYTES_MAX:
            raise ConnectionError("an answer that does not end")

    def _answer(self, code: int, words: bytes, batch: Batch, at_s: float) -> None:
        if self.front is None or not self._asked:
            raise ConnectionError(f"{code} {readable(words)}, though nothing was asked")
        stage = self._asked.popleft()
        if stage is Stage.content:
            self._end(self.front, code, words, batch, at_s)
            return
        if code not in _GO_ON[stage]:
            self._refuse(stage, code, words)
        elif stage is Stage.data:
            if self._refused is not None:
                # It wants a message that is for nobody. Without its dot there is none.
                raise ConnectionError("DATA was allowed after a refusal")
            self._content(self.front, batch)
            return
        if self._refused is None:
            if self._held:
                self._write(self._one())
        elif not self._asked:
            self._soiled = True
            self._next(self.front, self._refused, batch, at_s)

    def _refuse(self, stage: Stage, code: int, words: bytes) -> None:
        self._held.clear()
        if stage is Stage.reset:
            raise ConnectionError(f"RSET: {code} {readable(words)}")
        if self._refused is not None:
            return  # that DATA is refused as well only follows
        if code == 421:
            self._closing = refusal(stage, code, words)
            raise ConnectionError(f"{code} {readable(words)}")
        self._refused = refusal(stage, code, words)
        if self._pipelines and not 200 <= code < 600:
            raise ConnectionError("no answer to go by")  # who knows what the next ones belong to

    def _content(self, front: Letter, batch: Batch) -> None:
        """The message with its dot, and the commands of the next one behind it."""
        if batch.over():
            raise TimeoutError
        self._asked.append(Stage.content)
        behind = b""
        if self._pipelines:
            self._ahead = batch.next()
            behind = b"" if self._ahead is None else self._commands(self._ahead)
        self._write(front.content + behind, len(behind))

    def _end(self, front: Letter, code: int, words: bytes, batch: Batch, at_s: float) -> None:
        # A server may say 421 at any moment, not in answer to what was asked.
        if code == 421 or not (200 <= code < 300 or 400 <= code < 600):
            raise ConnectionError(f"{code} {readable(words)}")
        taken = code < 300
        outcome = Accepted(front.ref) if taken else refusal(Stage.content, code, words)
        self._behind_dot = None
        self._next(front, outcome, batch, at_s)

    def _next(self, front: Letter, outcome: Outcome, batch: Batch, at_s: float) -> None:
        batch.told(front, outcome)
        self._refused = None
        self.kept = True
        self.begin(batch, at_s)


def _code(line: bytes) -> int:
    """-1 for what is no code."""
    try:
        return int(line[:3])
    except ValueError:
        return -1
