"""How the schema came to be: one file in `versions/` for each change, by number.

They run from code (`orchestrator.store.schema`), wherever Tactful is installed and whatever the
working directory. How to write one: docs/migrations.md.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:  # it takes half a second to import, and hardly any command needs it
    from alembic.config import Config

HERE = Path(__file__).parent
VERSIONS = HERE / "versions"


def revisions() -> tuple[str, ...]:
    """All revisions, the first one first.

    They are one line without branches, and the file `0001_name.py` holds the revision `0001`; so
    this needs no more than a look at the folder.
    """
    return tuple(sorted(path.name[:4] for path in VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.py")))


def make_config(*versions: Path, output: TextIO | None = None, **attributes: Any) -> "Config":
    """What Alembic reads from a file elsewhere. `versions`: other folders than ours.

    `attributes`: what `env.py` is given, a `connection`, or the `dialect` where SQL is only
    written; that goes to `output`.
    """
    from alembic.config import Config

    config = Config(output_buffer=output, attributes=attributes)
    places = {"script_location": [HERE], "version_locations": versions or [VERSIONS]}
    for name, paths in places.items():
        config.set_main_option(name, "\n".join(map(str, paths)).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
