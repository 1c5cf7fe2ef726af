"""The engine with one of its safeguards taken out: what the simulation must find."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, update

from orchestrator.flow import dispatch as dispatching
from orchestrator.flow import reconcile as reconciling
from orchestrator.flow.dispatch import Dispatcher
from orchestrator.model.message import UNDECIDED, State
from orchestrator.store import messages as ledger
from orchestrator.store.messages import Move
from orchestrator.tables import messages

Patch = pytest.MonkeyPatch


def no_token(patch: Patch) -> None:
    """Whoever comes moves and admits a message that is under way, whether it still is theirs."""
    move, admit = ledger.move, ledger.admit

    def take(connection: Connection, ids: Iterable[int], **values: Any) -> None:
        these = messages.c.id.in_(ids), messages.c.state.in_(UNDECIDED)
        connection.execute(update(messages).where(*these).values(**values))

    def any_move(connection: Connection, token: str, moves: Sequence[Move], now: datetime) -> int:
        take(connection, [move.id for move in moves], token=token)
        return move(connection, token, moves, now)

    def any_admit(connection: Connection, token: str, ids: Any, now: datetime, **more: Any) -> Any:
        take(connection, ids, token=token, state=State.CLAIMED)
        return admit(connection, token, ids, now, **more)

    patch.setattr(ledger, "move", any_move)
    patch.setattr(ledger, "admit", any_admit)


def no_second_check(patch: Patch) -> None:
    """What was right when it was planned is written."""
    patch.setattr(Dispatcher, "_stopped", lambda self, connection, made, now: [])


def no_deadline(patch: Patch) -> None:
    """Written however long ago it was admitted."""
    send = dispatching._send

    def whenever(channel: Any, items: Any, deadline_s: float, now: Any) -> Any:
        return send(channel, items, max(deadline_s, 15.0) + 1_000, now)

    patch.setattr(dispatching, "_send", whenever)


def no_ownership(patch: Patch) -> None:
    """What another worker holds may be claimed."""
    claim = ledger.claim
    held = messages.c.state.in_([State.CLAIMED, State.SENDING])

    def any_claim(connection: Connection, *args: Any, **more: Any) -> Any:
        connection.execute(update(messages).where(held).values(state=State.PLANNED))
        return claim(connection, *args, **more)

    patch.setattr(ledger, "claim", any_claim)


def retry_unknown(patch: Patch) -> None:
    """What may have arrived is sent again."""
    ask = reconciling._ask

    def again(*asked: Any) -> tuple[State, str | None]:
        state, ref = ask(*asked)
        return (State.DEFERRED if state is State.UNKNOWN_FINAL else state), ref

    patch.setattr(reconciling, "_ask", again)


def caps_of_accepted(patch: Patch) -> None:
    """Only what was accepted for certain fills a cap."""
    for name, module in list(sys.modules.items()):
        if name.startswith("orchestrator.rules."):
            for states, fewer in (("ADMITTED", (State.ACCEPTED,)), ("PENDING", ())):
                if hasattr(module, states):
                    patch.setattr(module, states, fewer)


MUTANTS: Mapping[str, Callable[[Patch], None]] = {
    made.__name__: made
    for made in (
        no_token, no_second_check, no_deadline, no_ownership, retry_unknown, caps_of_accepted,
    )
}  # fmt: skip
