"""Several at once: in order, no more than asked for, and a bug stays a bug."""

import threading

import pytest

from channels.lanes import Lanes


class Counted:
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.busy = threading.Lock()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _none_made() -> None:
    Counted.made = 0


def test_results_are_in_order_and_a_lane_is_used_by_one_at_a_time() -> None:
    lanes = Lanes(Counted, 4)
    at_once = threading.Barrier(4)

    def work(lane: Counted, number: int) -> int:
        assert lane.busy.acquire(blocking=False), "two on one lane"
        if number < 4:
            at_once.wait(10)
        lane.busy.release()
        return number * number

    assert lanes.run(range(500), work) == [number * number for number in range(500)]
    assert Counted.made == 4
    lanes.close()


def test_one_piece_of_work_needs_no_thread() -> None:
    lanes = Lanes(Counted, 8)
    assert lanes.run([1], lambda _, number: threading.current_thread()) == [
        threading.current_thread()
    ]
    assert Counted.made == 1
    assert lanes.run([], lambda _, number: number) == []


def test_a_bug_ends_it_for_all_and_is_told() -> None:
    lanes = Lanes(Counted, 2)

    def work(lane: Counted, number: int) -> int:
        if number == 3:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        lanes.run(range(100), work)
    assert lanes.run([1, 2], work) == [1, 2]
    lanes.close()
    lanes.close()


def test_closing_hangs_up_and_work_may_follow() -> None:
    lanes = Lanes(Counted, 2)
    lane = lanes.first()
    lanes.close()
    assert lane.closed == 1
    assert lanes.run([1, 2, 3], lambda _, number: number) == [1, 2, 3]
    lanes.close()
