"""What came due before a campaign was put to work asks nobody, and is not said to ask."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.flow.explain import explain_customer
from orchestrator.tables import messages
from tests.support.shop import NOW, Small, consent, customer, event

BEGAN = NOW - timedelta(hours=1)
WAIT = timedelta(minutes=5)
TICK = timedelta(microseconds=1)
TOO_EARLY = "its trigger would have asked before the campaign was put to work"


@pytest.mark.parametrize(
    ("due_at", "asks", "says"),
    [
        (
            BEGAN - TICK,
            "before",
            "its trigger would have asked before the campaign was put to work",
        ),
        (BEGAN, "before", "its trigger would have asked before the campaign was put to work"),
        (BEGAN + TICK, "now", "its trigger asks"),
        (NOW + TICK, "later", "its trigger asks later"),
    ],
)
def test_plan_and_explain_agree(tmp_path: Path, due_at: datetime, asks: str, says: str) -> None:
    trigger = {"event": "Signed Up", "wait": "5m"}
    shop = Small(tmp_path, {"hello": {"trigger": trigger}}, since=BEGAN)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", due_at - WAIT))
    (found,) = explain_customer(shop.tactful, "ann1", NOW).campaigns
    assert (found.occasion.asks, found.occasion.says) == (asks, says)
    shop.plan(NOW)
    assert len(shop.rows(messages)) == (asks == "now")


def test_before_it_was_at_work_it_is_explained_as_if_it_were(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {"trigger": {"event": "Signed Up"}}}, since=NOW)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", BEGAN))
    (found,) = explain_customer(shop.tactful, "ann1", BEGAN + WAIT).campaigns
    assert found.occasion.asks == "now"
