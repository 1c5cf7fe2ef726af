"""`tactful replies`: what customers answered in words that only a person can interpret."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.flow.replies import Reply


def replies(
    stop: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="This one means an end to marketing.", show_default=False),
    ] = None,
    fine: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="This one asks for no end.", show_default=False),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1_000, help="So many are shown.")] = 50,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Show the replies that wait for a person, or settle some.

    \b
    tactful replies
    tactful replies --stop 71 --stop 75 --fine 72

    An end is one from when it was said, as STOP would have been. Ends with 1 where a number is
    none of a reply that waits.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, complain, out
    from orchestrator.entry.opening import open_store, read_shop
    from orchestrator.entry.settings import settings
    from orchestrator.flow import replies as flow
    from orchestrator.model.errors import WrongUse

    ends, others = set(stop or ()), set(fine or ())
    if ends & others:
        raise WrongUse(f"{min(ends & others)} cannot be both an end and none")
    where = settings(shop)
    settled_shop = read_shop(where).shop
    with open_store(where) as engine:
        if not (ends or others):
            found = flow.replies(engine, settled_shop, most)
            if json:
                as_json({"replies": found})
            else:
                _show(found)
            return
        done = flow.read(engine, settled_shop, ends, others, clock.now())
    if json:
        as_json(done)
    else:
        console = out()
        console.print(f"{len(done.stop)} taken for an end, {len(done.fine)} for none")
        for id in done.unknown:
            complain(f"{id} is no reply that waits to be read")
    if done.unknown:
        raise typer.Exit(PROBLEMS)


def _show(found: "list[Reply]") -> None:
    from orchestrator.entry.cli.screen import out, table

    console = out()
    if not found:
        console.print("no reply waits to be read")
        return
    shown = table("id", "customer", "by", "when", "what", numbers=(0,))
    for one in found:
        shown.add_row(
            str(one.id),
            ", ".join(one.customers) or "nobody we know",
            ", ".join(one.channels),
            f"{one.at:%Y-%m-%d %H:%M} UTC",
            printable(one.text),
        )
    console.print(shown)


def printable(text: str) -> str:
    """What a stranger wrote, without what would move the cursor or colour the screen."""
    return "".join(char if char.isprintable() else " " for char in text)
