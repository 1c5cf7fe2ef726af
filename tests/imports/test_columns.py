"""What is told of the files of an import is what an import takes."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.flow import import_reference
from orchestrator.flow.import_reference import example
from orchestrator.flow.ingest import KINDS, Kind
from orchestrator.flow.ingest.columns import COLUMNS, MUST
from tests.cli.shop import ShopFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShopFolder:
    monkeypatch.chdir(tmp_path)
    made = ShopFolder(tmp_path)
    made.change("campaigns/shop.yaml", "kids: number", "kids_count: number")
    made.change("campaigns/shop.yaml", "trait: kids,", "trait: kids_count,")
    return made


def test_the_page_is_what_the_reader_knows(tmp_path: Path) -> None:
    again = tmp_path / "importing.md"
    command = [sys.executable, "-m", "orchestrator.flow.import_reference", str(again)]
    subprocess.run(command, check=True, cwd=ROOT)
    assert again.read_text(encoding="utf-8") == (ROOT / import_reference.PATH).read_text(
        encoding="utf-8"
    ), "make it again: python -m orchestrator.flow.import_reference"


def test_every_example_is_taken_as_it_stands(shop: ShopFolder) -> None:
    for kind in KINDS:
        text, ending = example(kind)
        shop.write({f"{kind}.{ending}": text})
        (report,) = shop.json("import", kind, f"{kind}.{ending}")
        assert (report["rejected"], report["notes"]) == (0, []), kind
        assert report["new"] + report["changed"] == report["read"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_be_there_is_asked_for(shop: ShopFolder, kind: Kind) -> None:
    shop.write({"none.jsonl": '{"nothing": "at all"}\n'})
    (report,) = shop.json("import", kind, "none.jsonl", code=1)
    assert report["rejected"] == 1
    must = [name for name, column in COLUMNS[kind].items() if column.without == MUST]
    assert any(name in report["first_refused"][0]["reason"] for name in must)


def test_a_table_for_people_and_json_for_machines(shop: ShopFolder) -> None:
    assert "12 OZ" in shop.ok("columns", "products")
    told = shop.json("columns", "prices")["prices"]
    assert told["amount"]["without"] == MUST
    assert "regular_price" in told["list_amount"]["other_names"]
    assert set(shop.json("columns")) == set(KINDS)


def test_a_kind_that_there_is_not(shop: ShopFolder) -> None:
    result = shop("columns", "custmers")
    assert result.exit_code == 2
    assert 'did you mean "customers"?' in result.stderr
