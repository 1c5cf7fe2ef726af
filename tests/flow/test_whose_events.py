"""Whoever asks about some customers reads these customers' events, and not everybody's."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import exists, select, text

from orchestrator.rules.triggers import asking
from orchestrator.rules.within import EVERYONE, Scope, These
from orchestrator.tables import events
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")

MANY = """
ALTER TABLE events DISABLE TRIGGER ALL;
INSERT INTO events (key, customer_id, name, at, properties)
SELECT n, n % 2000, 'Signed Up', timestamptz '2017-10-01 00:00Z' + n * interval '1 minute', '{}'
FROM generate_series(1, 20000) AS n;
ANALYZE events
"""
"""Of two thousand customers, whoever they may be."""

THEIRS, LATELY = "events_customer_id_name_at_idx", "events_name_at_idx"


@pytest.mark.parametrize(
    ("databases", "scope", "index"),
    [
        ("sqlite", These.of([7]), THEIRS),
        ("sqlite", These.of([7, 8, 9]), THEIRS),
        ("sqlite", EVERYONE, LATELY),
        ("postgresql", EVERYONE, LATELY),
    ],
    ids=["one", "three", "everyone", "everyone on PostgreSQL"],
    indirect=["databases"],
)
@pytest.mark.parametrize("wait", [{}, {"wait": "2h"}], ids=["at once", "later"])
@pytest.mark.parametrize("forwards", [True, False])
def test_they_are_found_by_an_index(
    tmp_path: Path, forwards: bool, wait: dict[str, str], scope: Scope, index: str
) -> None:
    """An import into an empty table makes its indexes anew: SQLite knows no other difference.
    PostgreSQL prepares a statement that comes often for any range of customers there may be.
    """
    shop = Small(tmp_path, {"hello": {"trigger": {"event": "Signed Up", **wait}}})
    by_name = sorted(events.indexes, key=lambda one: str(one.name))
    for one in by_name if forwards else reversed(by_name):
        one.drop(shop.engine)
        one.create(shop.engine)
    if shop.engine.dialect.name == "postgresql":
        for one in MANY.split(";"):
            shop.execute(text(one))
    (version,) = shop.tactful.planner.versions
    asked = select(exists(asking(version.campaign, version.shop, scope.shape)))
    since = {"now": NOW, "since": NOW - timedelta(days=1)}
    with plans_of(shop.engine, "SELECT EXISTS") as (connection, plans):
        connection.scalar(asked, {**since, **scope.parameters()})
    (plan,) = plans.values()
    assert any(re.search(f"(USING INDEX|Scan using) {index}", line) for line in plan), plan
