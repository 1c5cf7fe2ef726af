"""`tactful deployment`: which database this is, and whether it is where it was put to work."""

from typing import Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder


def deployment(
    what: Annotated[
        str | None, typer.Argument(help="adopt, or nothing to look.", show_default=False)
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Adopt it beside the original, under an id of its own.")
    ] = False,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Show whether the database belongs here, or adopt it.

    \b
    tactful deployment
    tactful deployment adopt          # restored: the original is gone
    tactful deployment adopt --new    # copied: the original goes on

    A copied or restored database starts paused, so that nothing is sent twice. After `adopt`,
    `tactful resume everything` lets it go on. Ends with 1 where it belongs elsewhere.
    """
    from orchestrator.entry.chance import new_deployment
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.entry.whereabouts import here
    from orchestrator.model.errors import WrongUse
    from orchestrator.store import whereabouts
    from orchestrator.store.database import writing
    from orchestrator.store.deployment import this_deployment

    if what not in (None, "adopt"):
        raise WrongUse(f"there is no such thing as {what!r}; did you mean `deployment adopt`?")
    if new and what is None:
        raise WrongUse("--new goes with `deployment adopt`")
    where = settings(shop)
    with open_store(where) as engine, writing(engine) as connection:
        now = here(connection, where)
        if what == "adopt":
            if new:
                whereabouts.become_another(connection, new_deployment())
            if now is not None:
                whereabouts.adopt(connection, now)
        id = this_deployment(connection, new_deployment()).id
        was = whereabouts.noted(connection)
    home = was in (None, now) or now is None
    if json:
        as_json({"deployment": id, "belongs_here": home, "put_to_work": was is not None})
    else:
        console = out()
        console.print(f"deployment {id}", style="bold")
        if home:
            console.print("it is where it belongs" if was else "it was not put to work yet")
        else:
            console.print(whereabouts.MOVED, style="bold red", soft_wrap=True)
        if what == "adopt":
            console.print("what was paused stays so; `tactful resume everything` lets it go on")
    if not home:
        raise typer.Exit(PROBLEMS)
