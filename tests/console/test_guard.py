"""Who may come in: with the key alone, for a working day, and with no form but our own."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.entry.web.console.guard import KEY_LENGTH_MIN, NAME_CHARS_MAX, SESSION, Guard
from orchestrator.model.errors import Broken

KEY = "k" * KEY_LENGTH_MIN
NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_key_that_could_be_guessed_opens_nothing() -> None:
    with pytest.raises(Broken, match="TACTFUL_CONSOLE_KEY"):
        Guard(KEY[1:])


@pytest.mark.parametrize("given", ["", KEY[1:], KEY + "k", KEY.upper(), "schlüssel", "\udcff"])
def test_only_the_key_is_the_key(given: str) -> None:
    guard = Guard(KEY)
    assert guard.is_key(KEY)
    assert not guard.is_key(given)


@pytest.mark.parametrize("name", ["Ann", "Ann Lee", "Ånn|Lée.", "安", "x" * 200])
def test_a_cookie_says_whose_it_is_until_the_day_is_over(name: str) -> None:
    guard = Guard(KEY)
    cookie = guard.begin(name, NOW)
    assert KEY not in cookie
    found = guard.session(cookie, NOW + SESSION - SECOND)
    assert found is not None
    assert found.name == name[:NAME_CHARS_MAX]
    assert guard.session(cookie, NOW + SESSION) is None


def test_a_cookie_of_somebody_elses_making_opens_nothing() -> None:
    guard, cookie = Guard(KEY), Guard(KEY).begin("Ann", NOW)
    for place, char in enumerate(cookie):
        other = cookie[:place] + ("0" if char != "0" else "1") + cookie[place + 1 :]
        assert guard.session(other, NOW) is None, place
    assert Guard("other" + KEY).session(cookie, NOW) is None
    for other in ("", ".", "..", cookie[:-1], cookie + "0", "é.é.é"):
        assert guard.session(other, NOW) is None


def test_a_form_belongs_to_one_session() -> None:
    guard = Guard(KEY)
    mine = guard.session(guard.begin("Ann", NOW), NOW)
    other = guard.session(guard.begin("Ann", NOW + SECOND), NOW)
    assert mine is not None
    assert other is not None
    assert guard.is_form_of(mine, mine.form)
    assert not guard.is_form_of(mine, other.form)
    assert not guard.is_form_of(mine, "")
    assert mine.form not in guard.begin("Ann", NOW)
