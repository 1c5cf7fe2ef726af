"""Records that a second process makes: all of them, in their order, or what went wrong there."""

import itertools
import os
from collections.abc import Iterable
from multiprocessing import active_children

import pytest

from demo.beside import AT_ONCE, Beside
from tests.servers.patience import until

MANY = 2 * AT_ONCE + 1
LEFT_WITH = 3


def numbers() -> Iterable[int]:
    return range(MANY)


def without_end() -> Iterable[int]:
    return itertools.count()


def broken_at_last() -> Iterable[int]:
    yield from range(AT_ONCE)
    raise LookupError("a file is missing")


def gone_at_last() -> Iterable[int]:
    yield from range(AT_ONCE)
    os._exit(LEFT_WITH)


def test_everything_comes_in_its_order() -> None:
    assert list(Beside(numbers)) == list(range(MANY))
    assert not active_children()


def test_what_was_made_comes_first_and_then_what_was_raised() -> None:
    records = iter(Beside(broken_at_last))
    assert list(itertools.islice(records, AT_ONCE)) == list(range(AT_ONCE))
    with pytest.raises(LookupError, match="a file is missing"):
        next(records)


def test_who_needs_no_more_ends_the_other_process() -> None:
    records = Beside(without_end)
    taken = iter(records)
    assert next(taken) == 0
    assert active_children()
    records.close()
    assert not active_children()


def test_it_begins_before_anybody_takes_anything() -> None:
    records = Beside(without_end, nice=5)
    (process,) = active_children()
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + 5  # the tests may be run by somebody nice
    assert until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid or 0) == wanted)
    records.close()
    assert not active_children()


def test_a_process_that_ends_without_a_word_is_told_of() -> None:
    with pytest.raises(RuntimeError, match=f"exit code {LEFT_WITH}"):
        list(Beside(gone_at_last))
    assert not active_children()
