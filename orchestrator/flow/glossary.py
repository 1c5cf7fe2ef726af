"""`python -m orchestrator.flow.glossary`: writes docs/glossary.md.

The words stand here; states come from the model, reasons from the gates of the shipped campaigns.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from orchestrator.flow.law import read_law
from orchestrator.flow.load import load
from orchestrator.flow.statements import Statements
from orchestrator.model.message import ADMITTED, PENDING, State
from orchestrator.model.version import Version
from orchestrator.rules.gates import AnyGate, channel_gates, customer_gates, last_gates
from orchestrator.rules.within import Within

ROOT = Path(__file__).resolve().parents[2]

WORDS = {
    "campaign": "a marketer's intent: who should hear what, when and where",
    "version": "a campaign's exact content, addressed by its digest",
    "customer": "a person; **identity**, one key of theirs; **profile**, what we know of them",
    "trait": "one thing that a profile says, such as the number of children",
    "event": "something a customer did; **touchpoint**, where; **theme**, what it is about",
    "trigger": "the event or schedule that asks for a message; **occasion**, one such asking",
    "audience": "who could match; **condition**, a test on profile or history",
    "segment": "a condition with a name, in `shop.yaml`",
    "gate": "a rule that any message must pass; **decision**, the gates' verdict with its reason",
    "topic": "what a customer may subscribe to",
    "consent": "recorded permission for a channel and a topic, with when, where and in which words",
    "preference": "a wish about time, channel, frequency or language",
    "suppression": "an address that must not be used",
    "clock": "what decides when it is a good time for a customer: zones, place, own wish",
    "quiet hours": "local times not to disturb",
    "cap": "the most messages in any window of a length",
    "arbitration": "who gets a cap's last slot: by priority, deadline, then the campaign's name",
    "holdout": "customers who deliberately get nothing, so that the effect can be measured",
    "journey": "a customer's way through a campaign of several steps",
    "approval": "a yes to a campaign's exact content and audience, given by the digest of its plan",
    "canary": "a campaign's first messages, sent alone; the rest wait to see how they fare",
    "message": "one intended communication; **attempt**, one possible write to a provider",
    "outcome": "what the provider said at once; **feedback**, what it said later",
    "channel": "a way to reach people; **provider**, a firm behind it; **plugin**, our code for it",
    "offer": "what is proposed; **price**, what it costs, all in; **quote**, the price as shown",
    "pass": "one look of a campaign at everyone, for a slot of its schedule or a change of a price",
    "cancel": "take back messages that have not left; for each, whether it was or it is too late",
    "plan": "deciding and writing into the ledger; `tactful plan` does it and undoes it",
}
NOT_USED = ("blast", "user", "notification", "job")

STATES = {
    State.PLANNED: "will leave at its time, if every gate still lets it",
    State.DEFERRED: "waits for a reason, and comes back",
    State.CLAIMED: "in a worker's hands; nothing is written yet",
    State.SENDING: "admitted: every gate was asked once more, and it may have been written",
    State.UNKNOWN: "written, and no answer came; it is looked for at the provider",
    State.ACCEPTED: "the provider has it",
    State.DELIVERED: "the provider says that it arrived",
    State.BOUNCED: "it came back",
    State.COMPLAINED: "the customer called it spam",
    State.REJECTED: "the provider certainly does not have it, and will not take it",
    State.UNKNOWN_FINAL: "whether it arrived cannot be found out; not sent again",
    State.SKIPPED: "decided not to be sent",
    State.HELD_OUT: "would have been sent, and was left out to measure the effect",
    State.SUPPRESSED: "no address, no consent, or an address that must not be used",
    State.CAPPED: "a cap was full when it was about to leave",
    State.CANCELLED: "taken back",
    State.EXPIRED: "its time was over",
    State.STALE: "what it was to say is no longer true",
    State.RENDER_FAILED: "its templates and data make no message",
    State.POISONED: "taken in hand again and again without any result",
}


def glossary(root: Path = ROOT) -> str:
    """The page."""
    return "\n".join(_page(root)) + "\n"


def _page(root: Path) -> Iterator[str]:
    yield "# Glossary"
    yield ""
    yield "<!-- Made by `python -m orchestrator.flow.glossary`. Change it there. -->"
    yield ""
    yield "| word | meaning |"
    yield "|---|---|"
    yield from (f"| **{word}** | {meaning} |" for word, meaning in WORDS.items())
    yield ""
    yield f"Not used: {', '.join(NOT_USED)} (Celery's word is *task*)."
    yield ""
    yield "## States of a message"
    yield ""
    yield "| state | meaning | fills a cap |"
    yield "|---|---|---|"
    for state in State:
        fills = "yes" if state in ADMITTED else "if it comes first" if state in PENDING else ""
        yield f"| `{state}` | {STATES[state]} | {fills} |"
    yield ""
    yield "## Reasons"
    yield ""
    yield "Why a customer gets nothing, in the order of asking. A name with `_lost` means"
    yield "that the slot went to a planned message that comes first. The last column: what becomes"
    yield "of a message that was planned and no longer passes before it is written."
    yield ""
    yield "| reason | for example: the customer … | then |"
    yield "|---|---|---|"
    for gate in _gates(load(root).versions):
        yield f"| `{gate.name}` | {gate.sentence} | `{gate.ends_as}` |"


def _gates(versions: tuple[Version, ...]) -> list[AnyGate]:
    """Every gate that some shipped campaign meets, by name, in the order of asking."""
    statements = Statements(read_law())
    found: dict[str, tuple[int, int, AnyGate]] = {}
    for version in versions:
        case = statements.on_trigger(version, Within.RANGE).case
        parts: tuple[list[AnyGate], ...] = (
            list(customer_gates(case)),
            [g for channel in case.route.channels for g in channel_gates(case, channel)],
            list(last_gates(case)),
        )
        for part, gates in enumerate(parts):
            for place, gate in enumerate(gates):
                found.setdefault(gate.name, (part, place, gate))
    return [gate for _, _, gate in sorted(found.values(), key=lambda one: one[:2])]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "glossary.md"
    target.write_text(glossary(), encoding="utf-8")
