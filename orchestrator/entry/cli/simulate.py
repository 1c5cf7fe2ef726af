"""`tactful simulate`: what the campaigns would have done over the shop's own history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.options import Json, ShopFolder, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orchestrator.flow.replay import Moment
    from orchestrator.flow.simulate import Span


def simulate(
    start: Annotated[str, typer.Option("--from", metavar="WHEN", help="The first moment.")],
    end: Annotated[str, typer.Option("--to", metavar="WHEN", help="The last moment.")],
    step: Annotated[str, typer.Option(metavar="SPAN", help="How often the clock ticks.")] = "15m",
    folder: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="Where the copy goes. [var/simulation]"),
    ] = None,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Run the campaigns over the past, on a virtual clock.

    \b
    tactful simulate --from 2017-11-06 --to 2017-12-04
    tactful simulate --from 2017-11-06 --to 2017-12-04 --step 1h --json

    Nothing is sent. It works on a copy of the data, and shows what would have been sent, and what
    not and why. The copy stays, with everything that
    was simulated: TACTFUL_DATABASE_URL=sqlite:///var/simulation/simulation.db tactful explain …
    """
    from orchestrator.entry.cli.report import show_report
    from orchestrator.entry.cli.screen import as_json
    from orchestrator.entry.cli.when import read_moment, show_moment
    from orchestrator.entry.opening import open_store, read_campaigns
    from orchestrator.entry.settings import settings
    from orchestrator.entry.simulation import Simulation
    from orchestrator.entry.told import report_told

    where = settings(shop)
    loaded = read_campaigns(where)
    assert loaded.settings is not None  # nothing is wrong, so it is there
    zone = loaded.settings.shop.zone
    span = _span(read_moment(start, zone), read_moment(end, zone), step)
    into = folder or where.var / "simulation"
    simulation = Simulation(loaded, into)
    with open_store(where) as engine:
        supposed = simulation.supposed(engine)
        moments = simulation.run(engine, span)
        reached = _watch(moments, span, quiet=json)
    if reached < span.end:
        said = f"Stopped at {show_moment(reached, zone)}; this is what happened until then."
        typer.echo(said, err=True)
    found = simulation.report(reached)
    if json:
        as_json(
            {
                "from": span.start,
                "to": reached,
                "folder": into,
                "supposed_approved": supposed,
                "report": report_told(found),
            }
        )
    else:
        show_report(found)
        if supposed:
            typer.echo(f"\nAs if somebody had approved of: {', '.join(supposed)}")
        typer.echo(f"\nThe simulated database and messages are in {into}")


def _span(start: "datetime", end: "datetime", step: str) -> "Span":
    from orchestrator.flow.simulate import Span
    from orchestrator.model.errors import WrongUse

    every = span_of("--step", step)
    if end <= start:
        raise WrongUse("--to must be later than --from")
    return Span(start, end, every)


def _watch(moments: "Iterator[Moment]", span: "Span", *, quiet: bool) -> "datetime":
    """Let the virtual time pass, with a bar on a screen; how far it came before Ctrl-C at worst."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from orchestrator.entry.cli.screen import err

    console = err()
    with Progress(
        TextColumn("{task.fields[day]}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[sent]:,} messages"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=span.ticks, day="", sent=0)
        sent, reached = 0, span.start
        try:
            for moment in moments:
                reached = moment.now
                sent += moment.tick.sent["accepted"]
                bar.update(task, advance=1, day=f"{moment.now:%d %b %Y}", sent=sent)
        except KeyboardInterrupt:
            return reached
    return span.end
