"""The inbox in the shop's own site, on both databases."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.event import listen

from channels.contract import Item, Outcome
from channels.inbox import InboxChannel, InboxSettings
from orchestrator.flow.inbox import clicked, feed, seen
from orchestrator.tables import addresses, attempts, contents, message_log, messages
from tests.support.crash import Crash
from tests.support.shop import NOW, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")

TEMPLATES = {
    "inbox.subject.j2": "{{ event.properties.ref }}\n",
    "inbox.txt.j2": "A word for {{ customer.who }}\n",
}
CHANNELS = {
    "inbox": {"through": "inbox"},
    "email": {"through": "outbox", "sender": "shop@example.com"},
}
CAMPAIGN = {"channels": ["inbox"], "expires": "3d"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Small]:
    """Ann has got three messages, a minute after each other, and Bob one."""
    made = Small(
        tmp_path,
        {"hello": CAMPAIGN},
        shop={"channels": CHANNELS},
        channel=InboxChannel(InboxSettings()),
        templates={"hello": TEMPLATES},
    )
    for key in ("ann1", "bob2"):
        made.add(customer(key), consent(key, "inbox"))
    for number, key in enumerate(("ann1", "ann1", "bob2", "ann1")):
        at = NOW + number * MINUTE
        made.add(event(key, "Signed Up", at, id=f"e{number}", ref=f"word {number}"))
        made.tick(at)
    yield made
    made.engine.dispose()


def titles(found: dict[str, Any] | None) -> list[str]:
    assert found is not None
    return [one["title"] for one in found["messages"]]


def page(shop: Small, customer: str = "ann1", **more: Any) -> dict[str, Any]:
    found = feed(shop.engine, customer, more.pop("now", NOW + 9 * MINUTE), **more)
    assert found is not None
    return found


def ids(shop: Small, customer: str = "ann1") -> list[str]:
    return [one["id"] for one in page(shop, customer)["messages"]]


def test_a_customer_finds_what_is_theirs_the_newest_first(shop: Small) -> None:
    found = page(shop)
    assert titles(found) == ["word 3", "word 1", "word 0"]
    assert (found["unseen"], found["next"]) == (3, None)
    assert titles(page(shop, "bob2")) == ["word 2"]
    assert found == json.loads(json.dumps(found))
    newest = found["messages"][0]
    assert newest["text"] == "A word for ann1"
    assert newest["at"] == "2017-11-21T17:03:00Z"
    assert newest["until"] == "2017-11-24T17:03:00Z"
    assert (newest["campaign"], newest["topic"]) == ("hello", "tips")
    assert not newest["seen"]


def test_the_ledger_says_that_they_were_accepted(shop: Small) -> None:
    rows = shop.rows(messages)
    assert [row["state"] for row in rows] == ["accepted"] * 4
    refs = [row["provider_ref"] for row in shop.rows(attempts)]
    assert len(set(refs)) == 4
    assert all(refs)


def test_it_is_as_long_as_it_is_and_keeps_its_letters(tmp_path: Path) -> None:
    """Segments and the letters of telephones are nothing to an inbox."""
    text = "“Grüße” – " + "x" * 1_000
    shop = Small(
        tmp_path,
        {"hello": CAMPAIGN},
        shop={"channels": CHANNELS},
        channel=InboxChannel(InboxSettings()),
        templates={"hello": {**TEMPLATES, "inbox.txt.j2": text}},
    )
    shop.add(customer("ann1"), consent("ann1", "inbox"))
    shop.add(event("ann1", "Signed Up", NOW, ref="Hello"))
    shop.tick(NOW)
    (found,) = page(shop)["messages"]
    assert found["text"] == text
    shop.engine.dispose()


class Deadly(InboxChannel):
    """Whoever sends through it dies."""

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        raise Crash


def test_what_a_worker_had_in_hand_who_died_is_shown(tmp_path: Path) -> None:
    shop = Small(
        tmp_path,
        {"hello": CAMPAIGN},
        shop={"channels": CHANNELS},
        channel=Deadly(InboxSettings()),
        templates={"hello": TEMPLATES},
    )
    shop.add(customer("ann1"), consent("ann1", "inbox"))
    shop.add(event("ann1", "Signed Up", NOW, ref="Hello"))
    with pytest.raises(Crash):
        shop.tick(NOW)
    shop.replace_channel(InboxChannel(InboxSettings()))
    for minutes in (5, 8, 11):
        shop.tick(NOW + minutes * MINUTE)
    assert titles(page(shop)) == ["Hello"]
    assert [row["outcome"] for row in shop.rows(attempts)] == ["accepted"]
    shop.engine.dispose()


def test_nobody_s_inbox_is_empty(shop: Small) -> None:
    assert page(shop, "nobody") == {"messages": [], "unseen": 0, "next": None}


def test_page_by_page_it_is_the_same(shop: Small) -> None:
    first = page(shop, most=2)
    assert titles(first) == ["word 3", "word 1"]
    assert first["unseen"] == 3
    # What comes meanwhile moves nothing.
    shop.add(event("ann1", "Signed Up", NOW + 5 * MINUTE, id="e9", ref="word 9"))
    shop.tick(NOW + 5 * MINUTE)
    second = page(shop, most=2, after=first["next"])
    assert titles(second) == ["word 0"]
    assert second["next"] is None


def test_of_one_moment_none_is_left_out_between_two_pages(shop: Small) -> None:
    shop.execute(messages.update().values(counts_at=NOW))
    found, after = [], ""
    for _ in range(3):
        one = page(shop, most=1, after=after)
        found += titles(one)
        after = one["next"]
    assert found == ["word 3", "word 1", "word 0"]
    assert after is None


@pytest.mark.parametrize("after", ["x", "1", "1-", "-1", "1-1-1", "9" * 18 + "-1", "1-" + "9" * 30])
def test_a_page_that_there_is_not(shop: Small, after: str) -> None:
    assert feed(shop.engine, "ann1", NOW, after=after) is None


def test_what_is_over_is_gone(shop: Small) -> None:
    assert titles(page(shop, now=NOW + timedelta(days=3))) == ["word 3", "word 1"]
    assert page(shop, now=NOW + timedelta(days=4)) == {"messages": [], "unseen": 0, "next": None}


@pytest.mark.parametrize("state", ["planned", "sending", "unknown", "cancelled", "skipped"])
def test_what_was_not_accepted_is_not_there(shop: Small, state: str) -> None:
    shop.execute(messages.update().where(messages.c.id == int(ids(shop)[0])).values(state=state))
    assert titles(page(shop)) == ["word 1", "word 0"]
    assert page(shop)["unseen"] == 2


def test_what_was_forgotten_is_gone(shop: Small) -> None:
    newest = int(ids(shop)[0])
    shop.execute(contents.delete().where(contents.c.message_id == newest))
    assert titles(page(shop)) == ["word 1", "word 0"]
    assert page(shop)["unseen"] == 2


def test_seen_counts_once(shop: Small) -> None:
    newest, older, oldest = ids(shop)
    words = shop.tactful.shop
    assert seen(shop.engine, words, "ann1", [newest, older], NOW) == 2
    assert seen(shop.engine, words, "ann1", [newest, older, oldest], NOW + MINUTE) == 1
    found = page(shop)
    assert [one["seen"] for one in found["messages"]] == [True] * 3
    assert not any(one["clicked"] for one in found["messages"])
    assert found["unseen"] == 0
    assert [row["what"] for row in shop.rows(message_log)] == ["opened"] * 3


def test_clicked_is_seen_too(shop: Small) -> None:
    newest, older, _ = ids(shop)
    words = shop.tactful.shop
    assert clicked(shop.engine, words, "ann1", [newest], NOW) == 1
    assert clicked(shop.engine, words, "ann1", [newest, older], NOW + MINUTE) == 1
    found = page(shop)
    assert [(one["seen"], one["clicked"]) for one in found["messages"]] == [
        (True, True),
        (True, True),
        (False, False),
    ]
    assert found["unseen"] == 1
    assert [row["what"] for row in shop.rows(message_log)] == ["clicked"] * 2


def test_many_cost_as_many_transactions_as_one(shop: Small) -> None:
    newest, *others = ids(shop)
    found: list[object] = []
    listen(shop.engine, "commit", found.append)
    assert clicked(shop.engine, shop.tactful.shop, "ann1", [newest], NOW) == 1
    for_one = len(found)
    assert clicked(shop.engine, shop.tactful.shop, "ann1", others, NOW) == 2
    assert len(found) == 2 * for_one


def test_nobody_marks_what_is_somebody_else_s(shop: Small) -> None:
    newest, *_ = ids(shop)
    words = shop.tactful.shop
    wrong = [newest, "x", "-1", "9" * 18, "9" * 40, ""]
    assert seen(shop.engine, words, "bob2", wrong, NOW) == 0
    assert clicked(shop.engine, words, "bob2", wrong, NOW) == 0
    assert clicked(shop.engine, words, "nobody", [newest], NOW) == 0
    assert page(shop)["unseen"] == 3
    assert shop.rows(message_log) == []


def test_everybody_has_their_own_key_as_an_address_where_the_shop_has_an_inbox(
    tmp_path: Path,
) -> None:
    shop = Small(tmp_path, {})
    shop.add(customer("Ann1"))
    assert addresses_in(shop) == {}
    later = Small(tmp_path, {}, shop={"channels": CHANNELS}, database=shop.engine)
    later.add(customer("Ann1"), customer("ann1"))
    later.add(customer("bob2", addresses={"customer": "another-key"}))
    later.add(customer("cy3", addresses={"customer": None}))
    later.add(customer("ann1", city="Rome"), customer("bob2", city="Rome"))
    assert addresses_in(later) == {"Ann1": "Ann1", "ann1": "ann1", "bob2": "another-key"}
    # Keys that differ by case are two customers, who have nothing to do with each other.
    assert not any(row["shared"] for row in later.rows(addresses) if row["kind"] == "customer")
    shop.engine.dispose()


def addresses_in(shop: Small) -> dict[str, str]:
    """Customer → address in the inbox."""
    keys = {id: key for key, id in shop.ids().items()}
    found = [row for row in shop.rows(addresses) if row["kind"] == "customer"]
    return {keys[row["customer_id"]]: row["address"] for row in found}
