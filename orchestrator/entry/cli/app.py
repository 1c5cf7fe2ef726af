"""All commands together."""

from typing import Annotated

import typer

from orchestrator.entry.cli.check import check
from orchestrator.entry.cli.explain import explain
from orchestrator.entry.cli.faults import Commands
from orchestrator.entry.cli.importing import import_
from orchestrator.entry.cli.plan import plan
from orchestrator.entry.cli.run import run

app = typer.Typer(
    name="tactful",
    cls=Commands,
    help="Push messages with good manners: check, plan, run and explain a shop's campaigns.",
    epilog="Begin with `tactful check`, then `tactful plan`. Each command has its own --help.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tactful {version('tactful')}")
        raise typer.Exit


@app.callback()
def tactful(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version it is."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="TACTFUL_DEBUG", help="Show tracebacks.")
    ] = False,
) -> None:
    """Options that come before the command."""


app.command()(check)
app.command("import")(import_)
app.command()(plan)
app.command()(run)
app.command()(explain)
