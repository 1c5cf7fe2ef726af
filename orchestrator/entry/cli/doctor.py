"""`tactful doctor`: is everything as it must be?"""

import typer

from orchestrator.entry.cli.faults import BROKEN
from orchestrator.entry.cli.options import Json, ShopFolder


def doctor(shop: ShopFolder = None, json: Json = False) -> None:
    """Look whether everything is ready to send.

    \b
    tactful doctor
    tactful doctor --json

    Python, clock, database, channels, campaigns, disk. Ends with 3 where something is broken;
    warnings are no more than that.
    """
    from channels.contract import Level
    from orchestrator.entry.cli.screen import as_json, out, table
    from orchestrator.entry.doctor import examine
    from orchestrator.entry.settings import settings

    found = list(examine(settings(shop)))
    if json:
        as_json([{"about": about, **_as_dict(finding)} for about, finding in found])
    else:
        shown = table("", "", "")
        styles = {Level.good: "green", Level.warning: "yellow", Level.error: "bold red"}
        from rich.text import Text

        for about, finding in found:
            said = Text(finding.what)
            if finding.fix:
                said.append(f"\n{finding.fix}", "dim")
            shown.add_row(Text(finding.level, styles[finding.level]), about, said)
        shown.show_header = False
        out().print(shown)
    if any(finding.level is Level.error for _, finding in found):
        raise typer.Exit(BROKEN)


def _as_dict(finding: object) -> dict[str, object]:
    return {name: getattr(finding, name) for name in ("level", "what", "fix")}
