"""A provider on the baton's clock: what it took, and when, is what the oracle goes by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

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
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)
from tests.simulation.baton import Baton

_SEEN_AFTER = timedelta(seconds=90)


@dataclass(frozen=True)
class Written:
    """One message that the provider has taken. `at`: when its last byte left; `judged_at`: the
    instant for which the engine says that it might leave."""

    at: datetime
    judged_at: datetime
    provider: str
    item: Item


@dataclass(frozen=True)
class Temper:
    """How often, of one write, the provider does what."""

    loses: float = 0.0
    drops: float = 0.0
    defers: float = 0.0
    fails: float = 0.0
    refuses: float = 0.0
    limits: float = 0.0
    silent: float = 0.0
    """How often it does not say whether it has a message."""


CALM = Temper()
MOODY = Temper(0.08, 0.05, 0.05, 0.05, 0.03, 0.04, 0.3)
FIERCE = Temper(0.25, 0.1, 0.1, 0.1, 0.04, 0.05, 0.6)


@dataclass
class Provider:
    """What the provider has, whoever is writing to it."""

    baton: Baton
    temper: Temper
    kills: frozenset[str] = frozenset()
    """Whoever is made ready a message with these words dies of it."""
    written: list[Written] = field(default_factory=list)
    seen_at: dict[str, datetime] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """The attempts that were taken, and whose answer was lost."""

    def take(self, item: Item, name: str, judged_at: datetime) -> Outcome:
        """One write: whether the provider takes it, and what comes back."""
        chance, temper = self.baton.chance, self.temper
        drawn = chance.random()
        answers: tuple[tuple[float, Outcome], ...] = (
            (temper.drops, Unknown("dropped")),
            (temper.defers, Deferred(chance.choice([0.0, 60.0, 1800.0]), "busy")),
            (temper.fails, Rejected(Reason.provider_down, "down", retryable=True)),
            (temper.refuses, Rejected(chance.choice(_FINAL), "no")),
            (
                temper.limits,
                Rejected(Reason.rate_limited, "slow", retryable=True, retry_after_s=60.0),
            ),
        )
        for share, outcome in answers:
            if drawn < share:
                self.baton.tell(f"{outcome!r} for attempt {item.attempt_id}")
                return outcome
            drawn -= share
        self.baton.tell(f"{name} takes {item.text.partition('.')[0]!r}, {item.attempt_id}")
        self.written.append(Written(self.baton.now, judged_at, name, item))
        self.seen_at[item.attempt_id] = self.baton.now
        if drawn < temper.loses:
            self.seen_at[item.attempt_id] += _SEEN_AFTER * chance.random()
            self.lost.add(item.attempt_id)
            return Unknown("the answer was lost")
        return Accepted(f"{name}:{item.attempt_id}")

    def find(self, attempt: Attempt) -> Found:
        """As the provider tells: it has it, has it not, or cannot say yet."""
        if self.baton.chance.random() < self.temper.silent:
            return Unknown("silent")
        seen_at = self.seen_at.get(attempt.attempt_id)
        if seen_at is None:
            return NotFound()
        if seen_at > self.baton.now:
            return Unknown("its list is behind")
        return Accepted(f"found:{attempt.attempt_id}")


_FINAL = [Reason.other, Reason.content_refused, Reason.unsubscribed, Reason.bad_address]


class Line(Channel[ChannelSettings]):
    """One process's way to the provider."""

    name = "outbox"
    Settings = ChannelSettings
    capabilities = Capabilities(
        kinds=frozenset(KINDS),
        parts=MappingProxyType({kind.name: frozenset(kind.parts) for kind in KINDS.values()}),
        batch_size_max=3,
        rate_per_s=None,
        idempotency=None,
        search=True,
        callback=False,
        receipts=False,
        text_chars_max=None,
        body_bytes_max=None,
    )

    def __init__(self, provider: Provider, plugin: str = "outbox") -> None:
        super().__init__(ChannelSettings())
        self.provider, self.baton, self.plugin = provider, provider.baton, plugin

    def prepare(self, item: Item) -> Prepared | Unsupported:
        if any(words in item.text for words in self.provider.kills):
            self.baton.die("dies of a message")
        return Prepared(item, size_of(item), segments=1, cost=None, currency=None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        end_s = self.baton.monotonic() + deadline_s
        outcomes: list[Outcome] = []
        for item in items:
            self.baton.point("write")
            if self.baton.monotonic() > end_s:
                self.baton.tell(f"too late for {item.attempt_id}")
                outcomes.append(Deferred(0.0, "not written before the deadline"))
                continue
            outcomes.append(self.provider.take(item, self.plugin, now))
            self.baton.point("answer")
        return outcomes

    def find(self, attempt: Attempt) -> Found:
        self.baton.point("find")
        return self.provider.find(attempt)

    def check(self) -> list[Finding]:
        return []


class Blind(Line):
    """A provider that can never tell whether it has a message."""

    capabilities = Capabilities(
        **{
            **{name: getattr(Line.capabilities, name) for name in Line.capabilities.__slots__},
            "search": False,
        }
    )


def lines(provider: Provider) -> dict[str, Channel[Any]]:
    """A new process's channels, by the shop's names."""
    return {"email": Line(provider), "sms": Blind(provider, "sms_http")}
