"""A batch of e-mails on its way: what still waits, and what became of the others."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from channels.contract import Outcome


@dataclass(slots=True)
class Letter:
    """A message as it goes over the wire."""

    number: int
    """Its place in the batch."""
    mail: bytes
    rcpt: bytes
    content: bytes
    """With its last dot, and with the dots that begin its lines doubled."""
    ref: str
    """Its name once it is taken."""
    moved: bool = False
    """It was under way on a connection that was lost through no fault of its own."""


class Batch:
    """Letters are made when their turn comes; after the deadline none has a turn."""

    def __init__(self, size: int, make: Callable[[int], "Letter | Outcome"], end_s: float) -> None:
        self.outcomes: list[Outcome | None] = [None] * size
        self.end_s = end_s
        self._make = make
        self._again: deque[Letter] = deque()
        self._at = 0

    def over(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self.end_s

    @property
    def waits(self) -> bool:
        """Whether anything still waits for its turn."""
        return bool(self._again) or self._at < len(self.outcomes)

    def next(self) -> Letter | None:
        """Whose turn it is."""
        if self.over():
            return None
        if self._again:
            return self._again.popleft()
        while self._at < len(self.outcomes):
            number = self._at
            self._at += 1
            made = self._make(number)
            if isinstance(made, Letter):
                return made
            self.outcomes[number] = made
        return None

    def again(self, letter: Letter) -> None:
        """It has its turn once more: nothing of it can have been taken."""
        letter.moved = True
        self._again.appendleft(letter)

    def told(self, letter: Letter, outcome: Outcome) -> None:
        """What became of a letter."""
        self.outcomes[letter.number] = outcome

    def ended(self, otherwise: Outcome) -> list[Outcome]:
        """The outcomes in order; `otherwise` of those that never had their turn."""
        return [otherwise if outcome is None else outcome for outcome in self.outcomes]
