"""What need not be decided yet, since more waits to leave than can leave soon.

A scheduled pass over everyone, or over a product's price, can wait: its messages would stand at the
end of the line, and be decided on what was known too early. What one customer has just done cannot.
"""

from collections.abc import Mapping

from orchestrator.model.trigger import OnProduct
from orchestrator.model.version import Version


def can_wait(version: Version) -> bool:
    """Whether what the campaign asks about is a pass."""
    return version.campaign.is_scheduled or isinstance(version.campaign.trigger, OnProduct)


def too_much(due: Mapping[str, int], most: int) -> bool:
    """Whether more than `most` is due on one channel. `due`: channel → messages."""
    return any(number > most for number in due.values())
