"""Where decisions are put aside nothing piles up, however long a process lives."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.flow import wide
from orchestrator.store import decided
from orchestrator.store.database import reading
from orchestrator.tables import memberships, messages
from tests.servers.patience import until
from tests.support.shop import NOW, Small, consent, customer, event

SIZE = text(
    "SELECT coalesce(sum(pg_relation_size(oid)), 0) FROM pg_class "
    "WHERE relname LIKE 'staged_%' AND relkind = 'r'"
)
TABLES = text("SELECT count(*) FROM pg_class WHERE relname = 'staged_decisions'")
PEOPLE = 40


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("databases")
@pytest.mark.parametrize("several_hands", [False, True], ids=["ticks", "after several hands"])
def test_their_files_are_empty_between_two_ticks(
    tmp_path: Path, several_hands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted rows keep their place: nobody else tidies up in a connection's own table."""
    campaigns: dict[str, Any] = {
        "hello": {},
        "daily": {"trigger": {"cron": "0 12 * * *"}},
        "lively": {"trigger": {"enters": "lively"}},
    }
    lively = {"did": "Signed Up", "within": "30d"}
    segments = {"segments": {"lively": lively}}
    shop = Small(tmp_path, campaigns, shop=segments, since=NOW - timedelta(hours=1))
    shop.add(*(one for n in range(PEOPLE) for one in (customer(f"c{n}"), consent(f"c{n}"))))
    if several_hands:
        monkeypatch.setattr(wide, "WIDE_FROM_CUSTOMERS", 1)
        shop.tactful.hands = 2
    for tick in range(3):
        now = NOW + timedelta(hours=tick)
        shop.add(*(event(f"c{n}", "Signed Up", now) for n in range(PEOPLE)))
        shop.plan(now)
    assert len(shop.rows(messages)) == 4 * PEOPLE
    assert len(shop.rows(memberships)) == PEOPLE
    with reading(shop.engine) as connection:
        assert connection.scalar(SIZE) == 0


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("databases")
def test_a_hand_that_failed_leaves_nothing_on_a_connection_of_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = {"trigger": {"cron": "0 12 * * *"}}
    shop = Small(tmp_path, {"daily": daily}, since=NOW - timedelta(hours=1))
    shop.add(*(one for n in range(PEOPLE) for one in (customer(f"c{n}"), consent(f"c{n}"))))
    monkeypatch.setattr(wide, "WIDE_FROM_CUSTOMERS", 1)

    def fails(*_: Any, **__: Any) -> None:
        raise LookupError

    monkeypatch.setattr(decided, "write_staged", fails)
    with pytest.raises(LookupError):
        shop.plan(NOW)

    def left() -> int:
        with reading(shop.engine) as connection:
            return connection.scalar(TABLES) or 0

    assert until(lambda: left() == 0)
