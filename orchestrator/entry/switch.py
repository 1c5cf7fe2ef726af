"""The kill switch, as people pull it: by what things are called."""

from datetime import datetime
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from orchestrator.entry.opening import read_folder
from orchestrator.entry.settings import Settings
from orchestrator.model.errors import NotFound, WrongUse
from orchestrator.model.problem import or_near
from orchestrator.store import controls
from orchestrator.store.controls import EVERYTHING, SCOPES, switching, was_at_work


class Thing(NamedTuple):
    """What can be stopped: everything, a channel, a provider or a campaign."""

    scope: str
    name: str

    def __str__(self) -> str:
        return self.scope if self == EVERYTHING else f"{self.scope} {self.name}"


def named(what: str, name: str | None) -> Thing:
    """`campaign winback`, `everything`. Raises WrongUse."""
    if what not in SCOPES:
        raise WrongUse(or_near(f"there is no such thing as {what!r}", what, SCOPES))
    if what == EVERYTHING[0]:
        if name not in (None, EVERYTHING[1]):
            raise WrongUse(f"everything has no name; did you mean `campaign {name}`?")
        return Thing(*EVERYTHING)
    if name is None:
        raise WrongUse(f"which {what}? For instance: {what} NAME")
    return Thing(what, name)


def pause(engine: Engine, settings: Settings, thing: Thing, reason: str, now: datetime) -> bool:
    """Stop it, at once; False when it was stopped already. Raises NotFound, and Broken where
    somebody's open transaction is in the way."""
    with switching(engine) as connection:
        _check_name(thing, settings, connection)
        return controls.pause(connection, *thing, reason, now)


def resume(engine: Engine, thing: Thing) -> bool:
    """Let it go on; False when it was not stopped."""
    with switching(engine) as connection:
        return controls.resume(connection, *thing)


def _check_name(thing: Thing, settings: Settings, connection: Connection) -> None:
    """A pause must not miss what it means by a slip of the pen; nor fail over wrong files.

    What is in the files no more may still have messages that wait, and workers that send them.
    """
    scope, name = thing
    if scope == "campaign":
        known = {path.name for path in (settings.home / "campaigns").glob("*") if path.is_dir()}
    else:
        found = read_folder(settings).settings
        plugins = {} if found is None else found.shop.plugins
        known = set(plugins) if scope == "channel" else set(chain.from_iterable(plugins.values()))
    if not known or name in known or scope == "everything" or was_at_work(connection, scope, name):
        return
    raise NotFound(or_near(f"there is no {scope} {name!r}", name, known))
