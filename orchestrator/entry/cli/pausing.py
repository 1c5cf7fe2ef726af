"""`tactful pause` and `tactful resume`: the kill switch."""

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator.entry.settings import Settings

What = Annotated[str, typer.Argument(help="everything, channel, provider or campaign.")]
Name = Annotated[
    str | None, typer.Argument(help="Its name; nothing for everything.", show_default=False)
]


def pause(
    what: What,
    name: Name = None,
    reason: Annotated[str, typer.Option(help="Why, for those who look later.")] = "by hand",
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Stop planning and sending, at once. Nothing is lost: what is due waits.

    \b
    tactful pause everything --reason 'wrong prices'
    tactful pause campaign winback
    tactful pause channel sms
    tactful pause provider email_smtp

    Ends with 1 where it was paused already.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.store import controls

    where = settings(shop)
    scope, known = _named(what, name)
    with (
        open_store(where, make=True, older=True) as engine,
        controls.switching(engine) as connection,
    ):
        _check_name(scope, known, where, connection)
        done = controls.pause(connection, scope, known, reason, clock.now())
    _tell(done, "paused", scope, known, json=json)


def resume(what: What, name: Name = None, shop: ShopFolder = None, json: Json = False) -> None:
    """Let it go on. What has expired meanwhile is not sent any more.

    \b
    tactful resume everything
    tactful resume campaign winback

    Ends with 1 where it was not paused.
    """
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.store import controls

    where = settings(shop)
    scope, known = _named(what, name)
    with open_store(where, older=True) as engine, controls.switching(engine) as connection:
        done = controls.resume(connection, scope, known)
    _tell(done, "resumed", scope, known, json=json)


def _named(what: str, name: str | None) -> tuple[str, str]:
    """The control's scope and name."""
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.problem import or_near
    from orchestrator.store.controls import EVERYTHING, SCOPES

    if what not in SCOPES:
        raise WrongUse(or_near(f"there is no such thing as {what!r}", what, SCOPES))
    if what == EVERYTHING[0]:
        if name not in (None, EVERYTHING[1]):
            raise WrongUse(f"everything has no name; did you mean `campaign {name}`?")
        return EVERYTHING
    if name is None:
        raise WrongUse(f"which {what}? For instance: {what} NAME")
    return what, name


def _check_name(scope: str, name: str, where: "Settings", connection: "Connection") -> None:
    """A pause must not miss what it means by a slip of the pen; nor fail over wrong files.

    What is in the files no more may still have messages that wait, and workers that send them.
    """
    from orchestrator.entry.opening import read_folder
    from orchestrator.model.errors import NotFound
    from orchestrator.model.problem import or_near
    from orchestrator.store.controls import was_at_work

    if scope == "campaign":
        known = {path.name for path in (where.home / "campaigns").glob("*") if path.is_dir()}
    else:
        found = read_folder(where).settings
        plugins = {} if found is None else found.shop.plugins
        known = set(plugins) if scope == "channel" else set(chain.from_iterable(plugins.values()))
    if not known or name in known or scope == "everything" or was_at_work(connection, scope, name):
        return
    raise NotFound(or_near(f"there is no {scope} {name!r}", name, known))


def _tell(done: bool, verb: str, scope: str, name: str, *, json: bool) -> None:
    from orchestrator.entry.cli.screen import as_json, out

    thing = scope if scope == "everything" else f"{scope} {name}"
    if json:
        as_json({"scope": scope, "name": name, verb: done})
    elif done:
        out().print(f"{thing} is {verb}", style="bold")
    else:
        out().print(f"{thing} was {'paused already' if verb == 'paused' else 'not paused'}")
    if not done:
        raise typer.Exit(PROBLEMS)
