"""A batch is handed to a plugin, a few first: a provider that fails takes only those down."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from channels.contract import Channel, Deferred, Item, Outcome
from orchestrator.flow.outcomes import signs
from orchestrator.flow.plugin_calls import written
from orchestrator.flow.watch import Watch
from orchestrator.model.breaker import Sign

FIRST_WRITTEN = 20
"""So many of a batch are written first; where the provider fails for all of them, no more are."""

_NOT_TRIED = Deferred(0, "the provider failed for those before it")


def hand_over(
    channel: Channel[Any], items: Sequence[Item], until_s: float, watch: Watch, now: datetime
) -> list[Outcome]:
    """One outcome for each item, in order. Nothing is written once the monotonic clock is past
    `until_s`."""
    few = len(items) if channel.capabilities.own_servers else FIRST_WRITTEN
    first, rest = items[:few], items[few:]
    outcomes: list[Outcome] = []
    for part in (first, rest):
        if not part:
            continue
        if outcomes and all(sign is not Sign.WORKS for sign in signs(outcomes)):
            return outcomes + [_NOT_TRIED] * len(part)
        outcomes += written(channel, part, until_s - watch.monotonic(), now)
    return outcomes
