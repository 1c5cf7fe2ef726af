"""Files of records, read a record at a time: CSV, JSON lines and parquet.

Each source gives rows with the line they began on, what they say and how they were written, and
tells how many bytes it has taken. A row that cannot be read says why instead, and reading goes on.
"""

import csv
import gzip
import io
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Self, cast

import msgspec

from orchestrator.model.errors import WrongUse

LINE_BYTES_MAX = 1024 * 1024
"""A longer line is no record: it is a file without line ends, or a quote that never closes."""

SNIFFED = ",;\t"
PARQUET_ROWS = 5_000


class SourceRow(NamedTuple):
    """`said` is None where `wrong` says why the row cannot be read; `written` as in the file."""

    line: int
    said: Any
    written: Any
    wrong: str | None = None


@dataclass(slots=True)
class Source:
    """An open file. `header`: the names of its columns, where it has them."""

    path: Path
    size: int
    header: tuple[str, ...] | None
    rows: Iterator[SourceRow]
    raw: IO[bytes] | None

    @property
    def bytes_read(self) -> int:
        """How much of the file was taken; all of it where one cannot tell."""
        return self.raw.tell() if self.raw is not None and not self.raw.closed else self.size

    def close(self) -> None:
        """Close the file."""
        if self.raw is not None:
            self.raw.close()


def open_source(path: Path) -> Source:
    """Open a file by the ending of its name. Raises WrongUse where that cannot be done."""
    name = path.name.lower()
    if not path.is_file():
        raise WrongUse(f"no such file: {path}")
    size = path.stat().st_size
    plain = name.removesuffix(".gz")
    if plain.endswith(".parquet"):
        return _open_parquet(path, size)
    if not plain.endswith((".csv", ".tsv", ".jsonl", ".ndjson")):
        raise WrongUse(
            f"cannot tell the format of {path.name}; it should end in .csv, .jsonl, .ndjson or "
            ".parquet (the first three also with .gz)"
        )
    raw = path.open("rb")
    try:
        file = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if name.endswith(".gz") else raw
        if plain.endswith((".jsonl", ".ndjson")):
            return Source(path, size, None, _json_lines(file), raw)
        header, rows = _csv(file)
        return Source(path, size, header, rows, raw)
    except BaseException:
        raw.close()
        raise


def _json_lines(file: IO[bytes]) -> Iterator[SourceRow]:
    decode = msgspec.json.decode
    line = 0
    for written in _bounded_lines(file):
        line += 1
        if written is None:
            yield SourceRow(line, None, "", f"longer than {LINE_BYTES_MAX} bytes")
            continue
        stripped = written.strip()
        if line == 1:
            stripped = stripped.removeprefix(b"\xef\xbb\xbf")
        if not stripped:
            continue
        try:
            yield SourceRow(line, decode(stripped), stripped)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield SourceRow(line, None, stripped, f"not JSON: {error}")


