"""The oracle's own answers: a wrong count here would hide a wrong message."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.provider.book import Book, Draft
from tests.provider.log import Acceptance, Log, densest, instant, read, received_at

NOON = datetime(2017, 11, 5, 12, 0, tzinfo=UTC)
NS = 1_000_000_000


def sent(seq: int, to: str, at: datetime, stable_id: str = "") -> Acceptance:
    ns = int(at.timestamp()) * NS
    name = stable_id or f"s{seq}"
    return Acceptance(seq, ns, ns, name, to=to, now=at.isoformat(), message_id=f"m{name}")


def test_what_was_accepted_twice_is_named() -> None:
    log = Log((sent(1, "a", NOON, "x"), sent(2, "b", NOON, "y"), sent(3, "a", NOON, "x")))
    assert {name: [one.seq for one in those] for name, those in log.doubled.items()} == {
        "x": [1, 3]
    }
    assert [one.seq for one in log.by_message["mx"]] == [1, 3]


def test_a_window_leaves_its_end_out() -> None:
    hours = [0, 1, 2, 24, 25]
    log = Log(tuple(sent(n, "a", NOON + timedelta(hours=h)) for n, h in enumerate(hours)))
    assert log.most_within(timedelta(hours=24)) == {"a": 3}
    assert log.most_within(timedelta(hours=24, seconds=1)) == {"a": 4}
    assert log.most_within(timedelta(hours=1)) == {"a": 1}


@given(st.lists(st.integers(0, 40)), st.integers(1, 50))
def test_the_fullest_window_is_the_fullest(minutes: list[int], width: int) -> None:
    times = sorted(NOON + timedelta(minutes=minute) for minute in minutes)
    by_hand = max((sum(s <= m < s + width for m in minutes) for s in minutes), default=0)
    assert densest(times, timedelta(minutes=width)) == by_hand


def test_times_are_sorted_by_recipient() -> None:
    log = Log((sent(1, "a", NOON), sent(2, "b", NOON), sent(3, "a", NOON - timedelta(hours=1))))
    assert log.times() == {"a": [NOON - timedelta(hours=1), NOON], "b": [NOON]}


def test_what_was_sent_within_an_interval_is_found() -> None:
    log = Log(tuple(sent(n, "a", NOON + timedelta(hours=n)) for n in range(5)))
    after = {"a": [(NOON + timedelta(hours=3), None)], "b": [(NOON, None)]}
    assert [one.seq for one in log.inside(after)] == [3, 4]
    between = {"a": [(NOON, NOON + timedelta(hours=2))]}
    assert [one.seq for one in log.inside(between)] == [0, 1]


def test_local_hours_know_midnight_and_the_change_of_clocks() -> None:
    # New York sets its clocks back on this day: 06:30 UTC is 01:30, for the second time.
    zones = {"a": "America/New_York"}
    day = datetime(2017, 11, 5, tzinfo=UTC)
    hours = [1, 2, 4, 5, 6, 13, 14]  # local: 21, 22, 0, 1, 1, 8, 9
    log = Log(tuple(sent(h, "a", day + timedelta(hours=h)) for h in hours))
    assert [one.seq for one in log.in_local_hours(zones, time(22), time(8))] == [2, 4, 5, 6]
    assert [one.seq for one in log.in_local_hours(zones, time(8), time(9))] == [13]
    assert log.in_local_hours({}, time(0), time(23)) == []


def test_the_wall_clock_can_be_asked_instead_of_the_senders() -> None:
    one = Acceptance(1, NS * 60 + 1_999, NS * 61, "x", to="a", now=NOON.isoformat())
    assert one.at == NOON
    assert received_at(one) == datetime(1970, 1, 1, 0, 1, 0, 1, tzinfo=UTC)
    assert Log((one,)).times(received_at) == {"a": [instant(NS * 60 + 1_999)]}


def draft(number: int, key: str = "") -> Draft:
    return Draft("http", f"to{number}", f"s{number}", text="half \ufffd\n\u2028", key=key)


def test_a_line_is_there_before_anybody_is_told(tmp_path: Path) -> None:
    book = Book(tmp_path / "log")
    book.accept(draft(1))
    book.accept(draft(2))
    assert len(read(book.path)) == 0
    book.flush()
    assert [one.stable_id for one in read(book.path)] == ["s1", "s2"]
    book.close()


def test_a_restart_goes_on_where_the_log_ends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    book = Book(path, idempotent=True)
    first = book.accept(draft(1, key="k"))
    book.close()
    with path.open("ab") as file:
        file.write(b'{"seq":2,"received_ns"')  # killed while writing: nobody was told
    assert len(read(path)) == 1
    book = Book(path, idempotent=True)
    assert book.accept(draft(1, key="k")) == first
    assert book.accept(draft(2)) == "rec2"
    book.close()
    assert [(one.seq, one.ref, one.to) for one in read(path)] == [
        (1, "rec1", "to1"),
        (2, "rec2", "to2"),
    ]


def test_an_empty_log_is_no_error(tmp_path: Path) -> None:
    log = read(tmp_path / "nowhere")
    assert len(log) == 0
    assert log.most_within(timedelta(days=1)) == {}
