"""Options that several commands take."""

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
