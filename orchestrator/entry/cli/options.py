"""Options that several commands take."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

ShopFolder = Annotated[
    Path | None,
    typer.Option(
        "--shop",
        metavar="FOLDER",
        help="The shop's folder, which holds campaigns/ and templates/. [TACTFUL_HOME, else here]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
At = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Another moment than now: 2017-11-20, '2017-11-20 10:00' (the shop's clock), or with "
        "an offset.",
        show_default=False,
    ),
]


def span_of(option: str, written: str) -> timedelta:
    """How long an option says. Raises WrongUse for what is no span, or nothing at all."""
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.span import parse_span

    try:
        found = parse_span(written)
    except ValueError as error:
        raise WrongUse(f"{option}: {error}") from None
    if found <= timedelta(0):
        raise WrongUse(f"{option} must be more than nothing")
    return found
