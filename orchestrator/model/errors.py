"""The exceptions, in one tree.

    TactfulError
    ├── ProblemsFound      files that a person wrote are wrong; carries every Problem
    ├── WrongUse           a command or a call that cannot be carried out as asked
    │   └── NotFound       a customer, campaign or message that does not exist
    └── Broken             the installation is: no database, wrong schema, a missing plugin
        ├── Away           the database does not answer; it may come back
        └── OtherRelease   the database holds what only another release can read

What happens to one message is never an exception: it is a state with a reason.
"""

from collections.abc import Sequence

from orchestrator.model.problem import Problem


class TactfulError(Exception):
    """Anything that Tactful itself raises."""


class ProblemsFound(TactfulError):
    """Some files are wrong. All that is wrong with them is in `problems`, in reading order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WrongUse(TactfulError):
    """What was asked for cannot be done as asked; the text says what to do instead."""


class NotFound(WrongUse):
    """There is no such customer, campaign or message."""


class Broken(TactfulError):
    """The installation is not as it must be; `tactful doctor` says more."""


class Away(Broken):
    """The database's server does not answer, or lets nobody in: whoever can wait may try again."""


class OtherRelease(Broken):
    """The database holds what only another release of Tactful can read. It is not damaged."""
