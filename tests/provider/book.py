"""What the provider has accepted: in the log first, then in memory to be searched."""

import os
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec

from tests.provider.log import Acceptance, instant, read


@dataclass(slots=True)
class Draft:
    """A message that was heard whole, and not yet accepted."""

    over: str
    to: str
    stable_id: str = ""
    message_id: str = ""
    attempt_id: str = ""
    kind: str = ""
    subject: str = ""
    text: str = ""
    digested: bytes = b""
    """What the digest is made of."""
    now: str = ""
    key: str = ""
    """An Idempotency-Key."""
    callback: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    received_ns: int = field(default_factory=time_ns)

    @property
    def name(self) -> str:
        """What chance knows it by."""
        return self.attempt_id or self.message_id or self.stable_id or self.to


class Book:
    """One log, open for appending. Only the provider's own thread writes into it.

    `idempotent` answers a key that it has seen with the first message. A `counting` book writes
    down number, times and stable id, and can neither be searched nor asked for a message.
    """

    def __init__(self, path: Path, *, idempotent: bool = False, counting: bool = False) -> None:
        self.path = path
        self.counting = counting
        self._idempotent = idempotent
        self._encode = msgspec.json.Encoder().encode
        self._pending: list[bytes] = []
        self._by_ref: dict[str, Acceptance] = {}
        self._by_to: dict[str, list[Acceptance]] = defaultdict(list)
        self._keys: dict[str, str] = {}
        self._ahead = timedelta()
        self._changed = threading.Condition()
        self.count = 0
        for one in read(path):
            self._keep(one)
            self.count = one.seq
        self._written = self.count
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            # Torn by a kill: it was never answered, so it is taken back.
            os.truncate(self._file, path.read_bytes().rfind(b"\n") + 1)

    def close(self) -> None:
        """Write what is pending, and let go of the file."""
        self.flush()
        os.close(self._file)

    def hear(self, now: str) -> None:
        """A sender has told its time, which may be a virtual one. ValueError: it is no time."""
        if now:
            self._ahead = datetime.fromisoformat(now) - instant(time_ns())

    def accept(self, draft: Draft) -> str:
        """Take it, and give its reference. Nothing may be answered before `flush`."""
        if self._idempotent and draft.key in self._keys:
            return self._keys[draft.key]
        self.count += 1
        ref = f"rec{self.count}"
        if self.counting:
            one = Acceptance(self.count, draft.received_ns, time_ns(), draft.stable_id)
        else:
            one = Acceptance(
                self.count,
                draft.received_ns,
                time_ns(),
                draft.stable_id,
                draft.over,
                ref,
                draft.now,
                draft.to,
                draft.message_id,
                draft.attempt_id,
                draft.kind,
                draft.subject,
                draft.text,
                blake2b(draft.digested, digest_size=16).hexdigest(),
                draft.key,
                draft.metadata,
            )
            self._keep(one)
        self._pending.append(self._encode(one))
        return ref

    def count_one(self, received_ns: int, stable_id: bytes) -> None:
        """`accept` for a counting book, as quickly as it can be said; the id is plain ASCII."""
        self.count += 1
        self._pending.append(
            b'{"seq":%d,"received_ns":%d,"accepted_ns":%d,"stable_id":"%b"}'
            % (self.count, received_ns, received_ns, stable_id)
        )

    def flush(self) -> None:
        """One write for all that was accepted since the last."""
        if not self._pending:
            return
        self._pending.append(b"")
        raw = memoryview(b"\n".join(self._pending))
        self._pending.clear()
        while raw:
            raw = raw[os.write(self._file, raw) :]
        with self._changed:
            self._written = self.count
            self._changed.notify_all()

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """From another thread: until so many have been accepted in all, and are in the log."""
        with self._changed:
            return self._changed.wait_for(lambda: self._written >= count, timeout_s)

    def get(self, ref: str) -> Acceptance | None:
        """One message."""
        return self._by_ref.get(ref)

    def to(self, address: str, after: datetime | None) -> list[Acceptance]:
        """What was accepted for an address from an instant on, the oldest first."""
        return [
            one for one in self._by_to.get(address, ()) if after is None or created(one) >= after
        ]

    @property
    def now(self) -> datetime:
        """The provider's clock: it goes on from the time that a sender told last, if any did."""
        return instant(time_ns()) + self._ahead

    def _keep(self, one: Acceptance) -> None:
        if one.ref:
            self._by_ref[one.ref] = one
            self._by_to[one.to].append(one)
        if one.key:
            self._keys.setdefault(one.key, one.ref)


def created(one: Acceptance) -> datetime:
    """The creation time that the provider shows: told by the sender, else when it was accepted."""
    return datetime.fromisoformat(one.now) if one.now else instant(one.accepted_ns)
