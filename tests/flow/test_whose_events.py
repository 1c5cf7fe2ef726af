"""Whoever asks about some customers reads these customers' events, and not everybody's."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import exists, select

from orchestrator.rules.triggers import asking
from orchestrator.rules.within import EVERYONE, Scope, These
from orchestrator.tables import events
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small

pytestmark = [
    pytest.mark.parametrize("databases", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("databases"),
]


@pytest.mark.parametrize(
    ("scope", "index"),
    [
        (These.of([7]), "events_customer_id_name_at_idx"),
        (These.of([7, 8, 9]), "events_customer_id_name_at_idx"),
        (EVERYONE, "events_name_at_idx"),
    ],
    ids=["one", "three", "everyone"],
)
@pytest.mark.parametrize("wait", [{}, {"wait": "2h"}], ids=["at once", "later"])
@pytest.mark.parametrize("forwards", [True, False])
def test_they_are_found_by_an_index(
    tmp_path: Path, forwards: bool, wait: dict[str, str], scope: Scope, index: str
) -> None:
    """An import into an empty table makes its indexes anew: SQLite knows no other difference."""
    shop = Small(tmp_path, {"hello": {"trigger": {"event": "Signed Up", **wait}}})
    by_name = sorted(events.indexes, key=lambda one: str(one.name))
    for one in by_name if forwards else reversed(by_name):
        one.drop(shop.engine)
        one.create(shop.engine)
    (version,) = shop.tactful.planner.versions
    asked = select(exists(asking(version.campaign, version.shop, scope.shape)))
    since = {"now": NOW, "since": NOW - timedelta(days=1)}
    with plans_of(shop.engine, "SELECT EXISTS") as (connection, plans):
        connection.scalar(asked, {**since, **scope.parameters()})
    (plan,) = plans.values()
    assert any(f"USING INDEX {index}" in line for line in plan), plan
