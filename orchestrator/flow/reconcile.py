"""Finds out what became of messages whose answer was lost, or says that it could not.

The provider's own record decides: it has the message, or certainly has not. Where it cannot tell,
a marketing message ends as `unknown_final`, so that nobody gets it twice; a service message is
sent once more, so that nobody misses it: it may then arrive twice, and is counted as such.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from channels.contract import Accepted, Attempt, Channel, NotFound
from orchestrator.flow.accounts import Accounts
from orchestrator.flow.compose import stable_id
from orchestrator.flow.plugin_calls import looked_up
from orchestrator.model.message import State
from orchestrator.model.patience import USUAL, Patience
from orchestrator.store import lost
from orchestrator.store.database import reading, writing
from orchestrator.store.lost import Lost

BATCH_SIZE_MAX = 500


@dataclass(frozen=True, slots=True)
class Told:
    """Where a message goes; `certain` where the provider has it, or certainly has not."""

    state: State
    ref: str | None = None
    certain: bool = False


def reconcile(
    engine: Engine,
    accounts: Accounts,
    deployment_id: str,
    now: datetime,
    patience: Patience = USUAL,
    over: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Look for every lost message that is due to be looked for, until it is `over`; state →
    messages. What is left is looked for the next time.

    A question at which a plugin breaks down is put off, and those behind it are asked all the same.
    """
    met: Counter[str] = Counter()
    with reading(engine) as connection:
        found = lost.due(connection, now, limit=BATCH_SIZE_MAX)
    for one in found:
        if over():
            break
        told = _ask(_who(accounts, one), one, deployment_id, now, patience)
        with writing(engine) as connection:
            if told.ref is not None and lost.may_be_anothers(connection, one, told.ref):
                told = Told(_untold(one, now, patience))
            again_at = now + patience.look_again if told.state is State.UNKNOWN else None
            moved = lost.settle(
                connection, one, told.state, told.ref, again_at, now, certain=told.certain
            )
        met[str(told.state)] += moved
    return met


def _who(accounts: Accounts, one: Lost) -> Channel[Any] | None:
    """The plugin that may have written it; None where the shop does not use it any more."""
    if one.channel not in accounts.channels:
        return None
    of_channel = {account.plugin: account.channel for account in accounts.of(one.channel)}
    return of_channel.get(one.provider)


def _ask(
    channel: Channel[Any] | None, one: Lost, deployment_id: str, now: datetime, patience: Patience
) -> Told:
    searchable = channel is not None and channel.capabilities.search
    if channel is not None and searchable:
        match looked_up(channel, _attempt(one, deployment_id)):
            case Accepted(provider_ref=ref):
                return Told(State.ACCEPTED, ref, certain=True)
            case NotFound():
                return Told(State.DEFERRED, certain=True)
        return Told(_untold(one, now, patience))
    return Told(_given_up(one))


def _untold(one: Lost, now: datetime, patience: Patience) -> State:
    """The provider cannot tell yet; after a while nobody asks any more."""
    return State.UNKNOWN if now < one.written_at + patience.look_for else _given_up(one)


def _given_up(one: Lost) -> State:
    return State.UNKNOWN_FINAL if one.marketing else State.DEFERRED


def _attempt(one: Lost, deployment_id: str) -> Attempt:
    return Attempt(
        message_id=str(one.message_id),
        attempt_id=str(one.attempt_id),
        kind=one.channel,
        address=one.address,
        text=one.text,
        stable_id=stable_id(deployment_id, one.message_id),
        written_at=one.written_at,
    )
