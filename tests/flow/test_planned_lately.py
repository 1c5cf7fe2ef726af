"""What `max_audience` goes by is counted without reading past all that were skipped."""

from pathlib import Path

import pytest

from orchestrator.store.decided import planned_lately
from tests.support.query_plans import plans_of
from tests.support.shop import NOW, Small

pytestmark = pytest.mark.usefixtures("databases")


def test_it_has_an_index_of_its_own(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}})
    with plans_of(shop.engine, "planned_at >") as (connection, plans):
        assert planned_lately(connection, "hello", NOW) == 0
    (plan,) = plans.values()
    assert any("messages_planned_idx" in line for line in plan), plan
