"""A customer is forgotten while an import about them is under way, on PostgreSQL.

Each race is held still at the place where it matters: whoever must not go on is seen to wait.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from orchestrator.flow.forgetting import LONGEST
from orchestrator.flow.ingest import ingest_raw
from orchestrator.store import forgetting
from orchestrator.store.database import writing
from tests.delivery.test_races import blocked, together
from tests.safety.test_forgetting import ANN, LATER, MARK, MINUTE, found, go, town
from tests.servers.patience import until
from tests.support.shop import Small, consent, customer, event

Records = list[tuple[str, Any]]
ABOUT: dict[str, Records] = {
    "what she did": [event(ANN, "Signed Up", LATER, id=f"later-{MARK}", ref=MARK)],
    "who she is": [customer(ANN, who=MARK, city=MARK), consent(ANN, at=LATER - MINUTE)],
}


@pytest.fixture
def shop(tmp_path: Path, postgres_url: str) -> Iterator[Small]:
    """Ann has got a message, and waits for others."""
    shop = town(tmp_path, database=postgres_url)
    yield shop
    shop.engine.dispose()


def bring_in(shop: Small, records: Records, written: Event | None = None) -> None:
    """Import in one transaction; with `written`, commit once somebody waits for it."""
    with writing(shop.engine) as connection:
        done = ingest_raw(connection, records, LATER, shop.tactful.shop)  # type: ignore[arg-type]
        assert not done.refused
        if written is not None:
            written.set()
            assert until(lambda: blocked(shop)), "forgetting went on beside the import"


@pytest.mark.parametrize("about", ABOUT)
def test_what_an_import_was_writing_is_erased_with_the_rest(shop: Small, about: str) -> None:
    written = Event()

    def forget_her() -> None:
        assert until(written.is_set)
        go(shop)

    together(lambda: bring_in(shop, ABOUT[about], written), forget_her)
    assert found(shop) == set()


@pytest.mark.parametrize("about", ABOUT)
def test_what_an_import_brings_while_she_is_forgotten_is_not_taken(
    shop: Small, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, take = Event(), forgetting.take_name

    def held(*asked: Any) -> Any:
        keys = take(*asked)
        taken.set()
        assert until(lambda: blocked(shop)), "the import went on beside the forgetting"
        return keys

    monkeypatch.setattr(forgetting, "take_name", held)

    def bring_it_in() -> None:
        assert until(taken.is_set)
        bring_in(shop, ABOUT[about])

    together(lambda: go(shop), bring_it_in)
    shop.tactful.reconcile(LATER + LONGEST)
    assert found(shop) == set()
    assert ANN not in shop.ids()
