"""`tactful columns`: what the files of an import may hold."""

from typing import Annotated

import typer

from orchestrator.entry.cli.options import Json


def columns(
    kind: Annotated[
        str, typer.Argument(help="customers, products, prices, stock, consents or events.")
    ] = "",
    json: Json = False,
) -> None:
    """Say what the files of an import may hold.

    \b
    tactful columns prices
    tactful columns --json

    Without a kind, all of them. docs/importing.md has the same, with examples.
    """
    from orchestrator.entry.cli.screen import as_json, out, table
    from orchestrator.flow.ingest.columns import COLUMNS
    from orchestrator.flow.ingest.names import other_names
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.problem import or_near

    wanted = [one for one in COLUMNS if kind in ("", one)]
    if not wanted:
        raise WrongUse(or_near(f"{kind!r} cannot be imported", kind, COLUMNS))
    if json:
        as_json(
            {
                one: {
                    name: {**column._asdict(), "other_names": other_names(one, name)}
                    for name, column in COLUMNS[one].items()
                }
                for one in wanted
            }
        )
        return
    console = out()
    for one in wanted:
        shown = table("column", "meaning", "how it is written", "without it", title=one)
        for name, column in COLUMNS[one].items():
            shown.add_row(name, *(_spoken(text) for text in column))
        console.print(shown)


def _spoken(text: str) -> str:
    """Without the marks of a page."""
    return text.replace("**", "").replace("`", "")
