"""Writes revisions from the tables, for whoever has changed those.

python -m orchestrator.store.migrations.draft                    the first one anew
python -m orchestrator.store.migrations.draft 'Add a thing'      the next one, to be read and mended

The first one is written anew, as long as nothing is released, so that it always is the whole
schema. Afterwards nothing that was released is changed any more: each change is a next revision.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.operations import ops

from orchestrator.model.errors import WrongUse
from orchestrator.store import migrations
from orchestrator.store.database import open_database
from orchestrator.store.migrations import make_config, revisions
from orchestrator.tables import metadata

FIRST = "0001"
_NOTES = re.compile(r"^ *# ### .* ###$\n?", re.MULTILINE)


def draft(message: str | None = None) -> Path:
    """Write a revision that leads from those before it to the tables as they are; its file.

    Without a message, that is the first one. The same tables always give the same text. Raises
    WrongUse where the first one has followers.
    """
    with TemporaryDirectory() as folder:
        drafted = _first(Path(folder)) if message is None else _next(message, Path(folder))
        _lay_out(drafted)
        return Path(shutil.move(drafted, migrations.VERSIONS / drafted.name))


def _first(folder: Path) -> Path:
    if revisions() not in ((), (FIRST,)):
        raise WrongUse("the first revision has followers: say in a message what is new")
    config = make_config(folder, dialect="sqlite")
    config.set_main_option("revision_environment", "true")
    command.revision(
        config, "Everything", sql=True, rev_id=FIRST, process_revision_directives=_everything
    )
    return next(folder.glob("*.py"))


def _next(message: str, folder: Path) -> Path:
    engine = open_database(":memory:")
    with engine.connect() as connection:
        config = make_config(migrations.VERSIONS, folder, connection=connection)
        command.upgrade(config, "head")
        number = f"{int(revisions()[-1]) + 1:04}"
        command.revision(
            config, message, autogenerate=True, rev_id=number, version_path=str(folder)
        )
    engine.dispose()
    return next(folder.glob("*.py"))


def _everything(_context: Any, _revision: Any, scripts: list[ops.MigrationScript]) -> None:
    """All tables and indexes: also those that cannot be compared, being on expressions."""
    up, down = scripts[0].upgrade_ops, scripts[0].downgrade_ops
    assert up is not None
    assert down is not None
    for table in metadata.sorted_tables:
        up.ops.append(ops.CreateTableOp.from_table(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            up.ops.append(ops.CreateIndexOp.from_index(index))
        down.ops.insert(0, ops.DropTableOp.from_table(table))


def _lay_out(file: Path) -> None:
    """As everything else here, without Alembic's notes."""
    file.write_text(_NOTES.sub("", file.read_text(encoding="utf-8")), encoding="utf-8")
    for how in (["check", "--fix", "--select=I,F401"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *how, "--quiet", str(file)]
        subprocess.run(ruff, check=True, cwd=migrations.HERE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("message", nargs="?", help="what is new")
    draft(parser.parse_args().message)
