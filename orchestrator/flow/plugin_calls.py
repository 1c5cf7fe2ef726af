"""Calls of a plugin, which a stranger may have written: what breaks in one ends with its messages.

A plugin that raises has a bug. Whether it had written by then nobody knows, so what it was given is
`Unknown`, as after a lost answer; the account's breaker then keeps it from more, the other
channels go on, and the attempts tell which plugin it was, what it said, and in which line.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any

from channels.contract import (
    UNPRINTABLE,
    Accepted,
    Attempt,
    Channel,
    Deferred,
    Found,
    Item,
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Rejected,
    Unknown,
    Unsupported,
)

_DETAIL_LENGTH_MAX = 1_000
_SPAN_S_MAX = 1e9
_REASONS = frozenset(Reason)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokeDown:
    """Nothing is known to be wrong with the message, and nothing of it was written."""

    what: str


def what_broke(channel: Channel[Any] | type[Channel[Any]], error: Exception) -> str:
    """What a plugin has raised, in a sentence that names the plugin and the line."""
    where = extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return _line(f"the plugin {channel.name} broke down: {said}")


def prepared(channel: Channel[Any], item: Item) -> Prepared | Unsupported | BrokeDown:
    """The item as the plugin would write it."""
    try:
        ready = channel.prepare(item)
    except Exception as error:
        return BrokeDown(what_broke(channel, error))
    if isinstance(ready, Prepared | Unsupported):
        return ready
    return BrokeDown(_line(f"the plugin {channel.name} prepared {ready!r}"))


def written(
    channel: Channel[Any], items: Sequence[Item], deadline_s: float, now: datetime
) -> list[Outcome]:
    """One outcome for each item, in order, whatever the plugin makes of them."""
    try:
        outcomes = list(channel.send(items, deadline_s, now))
    except Exception as error:
        what = what_broke(channel, error)
        _log.error(what, exc_info=True)
        return [Unknown(what)] * len(items)
    if len(outcomes) != len(items):
        what = f"the plugin {channel.name} gave {len(outcomes)} outcomes for {len(items)} messages"
        _log.error(what)
        return [Unknown(what)] * len(items)
    return [_kept(channel, outcome) for outcome in outcomes]


def looked_up(channel: Channel[Any], attempt: Attempt) -> Found:
    """Whether the provider has it, as far as the plugin can tell."""
    try:
        answer = channel.find(attempt)
    except Exception as error:
        what = what_broke(channel, error)
        _log.error(what, exc_info=True)
        return Unknown(what)
    if isinstance(answer, NotFound | Unknown):
        return answer
    if isinstance(answer, Accepted) and (accepted := _named(answer)):
        return accepted
    what = _line(f"the plugin {channel.name} found {answer!r}")
    _log.error(what)
    return Unknown(what)


def _kept(channel: Channel[Any], outcome: Outcome) -> Outcome:
    """As the ledger can keep it."""
    match outcome:
        case Accepted() if accepted := _named(outcome):
            return accepted
        case Unknown():
            return replace(outcome, detail=_line(outcome.detail))
        case Deferred(retry_after_s=after) if _is_span(after):
            return replace(outcome, detail=_line(outcome.detail))
        case Rejected(reason=str() as reason, retry_after_s=after) if reason in _REASONS and (
            after is None or _is_span(after)
        ):
            return replace(outcome, reason=Reason(reason), detail=_line(outcome.detail))
    what = _line(f"the plugin {channel.name} gave {outcome!r} for a message")
    _log.error(what)
    return Unknown(what)


def _named(accepted: Accepted) -> Accepted | None:
    """With the provider's name for it as a text that every ledger keeps; None if there is none."""
    ref: object = accepted.provider_ref
    if type(ref) is str and ref.isprintable():
        return accepted if ref else None
    if isinstance(ref, str | int) and not isinstance(ref, bool):  # many providers give numbers
        return Accepted(_line(ref))
    return None


def _is_span(seconds: object) -> bool:
    return isinstance(seconds, int | float) and abs(seconds) < _SPAN_S_MAX


def _line(text: object) -> str:
    return UNPRINTABLE.sub(" ", str(text))[:_DETAIL_LENGTH_MAX]
