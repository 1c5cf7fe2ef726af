"""A message of which workers die: it stops, and it stops alone."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from channels.contract import Item
from tests.support.crash import Crash
from tests.support.shop import NOW, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")


def test_a_message_of_which_workers_die_takes_no_others_down_with_it(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    for n in range(4):
        shop.add(customer(f"c{n}"), consent(f"c{n}"), event(f"c{n}", "Signed Up", NOW))
    shop.plan(NOW)

    def kills(item: Item) -> None:
        if "for c2" in item.text:
            raise Crash

    shop.recording.rendered = kills
    died = 0
    for n in range(20):
        try:
            shop.dispatch(NOW + n * timedelta(minutes=3))
        except Crash:
            died += 1
    states = {key: rows[0] for (_, key), rows in shop.ledger().items()}
    assert states.pop("c2") == ("poisoned", "claimed_in_vain")
    assert Counter(states.values()) == Counter({("accepted", None): 3})
    assert died == 5
