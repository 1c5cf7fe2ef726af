"""A message of which workers die: it stops, and it stops alone."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from channels.contract import Item
from orchestrator.flow import dispatch
from orchestrator.store.claims import claim
from orchestrator.tables import messages, versions
from orchestrator.tables.messages import SUSPECT_AFTER
from tests.support.crash import Crash
from tests.support.query_plans import plans_of
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


def test_what_a_newer_release_has_published_is_left_to_newer_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Small(tmp_path, {"hello": {}, "newer": {"topic": "offers"}})
    shop.add(customer("c0"), consent("c0"), event("c0", "Signed Up", NOW))
    shop.plan(NOW)
    (stored,) = (row for row in shop.rows(versions) if row["name"] == "newer")
    word = {**json.loads(stored["files"]["campaign.yaml"]), "word_of_the_next_release": 1}
    files = {**stored["files"], "campaign.yaml": json.dumps(word)}
    shop.execute(update(versions).where(versions.c.name == "newer").values(files=files))

    older = Small(tmp_path, {"hello": {}}, database=shop.engine)
    for n in range(12):
        older.dispatch(NOW + n * timedelta(minutes=3))
    assert older.ledger() == {
        ("hello", "c0"): [("accepted", None)],
        ("newer", "c0"): [("deferred", "other_release")],
    }
    shop.tactful.publish(NOW)
    assert not older.tactful.follow()
    (told,) = caplog.messages
    assert told.startswith("left to newer workers: campaign newer is written for another release")

    shop.dispatch(NOW + timedelta(minutes=40))  # one that can read it
    assert shop.ledger()["newer", "c0"] == [("accepted", None)]


def test_whoever_is_under_way_in_a_newer_release_waits_for_it_alone(tmp_path: Path) -> None:
    steps = [{"send": {}}, {"wait": "1h"}, {"send": {"template": "last"}}]
    newer = Small(tmp_path / "newer", {"tour": {"steps": steps}})
    newer.add(customer("c0"), consent("c0"), event("c0", "Signed Up", NOW))
    newer.tick(NOW)
    written = text("UPDATE versions SET files = :files WHERE name = 'tour'")
    newer.execute(written, {"files": '{"campaign.yaml": "{}"}'})

    older = Small(tmp_path / "older", {"hello": {}}, database=newer.engine)
    older.tick(NOW + timedelta(hours=2))
    assert older.ledger()["hello", "c0"] == [("accepted", None)]
    assert older.ledger()["tour", "c0"] == [("accepted", None)]
    newer.tick(NOW + timedelta(hours=3))
    assert newer.ledger()["tour", "c0"] == [("accepted", None)] * 2


def test_an_older_release_can_publish_over_what_a_newer_one_wrote(tmp_path: Path) -> None:
    """Which hours that one has asked at already nobody can read: so none that is over asks."""
    eleven, noon = ({"trigger": {"cron": f"0 {hour} * * *"}} for hour in (11, 12))
    newer = Small(tmp_path / "newer", {"hello": eleven}, since=NOW - timedelta(hours=3))
    newer.add(customer("c0"), consent("c0"))
    newer.tick(NOW)
    written = text("UPDATE versions SET files = :files")
    newer.execute(written, {"files": '{"campaign.yaml": "{}"}'})

    back = NOW + timedelta(hours=2)
    older = Small(tmp_path / "older", {"hello": noon}, database=newer.engine, since=back)
    older.tick(back)
    assert len(older.ledger()["hello", "c0"]) == 1
    older.tick(NOW + timedelta(days=1))
    assert len(older.ledger()["hello", "c0"]) == 2


def busy(folder: Path) -> Small:
    """A shop with 60 messages that are due."""
    shop = Small(folder, {"hello": {}})
    for n in range(60):
        shop.add(customer(f"c{n}"), consent(f"c{n}"), event(f"c{n}", "Signed Up", NOW))
    shop.plan(NOW)
    return shop


def test_a_suspect_gets_its_chance_while_there_is_always_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers that ended for another reason have made it one, say."""
    monkeypatch.setattr(dispatch, "BATCH_SIZE_MAX", 3)
    shop = busy(tmp_path)
    suspects = messages.c.customer_id == shop.ids()["c0"]
    shop.execute(update(messages).where(suspects).values(claims=SUSPECT_AFTER))
    batches: list[list[str]] = []
    shop.recording.before = lambda items: batches.append([item.text for item in items])
    shop.dispatch(NOW)
    alone = [place for place, batch in enumerate(batches) if len(batch) == 1]
    assert alone == [9]
    assert "for c0" in batches[9][0]


def test_suspects_are_looked_for_in_an_index_of_their_own(tmp_path: Path) -> None:
    shop = busy(tmp_path)
    if shop.engine.dialect.name == "postgresql":
        shop.execute(text("ANALYZE messages"))
    with plans_of(shop.engine, "claims >= 2") as (connection, plans):
        until = NOW + timedelta(minutes=2)
        claim(
            *(connection, "email", NOW),
            batch_size=5,
            token="t",
            lease_until=until,
            suspect_first=True,
        )
    assert plans
    for plan in plans.values():
        assert any("messages_suspect_idx" in line for line in plan), plan
