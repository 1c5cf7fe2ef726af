"""The pace of provider accounts, kept in Redis for all workers together.

An account has a bucket of tokens, one a message, which fills at the account's rate and holds what
comes in `BURST_S`. Redis counts and Redis's clock fills: no worker's own clock matters. A bucket
that is new – the first of all, or after Redis was emptied – holds one token, lest what has just
been spent be granted once more.

Where Redis does not answer, each worker goes on with a careful share of the rate, which begins with
nothing: slower, but never a stop, and never a flood.
"""

from contextlib import suppress

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from orchestrator.entry.logs import get_logger
from orchestrator.flow.pace import BURST_S, LocalPace

TIMEOUT_S = 0.5
"""For an answer. Sending waits for it, so it is short."""

ASK_AGAIN_S = 5.0
"""So long after Redis did not answer, it is asked again."""

_ALL = 2**31

_BUCKET = """
local function now_s()
    local at = redis.call('TIME')
    return at[1] + at[2] / 1000000
end

local function filled(key, rate, most)
    local bucket = redis.call('HMGET', key, 'tokens', 'at_s')
    local at_s = now_s()
    if not bucket[1] then return 1, at_s end
    local gained = math.max(at_s - bucket[2], 0) * rate
    return math.min(bucket[1] + gained, most), at_s
end

local function keep(key, rate, most, tokens, at_s)
    redis.call('HSET', key, 'tokens', string.format('%.17g', tokens),
               'at_s', string.format('%.17g', at_s))
    redis.call('PEXPIRE', key, math.ceil((most / rate) * 2000 + 60000))
end
"""

_TAKE = (
    _BUCKET
    + """
local rate, most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens, at_s = filled(KEYS[1], rate, most)
local granted = math.min(wanted, math.floor(tokens))
keep(KEYS[1], rate, most, tokens - granted, at_s)
return granted
"""
)

_GIVE_BACK = (
    _BUCKET
    + """
local rate, most, number = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local tokens, at_s = filled(KEYS[1], rate, most)
keep(KEYS[1], rate, most, math.min(tokens + number, most), at_s)
return number
"""
)


class RedisPace:
    """Grants messages over all workers of a deployment. Not to be carried over a fork."""

    def __init__(self, url: str, *, workers_max: int, timeout_s: float = TIMEOUT_S) -> None:
        """`workers_max`: so many processes, at most, share the rate while Redis is away."""
        self.deployment = ""
        """Whose accounts they are: set it once it is known, and before anything is taken."""
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # what nobody heard of may have been done
        )
        self._take = self._redis.register_script(_TAKE)
        self._give_back = self._redis.register_script(_GIVE_BACK)
        self._share = 1 / workers_max
        self._careful: LocalPace | None = None
        """While Redis is away; `_begun`: the accounts that it knows."""
        self._begun: set[str] = set()
        self._ask_at_s = 0.0
        self._rates: dict[str, float] = {}
        """Of the accounts whose last grant was Redis's."""

    def take(self, account: str, wanted: int, rate_per_s: float, at_s: float) -> int:
        """So many of `wanted` may leave now."""
        if rate_per_s <= 0:
            return 0
        if self._careful is None or at_s >= self._ask_at_s:
            granted = self._granted(account, rate_per_s, wanted, at_s)
            if granted is not None:
                self._rates[account] = rate_per_s
                return granted
        self._rates.pop(account, None)
        return self._take_carefully(account, wanted, rate_per_s, at_s)

    def give_back(self, account: str, number: int) -> None:
        """These were granted and not sent. Who granted them gets them back, or nobody does."""
        rate_per_s = self._rates.get(account)
        if rate_per_s is None:
            if self._careful is not None:
                self._careful.give_back(account, number)
            return
        with suppress(RedisError):  # the pace is a little slower then, and the next one will tell
            self._ask(self._give_back, account, rate_per_s, number)

    def close(self) -> None:
        """Let go of the connections."""
        self._redis.close()

    def _ask(self, script: Script, account: str, rate_per_s: float, number: int) -> int:
        most = max(rate_per_s * BURST_S, 1.0)
        key = f"tactful:pace:{self.deployment}:{account}"
        return int(script(keys=[key], args=[rate_per_s, most, number]))

    def _granted(self, account: str, rate_per_s: float, wanted: int, at_s: float) -> int | None:
        """What Redis grants; None where it is away."""
        try:
            try:
                granted = self._ask(self._take, account, rate_per_s, wanted)
            except NoConnection:
                if self._careful is not None:
                    raise
                # One that was cut long ago shows it only now. A grant that was lost is lost.
                granted = self._ask(self._take, account, rate_per_s, wanted)
        except RedisError as error:
            self._goes(error, at_s)
            return None
        self._comes()
        return granted

    def _goes(self, error: RedisError, at_s: float) -> None:
        self._ask_at_s = at_s + ASK_AGAIN_S
        if self._careful is None:
            self._careful = LocalPace(self._share)
            self._begun.clear()
            get_logger("tactful.pace").warning(
                "redis is away: sending at a share of the pace",
                share=self._share,
                why=f"{type(error).__name__}: {error}",
            )

    def _comes(self) -> None:
        if self._careful is not None:
            self._careful = None
            get_logger("tactful.pace").info("redis is back: sending at the pace of all")

    def _take_carefully(self, account: str, wanted: int, rate_per_s: float, at_s: float) -> int:
        assert self._careful is not None  # who asked has just found it so
        if account not in self._begun:
            self._begun.add(account)
            self._careful.take(account, _ALL, rate_per_s, at_s)  # it begins with nothing
            return 0
        return self._careful.take(account, wanted, rate_per_s, at_s)
