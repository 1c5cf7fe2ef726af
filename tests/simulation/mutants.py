"""The engine with one of its safeguards taken out: what the simulation must find.

A claim without its token takes two who cross each other in just one way: they are made to do so in
`tests/delivery/test_fence.py`.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, update

from orchestrator.flow import dispatch as dispatching
from orchestrator.flow import hand_over as handing_over
from orchestrator.flow import reconcile as reconciling
from orchestrator.flow.dispatch import Dispatcher
from orchestrator.flow.last_check import Checked
from orchestrator.flow.reconcile import Told
from orchestrator.model.message import State
from orchestrator.tables import messages

Patch = pytest.MonkeyPatch


def no_second_check(patch: Patch) -> None:
    """What was right when it was planned is written."""
    patch.setattr(Dispatcher, "_checked", lambda self, *asked: Checked())


def no_deadline(patch: Patch) -> None:
    """Written however long ago it was admitted."""
    send = handing_over.written

    def whenever(channel: Any, items: Any, deadline_s: float, now: Any) -> Any:
        return send(channel, items, max(deadline_s, 15.0) + 1_000, now)

    patch.setattr(handing_over, "written", whenever)


def no_ownership(patch: Patch) -> None:
    """What another worker holds may be claimed."""
    claim = dispatching.claim
    held = messages.c.state.in_([State.CLAIMED, State.SENDING])

    def any_claim(connection: Connection, *args: Any, **more: Any) -> Any:
        connection.execute(update(messages).where(held).values(state=State.PLANNED))
        return claim(connection, *args, **more)

    patch.setattr(dispatching, "claim", any_claim)


def retry_unknown(patch: Patch) -> None:
    """What may have arrived is sent again."""
    ask = reconciling._ask

    def again(*asked: Any) -> Told:
        told = ask(*asked)
        return Told(State.DEFERRED) if told.state is State.UNKNOWN_FINAL else told

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
        no_second_check, no_deadline, no_ownership, retry_unknown, caps_of_accepted,
    )
}  # fmt: skip
