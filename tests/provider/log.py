"""The provider's log, and the questions that the tests ask it.

One JSON object a line, written before the answer, for every message that was accepted. A torn
last line, of a provider killed while writing, was never answered and does not count.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec


class Acceptance(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message that the provider has. A counting provider keeps the first fields alone."""

    seq: int
    """Counts from 1, without gaps, over restarts on the same log."""
    received_ns: int
    """Wall clock, since 1970: the message had been read whole."""
    accepted_ns: int
    """Later than `received_ns` only for a message that is accepted late."""
    stable_id: str = ""
    over: str = ""
    """`http` or `smtp`."""
    ref: str = ""
    """The provider's own name for the message."""
    now: str = ""
    """The sender's own time, which may be a virtual one: X-Now, or the Date of an e-mail."""
    to: str = ""
    message_id: str = ""
    attempt_id: str = ""
    kind: str = ""
    subject: str = ""
    text: str = ""
    """As it came; of an e-mail everything, headers and all."""
    digest: str = ""
    """Of subject, text and HTML; of an e-mail, of what follows the headers."""
    key: str = ""
    """The Idempotency-Key that came with it."""
    metadata: dict[str, Any] = {}
    """What the sender wrote there – campaign, occasion, step – untouched."""

    @property
    def at(self) -> datetime:
        """When it was sent: by the sender's time where there is one, else by the wall clock."""
        if self.now:
            return datetime.fromisoformat(self.now)
        return instant(self.received_ns)


def instant(ns: int) -> datetime:
    """Nanoseconds since 1970 as an instant, cut to microseconds."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC) + timedelta(
        microseconds=ns % 1_000_000_000 // 1_000
    )


When = Callable[[Acceptance], datetime]


def sent_at(one: Acceptance) -> datetime:
    """By the sender's time, else by the provider's."""
    return one.at


def received_at(one: Acceptance) -> datetime:
    """By the provider's wall clock, whatever the sender says."""
    return instant(one.received_ns)


@dataclass(frozen=True)
class Log:
    """Everything that was accepted, in order."""

    acceptances: tuple[Acceptance, ...]

    def __len__(self) -> int:
        return len(self.acceptances)

    def __iter__(self) -> Iterator[Acceptance]:
        return iter(self.acceptances)

    @cached_property
    def by_message(self) -> Mapping[str, Sequence[Acceptance]]:
        """By message id."""
        return grouped(self.acceptances, lambda one: one.message_id)

    @cached_property
    def by_stable_id(self) -> Mapping[str, Sequence[Acceptance]]:
        """By the name that is the same over all attempts; over SMTP the only one."""
        return grouped(self.acceptances, lambda one: one.stable_id)

    @cached_property
    def by_recipient(self) -> Mapping[str, Sequence[Acceptance]]:
        """By address."""
        return grouped(self.acceptances, lambda one: one.to)

    @property
    def doubled(self) -> Mapping[str, Sequence[Acceptance]]:
        """Stable ids that were accepted more than once. Nameless messages are not counted."""
        return {name: those for name, those in self.by_stable_id.items() if name and len(those) > 1}

    def times(self, when: When = sent_at) -> Mapping[str, Sequence[datetime]]:
        """For each recipient, when something was sent, sorted."""
        return {to: sorted(map(when, those)) for to, those in self.by_recipient.items()}

    def most_within(self, window: timedelta, when: When = sent_at) -> Mapping[str, int]:
        """For each recipient, the most that any window of this length holds, its end left out."""
        return {to: densest(times, window) for to, times in self.times(when).items()}

    def inside(
        self,
        intervals: Mapping[str, Iterable[tuple[datetime, datetime | None]]],
        when: When = sent_at,
    ) -> list[Acceptance]:
        """What was sent to a recipient within one of the recipient's intervals.

        `[from, until)`, and until None for ever: quiet hours, a time without consent, a pause."""
        spans = {to: list(those) for to, those in intervals.items()}
        return [
            one
            for one in self
            for start, end in spans.get(one.to, ())
            if start <= when(one) and (end is None or when(one) < end)
        ]

    def in_local_hours(
        self, zones: Mapping[str, str], start: time, end: time, when: When = sent_at
    ) -> list[Acceptance]:
        """What was sent while it was `[start, end)` where the recipient lives, past midnight too.

        A recipient without a zone is not looked at."""
        return [
            one
            for one in self
            if one.to in zones
            and _between(when(one).astimezone(ZoneInfo(zones[one.to])).time(), start, end)
        ]


def read(path: Path) -> Log:
    """The log as it stands. A file that is not there yet is an empty one."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Log(())
    decode = msgspec.json.Decoder(Acceptance).decode
    whole = raw[: raw.rfind(b"\n") + 1]
    return Log(tuple(map(decode, whole.splitlines())))


def grouped(
    those: Iterable[Acceptance], key: Callable[[Acceptance], str]
) -> dict[str, list[Acceptance]]:
    """By key, each group in the order of the log."""
    groups: dict[str, list[Acceptance]] = defaultdict(list)
    for one in those:
        groups[key(one)].append(one)
    return dict(groups)


def densest(times: Sequence[datetime], window: timedelta) -> int:
    """The most of the sorted times that lie less than a window apart from the first of them."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _between(local: time, start: time, end: time) -> bool:
    return start <= local < end if start < end else local >= start or local < end
