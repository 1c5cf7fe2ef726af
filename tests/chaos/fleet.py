"""The processes of a trial: kept running as a supervisor would, and ended for certain.

Each is the leader of a process group of its own. Who leaves orphans behind is cleaned up after
before it is started again. A guard, which notices when this process is gone however that came,
ends them all.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from tests.servers.patience import until

ROOT = Path(__file__).parents[2]
_LOOK_S = 0.05
ORPHANS_S = 1.0
"""So long children of a process that was killed go on, until the supervisor ends them."""

_GUARD = 'while read -r line; do groups=$line; done; [ -z "$groups" ] || kill -s KILL -- $groups'
"""`kill -9 -- -1234` ends nothing in dash: it takes the dashes for a number."""


@dataclass
class Hand:
    """One process, by name. Its output goes to `name.log`."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    gone_s: float | None = None
    """When it was found dead."""
    starts: int = 0
    read: int = 0
    """So much of its log was read, or written before it was started."""
    ready: bool = False

    @property
    def pid(self) -> int:
        """Its number, which is its group's as well."""
        assert self.process is not None
        return self.process.pid

    def ended(self) -> bool:
        """Whether it has ended; its number stays its own until it was waited for."""
        if self.process is None:
            return True
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, how) is not None

    def is_ready(self, folder: Path) -> bool:
        """Whether it has said so since it was started."""
        with suppress(FileNotFoundError), (folder / f"{self.name}.log").open("rb") as log:
            log.seek(self.read)
            new = log.read()
            self.read += len(new)
            self.ready = self.ready or b" ready." in new
        return self.ready

    def children(self) -> list[int]:
        """Its children that are alive."""
        found: list[int] = []
        with suppress(OSError):
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return [pid for pid in found if state(pid) not in ("Z", "")]


def state(pid: int) -> str:
    """One letter, as the kernel tells it: Z where nobody has asked yet how it ended; "" if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@dataclass
class Fleet:
    """Starts hands, and starts them again. Use it as a context manager."""

    folder: Path
    env: Mapping[str, str]
    restarted: Callable[[str], None] = lambda name: None
    _hands: dict[str, Hand] = field(default_factory=dict)
    _turn: RLock = field(default_factory=RLock)
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD], stdin=subprocess.PIPE, start_new_session=True
        )
        self._thread = Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        for hand in self._hands.values():
            self._end(hand)
        self._hands.clear()
        self._tell_guard()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()

    def add(self, name: str, *command: str) -> Hand:
        """Start one more."""
        with self._turn:
            hand = self._hands[name] = Hand(name, command)
            self._start(hand)
        return hand

    def of(self, prefix: str) -> list[Hand]:
        """Those whose names begin so, and that are running."""
        with self._turn:
            return [
                hand
                for name, hand in self._hands.items()
                if name.startswith(prefix) and not hand.ended()
            ]

    def ready(self, prefix: str) -> list[str]:
        """Those whose names begin so, and that take hints."""
        with self._turn:
            return [hand.name for hand in self.of(prefix) if hand.is_ready(self.folder)]

    def log(self, name: str) -> str:
        """What one has said."""
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def tell(self, hand: Hand, how: signal.Signals) -> bool:
        """To the process itself; no if it has ended already."""
        with self._turn:
            if hand.ended():
                return False
            os.kill(hand.pid, how)
            return True

    def tell_child(self, hand: Hand, pid: int, how: signal.Signals) -> bool:
        """To one of its children; no if it is that no more."""
        with self._turn:
            if hand.ended() or pid not in hand.children():
                return False
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            return True

    def retire(self, prefix: str, patience_s: float) -> bool:
        """Ask some to end, and let them; whether all did before patience ended."""
        with self._turn:
            leaving = [
                self._hands.pop(name) for name in list(self._hands) if name.startswith(prefix)
            ]
        for hand in leaving:
            if not hand.ended():
                os.kill(hand.pid, signal.SIGTERM)
        done = until(lambda: all(hand.ended() for hand in leaving), patience_s)
        for hand in leaving:
            self._end(hand)
        self._tell_guard()
        return done

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            with self._turn:
                for hand in self._hands.values():
                    if not hand.ended():
                        continue
                    hand.gone_s = hand.gone_s or monotonic()
                    if monotonic() >= hand.gone_s + ORPHANS_S:
                        self._end(hand)
                        self._start(hand)
                        self.restarted(hand.name)

    def _start(self, hand: Hand) -> None:
        with (self.folder / f"{hand.name}.log").open("ab") as log:
            hand.read, hand.ready = log.seek(0, os.SEEK_END), False
            hand.process = subprocess.Popen(
                hand.command,
                cwd=ROOT,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        hand.gone_s = None
        hand.starts += 1
        self._tell_guard()

    def _end(self, hand: Hand) -> None:
        """The whole group, while its number cannot be anybody else's."""
        if hand.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(hand.pid, signal.SIGKILL)
        hand.process.wait()
        hand.process = None

    def _tell_guard(self) -> None:
        groups = [f"-{hand.pid}" for hand in self._hands.values() if hand.process is not None]
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{' '.join(groups)}\n".encode())
        self._guard.stdin.flush()
