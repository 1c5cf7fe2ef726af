"""`tactful channel new`: the beginning of a channel plugin, as a package of its own."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.entry.cli.options import Json


def channel(
    what: Annotated[str, typer.Argument(help="new.")],
    name: Annotated[str, typer.Argument(help="Such as carrier_pigeon.")],
    kind: Annotated[
        str, typer.Option(help="What it carries: sms, email, webpush, … as campaigns name it.")
    ] = "sms",
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write it. [else tactful-NAME, here]",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Begin a channel plugin, in a package of its own.

    \b
    tactful channel new carrier_pigeon
    tactful channel new my_mailer --kind email --into ~/src/my-mailer

    It holds the channel, its settings, tests, and the entry point by which Tactful finds it once it
    is installed. It passes the contract suite as it is; ADDING_A_CHANNEL.md tells how to go on.
    """
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.scaffold import write_channel
    from orchestrator.model.errors import WrongUse

    if what != "new":
        raise WrongUse(f"there is no such thing as {what!r}; did you mean `channel new`?")
    folder = (into or Path(f"tactful-{name.replace('_', '-')}")).expanduser().resolve()
    written = write_channel(name, kind, folder)
    if json:
        as_json({"folder": str(folder), "files": [str(path) for path in written]})
        return
    console = out()
    for path in written:
        console.print(str(folder / path), soft_wrap=True, highlight=False)
    console.print(f"now: cd {folder} && pip install -e '.[dev]' && pytest", soft_wrap=True)
