"""`tactful preview`: a message as one customer would see it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import At, Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.flow.preview import Preview


def preview(
    campaign: Annotated[str, typer.Argument(help="The campaign.")],
    customer: Annotated[str, typer.Option("--customer", metavar="KEY", help="For whom.")],
    channel: Annotated[
        str | None, typer.Option(help="On another channel than the customer's.", show_default=False)
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="A later step, by its number.", show_default=False)
    ] = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the page, or the text, to a file."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    at: At = None,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Show a message as one customer would see it. Nothing is sent.

    \b
    tactful preview winback --customer c-1042
    tactful preview winback --customer c-1042 --channel sms
    tactful preview winback --customer c-1042 --out page.html --open

    Whatever the rules say, and with the customer's data as they are. The links are not valid. Ends
    with 1 where there is no message to be shown.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, warn
    from orchestrator.entry.cli.when import read_moment
    from orchestrator.entry.opening import rehearse
    from orchestrator.entry.settings import settings
    from orchestrator.flow.preview import preview as render

    where = settings(shop)
    with rehearse(where) as rehearsal:
        tactful = rehearsal.tactful
        now = clock.now() if at is None else read_moment(at, tactful.shop.zone)
        found = render(tactful, campaign, customer, now, channel=channel, step=step)
        if found.channel in rehearsal.stand_ins:
            warn(f"{rehearsal.stand_ins[found.channel]}; shown as the outbox would write it")
    if json:
        as_json(found)
    else:
        _show(found)
    if found.failed:
        raise typer.Exit(PROBLEMS)
    if out_file is not None or open_it:
        file = out_file or where.var / f"preview-{campaign}-{found.channel}.html"
        _write(found, file)
        if not json:
            typer.echo(f"written to {file}")
        if open_it:
            typer.launch(str(file))


def _write(found: "Preview", file: Path) -> None:
    from orchestrator.model.errors import WrongUse

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found.html or found.text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"cannot write {file}: {error.strerror}") from None


def _show(found: "Preview") -> None:
    from orchestrator.entry.cli.screen import complain, count, out

    console = out()
    to = found.address or "nobody: the customer has no address for it"
    console.rule(f"{found.campaign} by {found.channel}", align="left", style="dim")
    console.print(f"To: {to}")
    console.print(f"because {found.occasion.says}", style="dim")
    if found.failed:
        complain(f"there is no message: {found.failed}: {found.detail}")
        return
    if found.subject:
        console.print(f"Subject: {found.subject}", style="bold")
    if found.preheader:
        console.print(f"Preview line: {found.preheader}", style="dim")
    console.print()
    console.print(found.text, soft_wrap=True)
    console.print()
    size = f"{len(found.text)} characters"
    if found.alphabet:
        size += f" in {found.alphabet}, {count(found.pieces, 'segment')}"
    console.print(f"{size}, {found.cost} {found.currency}", style="dim")
    for line in found.quote:
        said = ", ".join(f"{name}: {value}" for name, value in line.items() if value)
        console.print(f"quoted: {said}", style="dim", soft_wrap=True)
