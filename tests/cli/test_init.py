"""`tactful init`: a shop that is in order, and a README whose every command works."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.shop import NIGHT, NOW, ShopFolder

COMMAND = re.compile(r"^tactful ([^#\n]+)", re.M)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShopFolder:
    """A new shop, in which nothing was done yet."""
    monkeypatch.chdir(tmp_path)
    shop = ShopFolder(tmp_path / "elsewhere")
    shop.ok("init", "begun")
    monkeypatch.chdir(tmp_path / "begun")
    shop.home = tmp_path / "begun"
    return shop


def test_the_new_shop_is_in_order(begun: ShopFolder) -> None:
    said = begun.json("check")
    assert (said["problems"], said["warnings"]) == ([], [])


@pytest.mark.parametrize("at", [NOW, NIGHT])
def test_its_readme_leads_to_a_plan(begun: ShopFolder, at: object) -> None:
    begun.ok("init", "again")
    commands = COMMAND.findall((begun.home / "README.md").read_text(encoding="utf-8"))
    assert [line.split()[0] for line in commands] == [
        *("check", "import", "import", "import", "import", "import", "plan", "preview", "explain")
    ]
    for line in commands:
        begun.ok(*line.split())
    planned = {one["campaign"]: one for one in begun.json("plan")["campaigns"]}
    assert {name: one["planned"] for name, one in planned.items()} == {
        "lower-price": 1,
        "welcome": 1,
    }


def test_its_past_can_be_tried(begun: ShopFolder) -> None:
    for kind in ("customers", "consents", "products", "prices"):
        begun.ok("import", kind, f"data/{kind}.csv")
    begun.ok("import", "events", "data/orders.jsonl")
    day = NOW - timedelta(days=3)
    said = begun.json("simulate", "--from", f"{day:%Y-%m-%d}", "--to", f"{NOW:%Y-%m-%d}")
    sent = {one["campaign"]: one["channels"] for one in said["report"]["campaigns"]}
    assert all(sent.values())


def test_no_shop_is_written_over(begun: ShopFolder) -> None:
    result = begun("init", ".")
    assert result.exit_code == 2
    assert "has campaigns already" in result.stderr


def test_no_file_is_written_over(begun: ShopFolder) -> None:
    begun.write({"mine/README.md": "my own"})
    result = begun("init", "mine")
    assert result.exit_code == 2
    assert "README.md is there already" in result.stderr
    assert (begun.home / "mine" / "README.md").read_text(encoding="utf-8") == "my own"
    assert not (begun.home / "mine" / "campaigns").exists()


@pytest.mark.parametrize("name", ["", "a: b", "{{ x }}", "a\nb", "x" * 61, "a $name"])
def test_a_name_that_would_break_the_files(begun: ShopFolder, name: str) -> None:
    result = begun("init", "other", "--name", name)
    assert result.exit_code == 2
    assert "no name for a shop" in result.stderr


def test_a_name_of_ones_own(begun: ShopFolder) -> None:
    begun.ok("init", "other", "--name", "Müller & Töchter".replace("&", "und"))
    assert "Müller und Töchter" in (begun.home / "other" / "campaigns" / "shop.yaml").read_text(
        encoding="utf-8"
    )
