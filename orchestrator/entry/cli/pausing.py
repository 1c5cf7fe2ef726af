"""`tactful pause` and `tactful resume`: the kill switch."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.entry.switch import Thing

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
    from orchestrator.entry import clock, switch
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings

    where = settings(shop)
    thing = switch.named(what, name)
    with open_store(where, make=True, older=True) as engine:
        done = switch.pause(engine, where, thing, reason, clock.now())
    _tell(done, "paused", thing, json=json)


def resume(what: What, name: Name = None, shop: ShopFolder = None, json: Json = False) -> None:
    """Let it go on. What has expired meanwhile is not sent any more.

    \b
    tactful resume everything
    tactful resume campaign winback

    Ends with 1 where it was not paused.
    """
    from orchestrator.entry import switch
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings

    thing = switch.named(what, name)
    with open_store(settings(shop), older=True) as engine:
        done = switch.resume(engine, thing)
    _tell(done, "resumed", thing, json=json)


def _tell(done: bool, verb: str, thing: "Thing", *, json: bool) -> None:
    from orchestrator.entry.cli.screen import as_json, out

    if json:
        as_json({"scope": thing.scope, "name": thing.name, verb: done})
    elif done:
        out().print(f"{thing} is {verb}", style="bold")
    else:
        out().print(f"{thing} was {'paused already' if verb == 'paused' else 'not paused'}")
    if not done:
        raise typer.Exit(PROBLEMS)
