"""Every mistake of the table is told exactly: where, what, and what to write instead."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.flow.load import load
from tests.load.shop_folder import GOOD, write

TABLE = Path(__file__).parent / "bad_files.txt"


@dataclass(frozen=True)
class Row:
    title: str
    file: str
    old: str
    new: str
    told: list[str]


def rows() -> list[Row]:
    found = []
    for block in TABLE.read_text(encoding="utf-8").split("\n== ")[1:]:
        title, *lines = block.rstrip("\n").split("\n")
        part = {sign: [x[2:] for x in lines if x[:1] == sign] for sign in "@-+>"}
        found.append(
            Row(title, part["@"][0], "\n".join(part["-"]), "\n".join(part["+"]), part[">"])
        )
    return found


ROWS = rows()


def test_the_good_files_are_good(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, GOOD), installed={"outbox"})
    assert (loaded.problems, loaded.warnings) == ((), ())
    assert [version.name for version in loaded.versions] == ["cart"]


def test_the_table_is_whole() -> None:
    assert len(ROWS) >= 120
    assert len({row.title for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_told(row: Row, tmp_path: Path) -> None:
    good = GOOD[row.file]
    assert row.old in good, "the row changes nothing"
    files = {**GOOD, row.file: good.replace(row.old, row.new, 1)}
    loaded = load(write(tmp_path, files), installed={"outbox"})
    told = [
        *(str(problem).removeprefix("campaigns/") for problem in loaded.problems),
        *(f"warning: {str(p).removeprefix('campaigns/')}" for p in loaded.warnings),
    ]
    assert (told or ["(nothing)"]) == row.told
    assert bool(loaded.versions) == (not loaded.problems)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_in_a_marketers_words(row: Row) -> None:
    """Nothing that only a programmer understands."""
    told = " ".join(row.told).lower()
    assert not re.search(r"pydantic|input should|nonetype|tuple|dict|mapping|scalar|token", told)
