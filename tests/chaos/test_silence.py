"""How long nothing was sent while something was due, and what stood in the way."""

from collections.abc import Mapping, Sequence

import pytest

from tests.chaos.diary import Diary, Fault
from tests.chaos.judge import judge
from tests.chaos.ledger import Ledger
from tests.chaos.looks import Look, Stored
from tests.chaos.silence import reason, silences, told
from tests.chaos.table import figures
from tests.provider.log import Acceptance, Log

DUE = Stored({"email": 3})
NOTHING = Stored({})
QUEUES: Mapping[str, int] = {"dispatch.email": 0}


def s(seconds: float) -> int:
    return int(seconds * 1e9)


def look(at_s: float, stored: Stored | None = DUE, **more: object) -> Look:
    plain = {"queues": QUEUES, "ready": ("worker-send",)}
    return Look(s(at_s), stored, **{**plain, **more})  # type: ignore[arg-type]


def spans(looks: Sequence[Look], *times: float) -> list[tuple[float, float]]:
    found = silences(looks, [s(at) for at in times], s(100))
    return [(one.from_ns / 1e9, one.to_ns / 1e9) for one in found]


def test_a_silence_lasts_while_something_is_due_and_nothing_is_taken() -> None:
    looks = [look(0, NOTHING), look(1), look(2), look(3), look(4, NOTHING), look(5), look(6)]
    assert spans(looks) == [(1, 4), (5, 6)]
    assert spans(looks, 2.5) == [(1, 2.5), (2.5, 4), (5, 6)]
    assert spans(looks, 0.5, 4.5) == [(1, 4), (5, 6)]


def test_while_the_database_is_away_what_was_due_is_due() -> None:
    looks = [look(0, None), look(1), look(2, None), look(3, None), look(4, NOTHING), look(5, None)]
    assert spans(looks) == [(1, 4)]


def test_what_a_pause_stops_is_not_due() -> None:
    paused = Stored({"email": 3}, paused=["provider recording"])
    assert spans([look(0, paused), look(1, paused), look(2)]) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (look(0, None), "the database is away"),
        (look(0, provider=False), "the provider is away"),
        (look(0, Stored({"email": 3}, open_s={"email": 4.0})), "breaker open"),
        (look(0, Stored({"email": 3}, half=["email"])), "breaker half open"),
        (look(0, ready=("worker-plan",)), "no sending worker is up yet"),
        (look(0, queues=None), "Redis is away"),
        (look(0, Stored({"email": 3}, waits_s=2.0)), "somebody waits for a lock"),
        (look(0, Stored({}, claimed=3)), "in somebody's hands"),
        (look(0, Stored({}, claimed=3), stopped=1), "in the hands of one who stands still"),
        (look(0, Stored({"email": 3}, no_credit=["email"])), "second attempts without credit"),
        (look(0, queues={"dispatch.email": 2}), "hints wait for a hand"),
        (look(0), "nobody was called, or all are at it"),
    ],
)
def test_what_stands_in_the_way(seen: Look, said: str) -> None:
    assert reason(seen, seen.stored or DUE) == said


def test_a_long_silence_is_told_with_its_reasons() -> None:
    looks = [look(0), look(8, provider=False), look(14), look(20, NOTHING), look(21)]
    lines = list(told(silences(looks, [], s(100)), s(-1), 15.0))
    why = "nobody was called, or all are at it 14.0 s, the provider is away 6.0 s"
    assert lines == [f"     1.0 s: silent for 20.0 s: {why}"]


def test_recovery_begins_when_the_disaster_ends_and_something_is_due() -> None:
    diary = Diary(
        faults=[Fault("kill redis", s(1), s(3)), Fault("kill child", s(11), s(11))],
        looks=[look(2), look(4), look(6, NOTHING), look(13, NOTHING), look(14), look(16)],
        calm_ns=s(20),
    )
    taken = [Acceptance(1, s(at), s(at), "a@b.c", message_id="1", kind="email") for at in (5, 15)]
    verdict = judge(7, diary, Ledger({}, {}), Log(tuple(taken)), [])
    assert verdict.recovery_s == {"kill redis": [2.0], "kill child": [2.0]}
    said = figures(verdict, diary)
    assert said["recovery_kill_redis_max_s"] == said["recovery_kill_child_p99_s"] == 2.0
    assert said["longest_silence_with_due_s"] == 3.0
