"""The breaker of one provider account: when it is left alone, and how often it may be tried again.

    closed ──(failures in a row)──> open ──(time passes)──> half open ──(one success)──> closed
                                     ^                          │
                                     └────────(a failure)───────┘

Closed, everything is sent. Open, nothing is. Half open, one message at a time goes first to see.
Besides, only so many *second* attempts may leave as first ones have earned, and time: a provider in
trouble is not hit harder for it, and nothing waits for ever because little else is sent. A refusal
of one message is no failure of the provider.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES_MAX = 5
"""So many failures in a row open the breaker."""

OPEN_FOR = timedelta(seconds=5)
LOCKED_FOR = timedelta(seconds=30)
OPEN_FOR_MAX = timedelta(minutes=10)
"""It stays open for as long as `OPEN_FOR`, twice that the next time, and so on up to this: so a
provider that is started anew is back within seconds, and one that is away for hours is asked once
in ten minutes. One that refuses our login is left alone for `LOCKED_FOR` at first: who knocks again
and again may be locked out."""

RETRY_SHARE = 0.1
"""Every first attempt earns a tenth of a second one."""

RETRIES_PER_S = 1.0
"""So many second attempts does time alone earn."""

CREDIT_MAX = 100.0
CREDIT_AT_FIRST = 10.0
"""Second attempts that may leave before any first one has earned them."""


class Sign(StrEnum):
    """What one outcome says of the provider, not of the message."""

    WORKS = "works"
    FAILS = "fails"
    LOCKED = "locked"  # our login is refused: everything will fail


@dataclass(frozen=True, slots=True)
class Breaker:
    """How one provider account stands. A new one is closed."""

    failures: int = 0
    trips: int = 0
    open_until: datetime | None = None
    credit: float = CREDIT_AT_FIRST
    at: datetime | None = None
    """When the credit was reckoned; None where nothing was tried yet."""

    def most(self, now: datetime) -> int | None:
        """How many messages may leave at once: 0 while open, 1 half open, None for any number."""
        if self.open_until is not None and now < self.open_until:
            return 0
        return 1 if self.trips else None

    def retries(self, now: datetime) -> int:
        """How many second attempts may leave."""
        return int(self._credit(now))

    def may_retry(self, now: datetime) -> bool:
        """Whether any may."""
        return self.retries(now) > 0

    def waits(self, until: datetime) -> "Breaker":
        """As the provider asks: nothing before `until`. That is no failure."""
        later = until if self.open_until is None else max(until, self.open_until)
        return replace(self, open_until=later)

    def saw(self, sign: Sign, now: datetime) -> "Breaker":
        """After one more outcome."""
        if sign is Sign.WORKS:
            if not self.failures and not self.trips and self.open_until is None:
                return self
            still = self.open_until if self.open_until and self.open_until > now else None
            return replace(self, failures=0, trips=0, open_until=None if self.trips else still)
        failures = self.failures + 1
        if failures < FAILURES_MAX and not self.trips and sign is not Sign.LOCKED:
            return replace(self, failures=failures)
        if self.open_until is not None and now < self.open_until:
            return replace(self, failures=failures)  # what was on its way when it opened
        first = LOCKED_FOR if sign is Sign.LOCKED else OPEN_FOR
        open_for = min(first * 2 ** min(self.trips, 10), OPEN_FOR_MAX)
        return replace(self, failures=failures, trips=self.trips + 1, open_until=now + open_for)

    def tried(self, first: int, again: int, now: datetime) -> "Breaker":
        """After so many first and second attempts. With nothing to spend or to earn, as before."""
        credit = self._credit(now)
        if not again and credit >= CREDIT_MAX:
            return self
        earned = min(credit + first * RETRY_SHARE, CREDIT_MAX)
        # A clock that goes back earns nothing twice.
        at = now if self.at is None else max(now, self.at)
        return replace(self, credit=max(earned - again, 0.0), at=at)

    def state(self, now: datetime) -> str:
        """`closed`, `open` or `half open`, for people."""
        match self.most(now):
            case 0:
                return "open"
            case None:
                return "closed"
            case _:
                return "half open"

    def _credit(self, now: datetime) -> float:
        if self.at is None:
            return self.credit
        passed_s = max((now - self.at).total_seconds(), 0.0)
        return min(self.credit + passed_s * RETRIES_PER_S, CREDIT_MAX)
