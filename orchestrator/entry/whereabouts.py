"""Where the database lives that this process works on.

A copy must not send what the original sends. Whoever says where this is by `TACTFUL_DEPLOYMENT` is
believed. Else a PostgreSQL database is told by the numbers of its server and its own. Beside a
SQLite file lies another one with a word that was drawn by lot; the number by which the file system
knows that file is no other's either. Both stay when a volume is mounted elsewhere, and neither
goes along with a copy.
"""

from pathlib import Path
from secrets import token_hex

from sqlalchemy import Connection

from channels.contract import Finding, Level
from orchestrator.entry.settings import Settings
from orchestrator.store.whereabouts import MOVED, noted, of_server


def here(connection: Connection, settings: Settings) -> str | None:
    """Where the database is; None for one in memory, which is nowhere else."""
    if settings.deployment:
        return f"named {settings.deployment}"
    if connection.dialect.name != "sqlite":
        return of_server(connection)
    file = settings.database_file
    return None if file is None else _of_file(file)


def _of_file(file: Path) -> str:
    beside = file.with_name(f"{file.name}.deployment")
    try:
        with beside.open("x", encoding="utf-8") as new:
            new.write(f"{token_hex(8)}\n")
    except FileExistsError:
        pass
    word = beside.read_text(encoding="utf-8").strip()
    return f"file {word} {beside.stat().st_ino}"


def finding(connection: Connection, settings: Settings) -> Finding:
    """What `tactful doctor` says of it, after its name."""
    was = noted(connection)
    if was is None:
        return Finding(Level.good, "was not put to work yet")
    now = here(connection, settings)
    if now in (was, None):
        return Finding(Level.good, "is where it was put to work")
    what, _, fix = MOVED.partition(". ")
    return Finding(Level.error, what.removeprefix("this database "), fix)
