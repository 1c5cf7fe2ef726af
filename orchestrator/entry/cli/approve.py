"""`tactful approve` and `tactful release`: a person stands for what is about to leave."""

import getpass
from typing import Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder


def approve(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    digest: Annotated[
        str, typer.Option("--digest", help="As `tactful plan` has shown it.", show_default=False)
    ],
    audience: Annotated[
        int | None,
        typer.Option(help="Customers in a day. [those of the plan]", show_default=False),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who approves. [your login]", show_default=False)
    ] = None,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Approve of a campaign's content and its audience.

    \b
    tactful plan winback
    tactful approve winback --digest 0a1b2c3d4e5f6071-8293a4b5c6d7e8f9
    tactful approve cart --digest … --audience 400

    Of a campaign with `approval: required` nothing is planned before. Other content needs another
    approval, and so does an audience that is larger by more than half.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import rehearse
    from orchestrator.entry.settings import settings
    from orchestrator.flow.forecast import agree

    with rehearse(settings(shop)) as rehearsal:
        tactful = rehearsal.tactful
        who = by or _login()
        done = agree(tactful, campaign, digest, audience, who, clock.now())
    if json:
        as_json(done)
    else:
        said = f"{campaign} is approved of by {who}, for {done.audience:,} customers in a day"
        out().print(said, style="bold", soft_wrap=True)


def release(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Let the rest of a campaign follow its first messages.

    \b
    tactful release winback

    For a `canary` that was stopped, or need not be watched any longer, whatever became of it. What
    was stopped before the campaign was written anew stays held back. A campaign that is paused
    stays so: `tactful resume campaign winback`. Ends with 1 where nothing was held back.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.flow.canary import release as let_go
    from orchestrator.store.database import writing

    with open_store(settings(shop)) as engine, writing(engine) as connection:
        steps = let_go(connection, campaign, clock.now())
    if json:
        as_json({"campaign": campaign, "released": steps})
    elif steps:
        out().print(f"the rest of {campaign} may leave", style="bold")
    else:
        out().print(f"nothing of {campaign} was held back")
    if not steps:
        raise typer.Exit(PROBLEMS)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return "somebody"
