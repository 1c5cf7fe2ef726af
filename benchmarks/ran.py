"""What a campaign came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """`seconds`: from its start to the last message accepted and recorded. `cpu_s`: over all
    processes but the provider's."""

    messages: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Messages in a second."""
        return self.messages / self.seconds

    @property
    def cpu_s_per_1000(self) -> float:
        """Seconds of work for a thousand messages."""
        return self.cpu_s * 1000 / self.messages
