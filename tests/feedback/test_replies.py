"""Replies in words wait for a person, who settles each of them once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.contract import FeedbackKind
from orchestrator.entry.cli.replies import printable
from orchestrator.flow.replies import read, replies
from orchestrator.tables import consent_log, feedback, suppressions
from tests.cli.shop import ShopFolder, shop
from tests.feedback.stage import TEXT, agreed, listen, number, told
from tests.support.shop import NOW, Small, consent, customer

__all__ = ["shop"]

HOUR = timedelta(hours=1)

on_both = pytest.mark.parametrize("small", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    """Ann and Bob have agreed to texts, and three have written."""
    on = getattr(request, "param", "sqlite")
    url = None if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = Small(tmp_path, {"text": TEXT}, database=url)
    for key in ("ann1", "bob2"):
        made.add(customer(key, phone=number(key)), consent(key, "sms"))
    write(made, "ann1", "not now, thanks")
    write(made, "bob2", "Open on Sunday?")
    write(made, "stranger9", "who are you?")
    yield made
    made.engine.dispose()


def write(small: Small, whose: str, words: str) -> None:
    about: dict[str, Any] = {"address": number(whose), "detail": words}
    listen(small, told(FeedbackKind.replied, words, None, **about), now=NOW)


def waiting(small: Small) -> list[tuple[int, tuple[str, ...], str]]:
    found = replies(small.engine, small.tactful.shop, 50)
    return [(one.id, one.customers, one.text) for one in found]


def settle(small: Small, *, stop: Any = (), fine: Any = ()) -> Any:
    return read(small.engine, small.tactful.shop, stop, fine, NOW + HOUR)


@on_both
def test_each_waits_until_a_person_settles_it(small: Small) -> None:
    assert waiting(small) == [
        (1, ("ann1",), "not now, thanks"),
        (2, ("bob2",), "Open on Sunday?"),
        (3, (), "who are you?"),
    ]
    (first, *_) = replies(small.engine, small.tactful.shop, 1)
    assert (first.channels, first.at) == (("email", "sms"), NOW)
    done = settle(small, stop=[1], fine=[2, 99])
    assert (done.stop, done.fine, done.unknown) == ((1,), (2,), (99,))
    assert waiting(small) == [(3, (), "who are you?")]
    assert agreed(small, "ann1")["sms", "*"] is False
    assert agreed(small, "bob2")["sms", "*"] is True
    # The evidence: in which words it was said, and when – not when it was read.
    (said,) = [row for row in small.rows(consent_log) if not row["given"]]
    assert (said["wording"], said["at"]) == ("not now, thanks", NOW)
    assert settle(small, stop=[1], fine=[1]).unknown == (1,)


def test_who_agreed_again_meanwhile_has_agreed(small: Small) -> None:
    small.add(consent("ann1", "sms", at=NOW + HOUR / 2))
    settle(small, stop=[1])
    assert agreed(small, "ann1")["sms", "*"] is True


def test_an_end_from_a_stranger_suppresses_the_number(small: Small) -> None:
    settle(small, stop=[1, 3])
    (key,) = [row["address_key"] for row in small.rows(feedback) if row["id"] == 3]
    assert [(row["address_key"], row["scope"]) for row in small.rows(suppressions)] == [
        (key, "marketing")
    ]


def test_a_reply_to_a_message_of_ours_belongs_to_its_customer(small: Small) -> None:
    small.add(("events", {"id": "e", "customer": "bob2", "name": "Cart Updated", "at": NOW}))
    small.tick(NOW)
    listen(small, told(FeedbackKind.replied, "r", 1, detail="no thanks"), now=NOW)
    assert (4, ("bob2",), "no thanks") in waiting(small)


def test_nothing_in_a_reply_reaches_the_terminal() -> None:
    assert printable("hi\x1b[2J\r\n\u202ethere\x00") == "hi [2J   there "


def test_from_the_command_line(shop: ShopFolder) -> None:
    shop.add_customer("c1", phone="+12125550101")
    shop.put_to_work(NOW)
    assert shop.ok("replies") == "no reply waits to be read\n"
    assert shop.json("replies") == {"replies": []}
    assert shop("replies", "--stop", "7").exit_code == 1
    assert shop("replies", "--stop", "7", "--fine", "7").exit_code == 2
    done = json.loads(shop("replies", "--fine", "7", "--json").stdout)
    assert done == {"stop": [], "fine": [], "unknown": [7]}
