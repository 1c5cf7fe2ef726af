"""Answers that are found aside: one at a time, and kept for as long as they were dear."""

from collections.abc import Callable, Iterator
from itertools import count
from threading import Event, Lock

import pytest

from orchestrator.entry.kept import Kept

HOUR_S = 3600.0


@pytest.fixture
def gate() -> Iterator[Event]:
    """Shut until a test opens it; open at the end, so that no thread stays."""
    gate = Event()
    yield gate
    gate.set()


def numbers(gate: Event | None = None) -> Callable[[], int]:
    """One, two, three; where there is a gate, once that is open. Never two at a time."""
    found, alone = count(1), Lock()

    def find() -> int:
        assert alone.acquire(blocking=False)
        try:
            assert gate is None or gate.wait(60)
            return next(found)
        finally:
            alone.release()

    return find


def test_what_is_quickly_found_is_found_anew() -> None:
    kept = Kept(numbers(), share=0.1, quick_s=HOUR_S)
    assert [kept.get() for _ in range(3)] == [1, 2, 3]


def test_what_took_long_is_kept() -> None:
    kept = Kept(numbers(), share=0.1, least_s=HOUR_S, quick_s=-1.0)
    assert [kept.get() for _ in range(3)] == [1, 1, 1]
    dear = Kept(numbers(), share=1e-12, quick_s=-1.0)
    assert [dear.get() for _ in range(3)] == [1, 1, 1]


def test_nobody_waits_for_longer_than_they_mean_to(gate: Event) -> None:
    kept = Kept(numbers(gate), share=0.1, least_s=HOUR_S, quick_s=-1.0)
    assert [kept.get(0.0) for _ in range(3)] == [None, None, None]
    gate.set()
    assert [kept.get(), kept.get(0.0)] == [1, 1]


def test_meanwhile_the_last_one_is_shown(gate: Event) -> None:
    gate.set()
    kept = Kept(numbers(gate), share=0.1, quick_s=HOUR_S)
    assert kept.get() == 1
    gate.clear()
    assert kept.get(0.0) == 1
    gate.set()
    assert kept.get() in (2, 3)


def test_what_goes_wrong_is_told_and_tried_again() -> None:
    answers = iter([ValueError("no"), 2])

    def find() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = Kept(find, share=0.1, quick_s=-1.0)
    with pytest.raises(ValueError, match="no"):
        kept.get()
    assert kept.get() == 2
