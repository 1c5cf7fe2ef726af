"""The reject file: what an import did not take, beside its source."""

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from orchestrator.flow.imports.sources import as_text, cells_as_text, text_sink
from orchestrator.model.errors import WrongUse


class RejectFile:
    """`<name>.rejected.csv`: line, reason, and the row as it was written.

    Rows of a CSV file keep their columns, so that they can be mended and imported again; others
    stand in one column `row`. There is no file where nothing was rejected.
    """

    def __init__(self, source: Path, header: tuple[str, ...] | None) -> None:
        self.path = source.with_name(f"{source.name}.rejected.csv")
        self.count = 0
        self._header = header
        self._file: IO[str] | None = None
        self._writer: Any = None
        # One from an earlier run would speak of rows that have been mended since.
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise WrongUse(f"cannot write the reject file {self.path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def written(self) -> Path | None:
        """The file, if there is one."""
        return self.path if self._file is not None else None

    def add(self, line: int, reason: str, written: Any) -> None:
        """Write a row down."""
        if self._writer is None:
            try:
                self._file = text_sink(self.path)
            except OSError as error:
                raise WrongUse(f"cannot write {self.path}: {error.strerror}") from None
            self._writer = csv.writer(self._file)
            self._writer.writerow(("line", "reason", *(self._header or ("row",))))
        cells = (
            cells_as_text(written)
            if self._header is not None and isinstance(written, list)
            else [as_text(written)]
        )
        self._writer.writerow((line, reason, *cells))
        self.count += 1
