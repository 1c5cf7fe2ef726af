"""Messages as files in a folder: to look at, to rehearse with, and to test against.

An e-mail becomes `.eml` (any mail program opens it), `.html` and `.txt`; other kinds `.txt`.
`outbox.jsonl` has one line for every accepted attempt. That line *is* the acceptance: it is
written after the files, and `find` believes nothing else. A line torn by a crash was never
accepted; it stays in the file, spoilt so that it can never be read as a whole one.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

import msgspec

from channels import mime
from channels.contract import (
    KINDS,
    Accepted,
    Attempt,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Finding,
    Found,
    Item,
    Level,
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)

LOG = "outbox.jsonl"
_RETRY_AFTER_S = 60.0
_TORN = b"#torn\n"
_SAFE_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9@+._-]", re.ASCII)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
_encode = msgspec.json.encode


class OutboxSettings(ChannelSettings):
    """`folder` is made when it is missing; without `files` only the log is written."""

    folder: Path
    files: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted attempt, as the log has it. `file` is the path without its ending."""

    message_id: str
    attempt_id: str
    stable_id: str
    kind: str
    address: str
    subject: str | None
    text: str
    at: datetime
    file: str | None


class OutboxChannel(Channel[OutboxSettings]):
    """Takes every kind. Several processes may write into one folder."""

    name = "outbox"
    Settings = OutboxSettings
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        parts=MappingProxyType({kind.name: frozenset(kind.parts) for kind in KINDS.values()}),
        batch_size_max=1_000,
        rate_per_s=None,
        idempotency=None,
        search=True,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=None,
    )

    def __init__(self, settings: OutboxSettings) -> None:
        super().__init__(settings)
        self._log: int | None = None
        self._days: set[str] = set()
        self._seen: set[str] = set()
        self._read_to = 0

    def close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None
        self._days.clear()

    def prepare(self, item: Item) -> Prepared | Unsupported:
        return self._fault(item) or Prepared(
            item, size_of(item), segments=1, cost=None, currency=None
        )

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end = monotonic() + deadline_s
        if not items:
            return []
        stamp = now.isoformat()
        outcomes: list[Outcome] = []
        lines: list[bytes] = []
        logged: list[int] = []
        for item in items:
            written = self._put(item, now, end)
            if isinstance(written, Rejected | Deferred):
                outcomes.append(written)
                continue
            logged.append(len(outcomes))
            lines.append(_line(item, stamp, written))
            outcomes.append(Accepted(f"outbox:{item.attempt_id}"))
        taken, why = self._append(lines, end)
        for index in logged[taken:]:
            outcomes[index] = Deferred(_RETRY_AFTER_S, why)
        return outcomes

    def find(self, attempt: Attempt) -> Found:
        """Exact: reads what was added to the log since the last call."""
        try:
            with (self.settings.folder / LOG).open("rb") as log:
                log.seek(self._read_to)
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    self._read_to += len(line)
                    record = _parse(line)
                    if record is not None:
                        self._seen.add(record["attempt_id"])
        except FileNotFoundError:
            return NotFound()
        except OSError as error:
            return Unknown(f"the log cannot be read: {error}")
        if attempt.attempt_id in self._seen:
            return Accepted(f"outbox:{attempt.attempt_id}")
        return NotFound()

    def check(self) -> list[Finding]:
        folder = self.settings.folder
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            return [Finding(Level.good, f"messages go to {folder}")]
        fix = "choose another folder, or change its permissions"
        return [Finding(Level.error, f"{folder} cannot be written", fix)]

    def _put(self, item: Item, now: datetime, end: float) -> str | Rejected | Deferred:
        """The path of the files without an ending, empty when none are wanted."""
        if monotonic() >= end:
            return Deferred(0.0, "not written before the deadline")
        fault = self._fault(item)
        if fault is not None:
            return Rejected(Reason.unsupported, f"{fault.what}: {fault.fix}")
        return self._files(item, now) if self.settings.files else ""

    def _files(self, item: Item, now: datetime) -> str | Rejected | Deferred:
        try:
            stem = f"{self._day(now)}/{now:%H-%M-%S}_{_safe_name(item)}"
            path = f"{self.settings.folder}/{stem}"
            if item.kind == "email":
                built = mime.build(item, now)
                if isinstance(built, Unsupported):
                    return Rejected(Reason.unsupported, f"{built.what}: {built.fix}")
                _write(path + ".eml", built)
            if item.html:
                _write(path + ".html", item.html.encode())
            _write(path + ".txt", _as_text(item).encode())
        except OSError as error:
            return Deferred(_RETRY_AFTER_S, f"{self.settings.folder}: {error}")
        return stem

    def _fault(self, item: Item) -> Unsupported | None:
        fault = self.cannot_carry(item)
        if fault is None and item.kind == "email":
            fault = mime.problem(item)
        return fault

    def _day(self, now: datetime) -> str:
        day = f"{now:%Y-%m-%d}"
        if day not in self._days:
            (self.settings.folder / day).mkdir(parents=True, exist_ok=True)
            self._days.add(day)
        return day

    def _append(self, lines: Sequence[bytes], end: float) -> tuple[int, str]:
        """How many of the lines are wholly in the log, and why not all."""
        if not lines:
            return 0, ""
        # One write, so that lines of several processes never mix.
        whole = b"".join(lines)
        try:
            log = self._opened_log()
            if monotonic() >= end:
                return 0, "not recorded before the deadline"
            size = os.write(log, whole)
        except OSError as error:
            return 0, f"{self.settings.folder}: {error}"
        if size == len(whole):
            return len(lines), ""
        self.close()  # the next open spoils the torn line
        return whole[:size].count(b"\n"), f"{self.settings.folder}: the disk is full"

    def _opened_log(self) -> int:
        if self._log is None:
            self.settings.folder.mkdir(parents=True, exist_ok=True)
            path = self.settings.folder / LOG
            log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(log).st_size
            if size and os.pread(log, 1, size - 1) != b"\n":
                os.write(log, _TORN)
            self._log = log
        return self._log


def read_log(folder: Path) -> Iterator[Record]:
    """Everything that was accepted, in order: the oracle of the tests."""
    path = folder / LOG
    if not path.exists():
        return
    with path.open("rb") as log:
        for line in log:
            values = _parse(line)
            if values is not None:
                yield Record(**{**values, "at": datetime.fromisoformat(values["at"])})


def _line(item: Item, stamp: str, file: str) -> bytes:
    values = {
        "message_id": item.message_id,
        "attempt_id": item.attempt_id,
        "stable_id": item.stable_id,
        "kind": item.kind,
        "address": item.address,
        "subject": item.subject,
        "text": item.text,
        "at": stamp,
        "file": file or None,
    }
    return _encode(values) + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """One line's values; None for one that was torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _safe_name(item: Item) -> str:
    """Readable, of safe characters, never longer than a file name may be, one per attempt."""
    address = _UNSAFE.sub("_", item.address)
    attempt = item.attempt_id
    if not _SAFE_NAME.fullmatch(attempt):
        attempt = blake2b(attempt.encode(errors="surrogatepass"), digest_size=10).hexdigest()
    return f"{item.kind}_{address[:60]}_{attempt}"


def _as_text(item: Item) -> str:
    head = f"To: {item.address}\nFrom: {item.sender.name} <{item.sender.address}>\n"
    if item.subject:
        head += f"Subject: {item.subject}\n"
    return f"{head}\n{item.text}\n"


def _write(path: str, content: bytes) -> None:
    file = os.open(path, _CREATE, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
