"""`tactful init`: the beginning of a shop's own folder."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.entry.cli.options import Json


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="FOLDER")],
    name: Annotated[str, typer.Option(help="What the shop is called.")] = "Corner Shop",
    json: Json = False,
) -> None:
    """Begin a shop, with made-up customers to try it on.

    \b
    tactful init my-shop --name "Corner Shop"

    It has its settings and two campaigns; its README.md tells how to go on.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.new_shop import write_shop

    where = folder.expanduser().resolve()
    written = write_shop(where, name, clock.now())
    if json:
        as_json({"folder": str(where), "files": [str(path) for path in written]})
        return
    console = out()
    for path in written:
        console.print(str(folder / path), soft_wrap=True)
    console.print(f"now: cd {folder}, and go on as its README.md says", soft_wrap=True)
