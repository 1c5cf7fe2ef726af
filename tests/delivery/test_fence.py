"""A worker that goes on after its lease is over: what it held is another's, and it lets it be."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from channels.contract import Item
from orchestrator.flow.watch import Watch
from orchestrator.model.message import UNDECIDED, State
from orchestrator.store import messages as ledger
from orchestrator.store.messages import Move
from orchestrator.tables import messages
from tests.servers.patience import until
from tests.support.shop import NOW, Small, consent, customer, event

LATER = NOW + timedelta(minutes=3)
"""Every claim's lease is over by then."""


def two_workers(folder: Path) -> Small:
    """One claims both messages of a customer, and stands still while it renders the first one.

    When its lease is over another claims both, and sends the first. While that one writes the
    second, the one that stood still goes on: it wants to put the second one back.
    """
    campaigns = {"first": {"priority": 60}, "second": {}}
    shop = Small(folder, campaigns, database=str(folder / "shop.db"))
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.plan(NOW)
    has_claimed, goes_on = threading.Event(), threading.Event()
    send = shop.tactful.dispatcher.dispatch_channel
    slow = threading.Thread(target=send, args=("email", Watch.still(NOW)), daemon=True)
    written: list[int] = []

    def rendered(item: Item) -> None:
        if threading.current_thread() is slow and not has_claimed.is_set():
            has_claimed.set()
            assert until(goes_on.is_set)

    def before(items: Sequence[Item]) -> None:
        if threading.current_thread() is not slow:
            written.append(len(items))
            if len(written) == 2:
                goes_on.set()
                assert until(lambda: not slow.is_alive())

    shop.recording.rendered, shop.recording.before = rendered, before
    slow.start()
    assert until(has_claimed.is_set)
    assert shop.tactful.dispatcher.tidy(LATER) == 2
    send("email", Watch.still(LATER))
    assert written == [1, 1]
    return shop


def test_what_another_holds_is_let_be(tmp_path: Path) -> None:
    shop = two_workers(tmp_path)
    assert shop.told() == ["first for ann1", "second for ann1"]
    assert Counter(row["state"] for row in shop.rows(messages)) == Counter(accepted=2)
    shop.engine.dispose()


def no_token(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes moves and admits a message in the right state, whether it still is theirs."""
    move, admit = ledger.move, ledger.admit

    def take(
        connection: Connection, ids: Iterable[int], states: Iterable[State], token: str
    ) -> None:
        these = messages.c.id.in_(ids), messages.c.state.in_(states)
        connection.execute(update(messages).where(*these).values(token=token))

    def any_move(connection: Connection, token: str, moves: Sequence[Move], now: datetime) -> int:
        take(connection, [move.id for move in moves], UNDECIDED, token)
        return move(connection, token, moves, now)

    def any_admit(connection: Connection, token: str, ids: Any, now: datetime, **more: Any) -> Any:
        take(connection, ids, [State.CLAIMED], token)
        return admit(connection, token, ids, now, **more)

    patch.setattr(ledger, "move", any_move)
    patch.setattr(ledger, "admit", any_admit)


def test_without_the_token_it_is_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_token(monkeypatch)
    shop = two_workers(tmp_path)
    assert Counter(shop.told()) == Counter({"first for ann1": 1, "second for ann1": 2})
    shop.engine.dispose()
