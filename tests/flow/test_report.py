"""The report: of one campaign it tells what it tells of that one among all."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from orchestrator.flow.report import report
from orchestrator.store.database import writing
from orchestrator.tables import messages
from tests.support.shop import NOW, Small, consent, customer, event

pytestmark = pytest.mark.usefixtures("databases")

DAY = timedelta(days=1)


def test_one_campaign_among_all(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"hello": {}, "welcome": {}}, since=NOW - DAY)
    for number, key in enumerate(("ann1", "bob2", "cid3")):
        records = customer(key), event(key, "Signed Up", NOW)
        shop.add(*records, *([consent(key)] if number else []))
    shop.run(NOW, NOW + timedelta(hours=1), timedelta(minutes=5))
    with writing(shop.engine) as connection:  # whatever else the ledger may hold
        connection.execute(update(messages).values(campaign="gone").where(messages.c.id == 1))
    whole = report(shop.tactful, NOW + DAY)
    assert [one.campaign for one in whole.campaigns] == ["gone", "hello", "welcome"]
    assert sum(on.sent for one in whole.campaigns for on in one.channels) > 0
    for one in whole.campaigns:
        assert report(shop.tactful, NOW + DAY, [one.campaign]).campaigns == (one,)
    assert report(shop.tactful, NOW + DAY, ["nowhere"]).campaigns == ()
