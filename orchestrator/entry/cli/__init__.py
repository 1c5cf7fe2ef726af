"""The command line: one file for each command, and what they share.

app         the commands together        screen      tables, colours, JSON
faults      mistakes, and how they end   options     what several commands take
when        instants as people write and read them

Commands import what they need when they are called, so that `tactful --help` is there at once.
"""

from orchestrator.entry.cli.app import app


def main() -> None:
    """Where the command `tactful` begins."""
    app()
