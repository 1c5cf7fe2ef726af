"""Why: every rule about a customer, a message or a reason, with the line where it stands.

verdict    every gate about one customer      occasion   whether the trigger asks at all
leaves     the tests of an audience           customer   all that is on record of a customer
reasons    the words for a reason             places     the line where a rule stands
"""

from orchestrator.flow.explain.customer import (
    ExplainedCustomer,
    ExplainedMessage,
    explain_customer,
    explain_message,
)
from orchestrator.flow.explain.verdict import Explained, GateVerdict

__all__ = [
    "Explained",
    "ExplainedCustomer",
    "ExplainedMessage",
    "GateVerdict",
    "explain_customer",
    "explain_message",
]
