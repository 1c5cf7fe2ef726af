"""The pace that all workers share: never more than its burst and what time has brought, and never
a stop."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

import pytest
import redis as client

from orchestrator.entry.queue.pace import ASK_AGAIN_S, RedisPace
from orchestrator.flow.pace import BURST_S
from tests.servers import Redis, redis

ACCOUNT = "email through recording"
WORKERS = 10


_made: list[RedisPace] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Nobody keeps a connection."""
    yield
    while _made:
        _made.pop().close()


def pace(url: str, **options: float) -> RedisPace:
    """One worker's."""
    made = RedisPace(url, workers_max=WORKERS, **options)
    made.deployment = "d"
    _made.append(made)
    return made


@contextmanager
def clock_of(url: str) -> Iterator[list[float]]:
    """How long it took, by Redis's own clock."""
    took: list[float] = []
    with client.Redis.from_url(url) as connection:
        seconds, micros = connection.time()
        yield took
        later, micros_later = connection.time()
    took.append(later - seconds + (micros_later - micros) / 1e6)


def test_one_begins_and_the_rest_comes_with_time(redis_url: str) -> None:
    one = pace(redis_url)
    rate = 200.0
    with clock_of(redis_url) as took:
        assert one.take(ACCOUNT, 500, rate, 0.0) == 1
        granted = 1
        while granted < 100:
            granted += one.take(ACCOUNT, 500, rate, 0.0)
    assert (granted - 1) <= rate * took[0] < 99 + rate * BURST_S


@pytest.mark.parametrize("seed", range(5))
def test_never_more_than_a_burst_and_what_time_brought(redis_url: str, seed: int) -> None:
    dice, one = Random(seed), pace(redis_url)
    rate = dice.choice([0.01, 3.0, 500.0, 40_000.0])
    most = max(rate * BURST_S, 1.0)
    held = 0
    with clock_of(redis_url) as took:
        for _ in range(300):
            if held and dice.random() < 0.3:
                back = dice.randint(1, held)
                one.give_back(ACCOUNT, back)
                held -= back
            else:
                granted = one.take(ACCOUNT, dice.randint(1, 500), rate, 0.0)
                assert 0 <= granted <= most
                held += granted
    assert held <= 1 + rate * took[0]


def test_workers_keep_it_together(redis_url: str) -> None:
    rate = 1_000.0

    def work(_: int) -> int:
        one = pace(redis_url)
        return sum(one.take(ACCOUNT, 7, rate, 0.0) for _ in range(200))

    with clock_of(redis_url) as took, ThreadPoolExecutor(4) as pool:
        granted = sum(pool.map(work, range(4)))
    # They want far more than there is: all of it is used, and not one more.
    assert rate * min(took[0], BURST_S) * 0.5 < granted <= 1 + rate * took[0]


def test_what_was_not_used_is_kept_no_longer_than_the_burst(redis_url: str) -> None:
    one = pace(redis_url)
    one.take(ACCOUNT, 1, 50.0, 0.0)
    one.give_back(ACCOUNT, 1_000)
    assert one.take(ACCOUNT, 1_000, 50.0, 0.0) == 50


def test_accounts_and_deployments_do_not_share(redis_url: str) -> None:
    one, other = pace(redis_url), pace(redis_url)
    other.deployment = "another"
    taken = [one.take(name, 5, 0.001, 0.0) for name in ("a", "b", "a")]
    assert [*taken, other.take("a", 5, 0.001, 0.0)] == [1, 1, 0, 1]


def test_what_nobody_uses_is_forgotten(redis_url: str) -> None:
    pace(redis_url).take(ACCOUNT, 1, 2.0, 0.0)
    with client.Redis.from_url(redis_url) as connection:
        (key,) = connection.keys("tactful:pace:*")
        assert 0 < connection.ttl(key) <= 62


def test_emptied_it_grants_no_second_burst(redis_url: str) -> None:
    one = pace(redis_url)
    one.take(ACCOUNT, 1, 100.0, 0.0)
    one.give_back(ACCOUNT, 100)
    assert one.take(ACCOUNT, 500, 100.0, 0.0) == 100
    with client.Redis.from_url(redis_url) as connection:
        connection.flushdb()
    assert one.take(ACCOUNT, 500, 100.0, 0.0) <= 1


def test_a_pace_of_nothing(redis_url: str) -> None:
    assert pace(redis_url).take(ACCOUNT, 5, 0.0, 0.0) == 0


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that may be killed."""
    with redis() as server:
        yield server


def test_without_redis_all_workers_together_stay_below_the_pace(own_redis: Redis) -> None:
    rate, seconds = 50.0, 20
    workers = [pace(own_redis.url) for _ in range(WORKERS)]
    assert sum(one.take(ACCOUNT, 500, rate, 0.0) for one in workers) >= 1
    own_redis.kill()
    granted = 0
    for tenths in range(seconds * 10):
        granted += sum(one.take(ACCOUNT, 500, rate, tenths / 10) for one in workers)
    # No burst at the beginning, no stop: what time has brought, up to a message each.
    assert rate * seconds - 3 * WORKERS < granted <= rate * seconds


def test_redis_is_asked_again_and_everyone_shares_anew(own_redis: Redis) -> None:
    one = pace(own_redis.url)
    assert one.take(ACCOUNT, 5, 1.0, 0.0) == 1
    own_redis.kill()
    assert one.take(ACCOUNT, 5, 1.0, 10.0) == 0
    assert one.take(ACCOUNT, 5, 1.0, 20.0) == 1  # a tenth of the pace, for ten seconds
    own_redis.start()
    assert one.take(ACCOUNT, 5, 1.0, 20.0 + ASK_AGAIN_S / 2) == 0  # not asked yet
    one.give_back(ACCOUNT, 1)  # what a worker granted itself is no token of all
    assert one.take(ACCOUNT, 5, 1.0, 20.0 + ASK_AGAIN_S) == 1  # the first of a new bucket
    assert one.take(ACCOUNT, 5, 0.001, 20.0 + ASK_AGAIN_S) == 0


def test_a_connection_that_was_cut_is_no_outage(own_redis: Redis) -> None:
    one = pace(own_redis.url)
    one.take(ACCOUNT, 5, 1.0, 0.0)
    own_redis.kill()
    own_redis.start()
    assert one.take(ACCOUNT, 5, 1.0, 0.1) == 1


def test_nobody_waits_for_a_redis_that_hangs(own_redis: Redis) -> None:
    one = pace(own_redis.url, timeout_s=0.2)
    one.take(ACCOUNT, 5, 1.0, 0.0)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        for at_s in (1.0, 2.0, 3.0):
            one.take(ACCOUNT, 5, 1.0, at_s)
        assert time.monotonic() - begun < 2.0
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
