"""Why a message did not leave, in people's words and with the line where the rule stands.

The words are the gates' own; what is no gate's reason – a provider's refusal, a template that
failed – has its words here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from orchestrator.flow.explain.places import Spot, spot
from orchestrator.model.law import Law
from orchestrator.model.version import Version
from orchestrator.rules.case import Case
from orchestrator.rules.gates import AnyGate, channel_gates, customer_gates, last_gates
from orchestrator.tables import journeys

OTHER: Mapping[str, str] = {
    "no_channel": "there is no channel to reach them by",
    "cancelled_by_hand": "was cancelled by hand",
    "forgotten": "the customer was forgotten",
    "has_left": "left the campaign before the message could leave",
    "claimed_in_vain": "was taken up again and again without any result",
    "no_answer": "the provider's answer was lost",
    "other_release": "its campaign was published by a newer Tactful than the worker that had it",
    "price_changed": "a price changed before it could leave; it is written anew",
    "provider": "the provider could not take it just then",
    "unsupported": "the channel cannot carry it",
    "plugin_broke": "the channel's plugin has a bug, and broke down over it",
    "too_long": "is longer than segments_max",
    # a provider's refusals (channels.contract.Reason)
    "bad_address": "the provider knows that the address does not work",
    "unsubscribed": "the provider knows of an opt-out",
    "blocked_sender": "the provider has blocked the sender",
    "too_large": "is too large for the provider",
    "content_refused": "the provider refused the content",
    "rate_limited": "the provider takes no more just then",
    "provider_down": "the provider was down",
    "auth_failed": "the provider did not accept our login",
    "window_closed": "the conversation's window is closed",
    "other": "the provider refused it",
    # what was told later (orchestrator.flow.feedback)
    "bounced_hard": "came back: the address does not work",
    "bounced_soft": "the provider has it, and could not deliver it for now",
    "complained": "was called spam",
    # a template's failures (orchestrator.flow.render)
    "template_error": "the template is wrong",
    "template_missing": "a template is missing",
    "undefined": "the template asks for something that this customer does not have",
    "forbidden": "the template does what templates may not do",
    "data_error": "the customer's data does not fit the template",
    "control_character": "holds characters that a message must not hold",
    "empty": "the template leaves nothing to read",
    "bare_price": "the template prints a price by itself, without the macros",
    "price_missing": "a product has no price",
    "price_not_shown": "the offer does not show its total price",
    "order_link_missing": "a product has no way to order it",
    "order_link_not_shown": "the offer does not say how to order",
    "too_slow": "the template takes too long",
}


_NOBODY = select(
    journeys.c.customer_id,
    journeys.c.occasion,
    journeys.c.event_id,
    journeys.c.change_id,
    journeys.c.due_at,
)
"""Who asks does not matter to the words of a gate."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: what it says, where its rules stand, and which rows of the law they are."""

    name: str
    says: tuple[str, ...]
    spots: tuple[Spot, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All that it may mean, as one sentence.

        >>> Reason("r", ("has no address for email", "has no address for sms")).sentence
        'has no address for email or sms'
        """
        words = [one.split(" ") for one in self.says]
        head = _common(words)
        tail = _common([list(reversed(one[head:])) for one in words])
        first = words[0]
        parts = (" ".join(one[head : len(one) - tail]) for one in words)
        middle = " or ".join(part for part in parts if part)
        return " ".join((*first[:head], *middle.split(" "), *first[len(first) - tail :])).strip()


def reasons(version: Version, law: Law) -> dict[str, Reason]:
    """Every reason that the gates of a campaign may give, in the order of the gates."""
    found: dict[str, Reason] = {}
    for step in version.campaign.sends:
        for gate in _gates(version, step, law):
            old = found.get(gate.name, Reason(gate.name, ()))
            place = spot(version, gate.path)
            found[gate.name] = Reason(
                gate.name,
                _with(old.says, gate.sentence),
                old.spots if place is None else _with(old.spots, place),
                _with(old.rules, gate.rule) if gate.rule else old.rules,
            )
    return found


def reason(name: str, known: Mapping[str, Reason]) -> Reason:
    """A reason by its name, whoever gave it."""
    return known.get(name) or Reason(name, (OTHER.get(name, name.replace("_", " ")),))


def _common(words: Sequence[Sequence[str]]) -> int:
    """How many words all begin with."""
    number = 0
    for column in zip(*words, strict=False):
        if len(set(column)) > 1:
            break
        number += 1
    return number


def _gates(version: Version, step: int, law: Law) -> Iterator[AnyGate]:
    case = Case.of(version, step, law, _NOBODY)
    yield from customer_gates(case)
    for channel in case.route.channels:
        yield from channel_gates(case, channel)
    yield from last_gates(case)


def _with(some: tuple[Any, ...], one: Any) -> tuple[Any, ...]:
    return some if one in some else (*some, one)
