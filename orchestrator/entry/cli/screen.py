"""What commands print: tables that fit a narrow screen, colours where there is one, JSON."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.model.problem import Problem


def out() -> Console:
    """The screen. Without colours where it is none, or where NO_COLOR asks for that."""
    return Console(markup=False, emoji=False, highlight=False)


def err() -> Console:
    """Where messages go that are no answer."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def complain(what: str, more: str = "") -> None:
    """Say what is wrong."""
    console = err()
    console.print(Text.assemble(("Error: ", "bold red"), what), soft_wrap=True)
    if more:
        console.print(more, style="dim", soft_wrap=True)


def warn(what: str) -> None:
    """Say what should be known, though it stops nothing."""
    err().print(Text.assemble(("Note: ", "bold yellow"), what), soft_wrap=True)


def problem_line(problem: Problem, style: str = "red") -> Text:
    """A problem on one line, so that editors and terminals can follow its place."""
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    line = Text.assemble((place, "bold"), ": ", (problem.what, style))
    if problem.fix:
        line.append(f" ({problem.fix})", "dim")
    return line


def problems_found(problems: Sequence[Problem]) -> None:
    """Tell all problems of the files, for a command that needs them right."""
    console = err()
    for problem in problems:
        console.print(problem_line(problem), soft_wrap=True)
    number = len(problems)
    complain(f"{number} problem{'s' * (number != 1)} in campaigns/ and templates/")


def table(*columns: str, numbers: Iterable[int] = (), title: str | None = None) -> Table:
    """A plain table; the columns named in `numbers` are right-aligned."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    right = set(numbers)
    for index, name in enumerate(columns):
        made.add_column(name, justify="right" if index in right else "left", overflow="fold")
    return made


def reasons_table(counted: Iterable[tuple[int, Any]]) -> Table:
    """How many for which reason, each with the places of its rule below it."""
    made = table("", "", numbers=(0,))
    made.show_header = False
    for number, why in counted:
        said = Text(f"{why.says} [{why.reason}]")
        for place in why.spots:
            said.append(f"\n{place}", "dim")
        if why.rules:
            said.append(f"\nlaw: {', '.join(why.rules)}", "dim")
        made.add_row(f"  {number:,}", said)
    return made


def as_json(value: Any) -> None:
    """Print any value of ours as JSON."""
    from orchestrator.entry.told import as_json as told

    typer.echo(told(value).decode())


def json_line(value: Any) -> None:
    """The same on one line, for programs that read as it comes."""
    from orchestrator.entry.told import json_line as told

    typer.echo(told(value).decode())
    sys.stdout.flush()


def count(number: int, thing: str, many: str = "") -> str:
    """`1 message`, `2,000 messages`."""
    return f"{number:,} {thing if number == 1 else many or thing + 's'}"
