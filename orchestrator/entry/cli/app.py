"""All commands together."""

from collections.abc import Callable
from typing import Annotated

import typer

from orchestrator.entry.cli.approve import approve, release
from orchestrator.entry.cli.cancel import cancel
from orchestrator.entry.cli.channel import channel
from orchestrator.entry.cli.check import check
from orchestrator.entry.cli.columns import columns
from orchestrator.entry.cli.deployment import deployment
from orchestrator.entry.cli.doctor import doctor
from orchestrator.entry.cli.explain import explain
from orchestrator.entry.cli.faults import Commands
from orchestrator.entry.cli.forget import forget
from orchestrator.entry.cli.importing import import_
from orchestrator.entry.cli.init import init
from orchestrator.entry.cli.migrate import migrate
from orchestrator.entry.cli.pausing import pause, resume
from orchestrator.entry.cli.plan import plan
from orchestrator.entry.cli.preview import preview
from orchestrator.entry.cli.publish import publish
from orchestrator.entry.cli.replies import replies
from orchestrator.entry.cli.report import report
from orchestrator.entry.cli.run import run
from orchestrator.entry.cli.schema import schema
from orchestrator.entry.cli.simulate import simulate
from orchestrator.entry.cli.status import status
from orchestrator.entry.cli.tick import tick
from orchestrator.entry.cli.tidy import tidy
from orchestrator.entry.cli.top import top
from orchestrator.entry.cli.web import web

app = typer.Typer(
    name="tactful",
    cls=Commands,
    help="Push messages with good manners: check, plan, run and explain a shop's campaigns.",
    epilog="Begin with `tactful init`, then `tactful plan`. Each command has its own --help.",
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


COMMANDS: dict[str, Callable[..., None]] = {
    "init": init,
    "check": check,
    "schema": schema,
    "columns": columns,
    "import": import_,
    "plan": plan,
    "preview": preview,
    "simulate": simulate,
    "run": run,
    "status": status,
    "report": report,
    "explain": explain,
    "replies": replies,
    "pause": pause,
    "resume": resume,
    "approve": approve,
    "release": release,
    "cancel": cancel,
    "forget": forget,
    "channel": channel,
    "deployment": deployment,
    "doctor": doctor,
    "migrate": migrate,
    "publish": publish,
    "tick": tick,
    "tidy": tidy,
    "top": top,
    "web": web,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
