"""What a text may not promise: STOP is heard by telephone and from Messenger, and nowhere else."""

from collections.abc import Iterator

from orchestrator.flow.load.promised import Promises
from orchestrator.model.problem import Problem

_UNHEARD = frozenset({"social.txt.j2", "webpush.txt.j2", "inbox.txt.j2", "webhook.txt.j2"})
_FOOTER = "text_footer"


def check_text(name: str, what: str | None, promises: Promises) -> Iterator[Problem]:
    """`name` is the file's, `what` the same without a step's prefix; None if it is no step's."""
    if what in _UNHEARD and _FOOTER in promises.names(name):
        said = f"{_FOOTER}() asks for a STOP that nobody hears there"
        yield Problem(name, 1, 1, said, "add {{ links.preferences }} in its place")