def _bounded_lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, of which no more is kept than the limit."""
    try:
        while line := file.readline(LINE_BYTES_MAX + 1):
            if len(line) <= LINE_BYTES_MAX:
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(LINE_BYTES_MAX)
            yield None
    except (EOFError, gzip.BadGzipFile) as error:
        raise WrongUse(f"the compressed file is damaged: {error}") from error


def _csv(file: IO[bytes]) -> tuple[tuple[str, ...], Iterator[SourceRow]]:
    # What is not UTF-8 is let through as lone surrogates, so that only its own row is refused.
    lines = _text_lines(file)
    first = next(lines, "").removeprefix("\ufeff")
    while first and not first.strip():
        first = next(lines, "")
    if not first.strip():
        raise WrongUse("the file is empty; a CSV file begins with a line of column names")
    delimiter = max(SNIFFED, key=first.count)
    pending = _Lines(first, lines)
    try:
        header = tuple(name.strip() for name in next(csv.reader(pending, delimiter=delimiter)))
    except csv.Error as error:
        raise WrongUse(f"the line of column names cannot be read: {error}") from None
    if not_text := _wrong_cells(list(header), len(header)):
        raise WrongUse(f"the line of column names is wrong: {not_text}")
    if "" in header:
        raise WrongUse(f"column {header.index('') + 1} has no name")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise WrongUse(f"column {twice[0]!r} is there twice")
    return header, _csv_rows(pending, delimiter, header)


def _text_lines(file: IO[bytes]) -> Iterator[str]:
    for line in _bounded_lines(file):
        # A line that is too long becomes one that no row can be made of.
        yield "\0\n" if line is None else line.decode("utf-8", "surrogateescape")


class _Lines:
    """Lines with their number. The lines of the row at hand can be given back."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self._back = deque([first])
        self._rest = rest
        self.line = 0
        self.taken: list[str] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._rest)
        self.line += 1
        self.taken.append(line)
        return line

    def give_back(self) -> str:
        """All lines that were taken but the first, which is returned."""
        first, *others = self.taken
        self._back.extendleft(reversed(others))
        self.line -= len(others)
        return first


def _csv_rows(lines: _Lines, delimiter: str, header: tuple[str, ...]) -> Iterator[SourceRow]:
    """Rows; one that cannot be read is its first line alone.

    A quote left open takes in the rows that follow, and these are no worse for it: they are read
    again.
    """
    width = len(header)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.line + 1
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            first = lines.give_back()
            yield SourceRow(line, None, [first.rstrip("\r\n")], f"not CSV: {error}")
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if not cells or (len(cells) == 1 and width > 1 and not cells[0].strip()):
            continue
        wrong = _wrong_cells(cells, width)
        if wrong is None:
            yield SourceRow(line, dict(zip(header, cells, strict=True)), cells)
            continue
        if len(lines.taken) > 1:
            cells = [lines.give_back().rstrip("\r\n")]
        yield SourceRow(line, None, cells, wrong)


def _wrong_cells(cells: list[str], width: int) -> str | None:
    if len(cells) != width:
        return f"{len(cells)} cells where the header has {width}"
    whole = "".join(cells)
    if whole.isascii():
        return "has a NUL character, or is too long" if "\0" in whole else None
    try:
        whole.encode()
    except UnicodeEncodeError:
        return "not UTF-8; save the file as UTF-8"
    return "has a NUL character" if "\0" in whole else None


def _open_parquet(path: Path, size: int) -> Source:
    try:
        # pyarrow ships no types, and is an extra.
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
        from pyarrow.lib import ArrowException  # type: ignore[import-untyped]
    except ImportError:
        raise WrongUse(
            "reading parquet files needs pyarrow: pip install 'tactful[parquet]'"
        ) from None
    raw = path.open("rb")
    try:
        file = pq.ParquetFile(raw)
    except ArrowException as error:
        raw.close()
        raise WrongUse(f"{path.name} is not a parquet file: {error}") from None
    return Source(path, size, tuple(file.schema_arrow.names), _parquet_rows(file), raw)


def _parquet_rows(file: Any) -> Iterator[SourceRow]:
    line = 0
    for batch in file.iter_batches(batch_size=PARQUET_ROWS):
        for said in batch.to_pylist():
            line += 1
            yield SourceRow(line, said, said)


def as_text(written: Any) -> str:
    """A row for the reject file, whatever it was."""
    if isinstance(written, bytes):
        return written.decode("utf-8", "replace")
    if isinstance(written, Mapping | list):
        return msgspec.json.encode(written, enc_hook=str).decode()
    return str(written)


def cells_as_text(cells: list[str]) -> list[str]:
    """Cells for the reject file; bytes that are no text are shown as such."""
    return [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in cells]


def text_sink(path: Path) -> IO[str]:
    """A file for CSV text."""
    return io.TextIOWrapper(path.open("wb"), encoding="utf-8", newline="")
