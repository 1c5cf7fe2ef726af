"""`tactful check`: everything that is wrong with the files, at once."""

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder


def check(shop: ShopFolder = None, json: Json = False) -> None:
    """Check the campaigns, and tell every problem with its place.

    \b
    tactful check
    tactful check --shop my-shop --json

    Ends with 1 where there is a problem. Warnings keep nothing from being used.
    """
    from orchestrator.entry.cli.screen import as_json, count, out, problem_line
    from orchestrator.entry.opening import read_folder
    from orchestrator.entry.settings import settings

    loaded = read_folder(settings(shop))
    asking = [version.name for version in loaded.versions if version.needs_approval]
    if json:
        names = [version.name for version in loaded.versions]
        said_json = {"problems": loaded.problems, "warnings": loaded.warnings}
        as_json({**said_json, "campaigns": names, "approval_required": asking})
    else:
        console = out()
        for problem in loaded.problems:
            console.print(problem_line(problem), soft_wrap=True)
        for warning in loaded.warnings:
            console.print(problem_line(warning, "yellow"), soft_wrap=True)
        said = [count(len(loaded.versions), "campaign") + " in order"]
        said += [f"{len(asking)} that must be approved of"] if asking else []
        said += [count(len(loaded.problems), "problem")] if loaded.problems else []
        said += [count(len(loaded.warnings), "warning")] if loaded.warnings else []
        console.print(", ".join(said), style="bold red" if loaded.problems else "bold green")
    if loaded.problems:
        raise typer.Exit(PROBLEMS)
