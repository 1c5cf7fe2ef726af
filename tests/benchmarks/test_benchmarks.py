"""That the benchmarks run and give what they promise; how fast is no matter of tests."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.__main__ import SMALL, figures, keep, main, measure, subjects
from benchmarks.figure import Figure
from benchmarks.told import BEGIN, END, tell

MAY_SHRINK = {"decide_growth_exponent", "pause_p99_s"}
"""What says nothing at small sizes."""


@pytest.mark.parametrize("subject", subjects())
def test_every_promised_figure_is_measured(subject: str) -> None:
    found = measure(subject, SMALL)
    assert found.keys() == {figure.name for figure in figures(subject)}
    assert all(isfinite(value) for value in found.values())
    wrong = {name for name, value in found.items() if value <= 0}
    assert wrong <= MAY_SHRINK


def test_no_two_figures_have_the_same_name() -> None:
    names = [figure.name for subject in subjects() for figure in figures(subject)]
    assert len(names) == len(set(names)) > 10


def test_a_figure_is_kept_beside_the_others(tmp_path: Path) -> None:
    latest = tmp_path / "latest.json"
    keep({"renders_text_per_s": 1.0, "decide_one_ms": 9.0}, latest)
    keep({"renders_text_per_s": 2.0}, latest)
    kept: Mapping[str, object] = json.loads(latest.read_text())
    assert kept["renders_text_per_s"] == 2.0
    assert kept["decide_one_ms"] == 9.0
    assert kept["machine_sqlite"]
    assert not any(isinstance(value, dict | list) for value in kept.values())


def test_the_table_replaces_the_one_that_stood_there(tmp_path: Path) -> None:
    page, latest = tmp_path / "page.md", tmp_path / "latest.json"
    page.write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    one, other = Figure("one_ms", "One", "ms", "at most 10"), Figure("other_s", "Other", "s")
    keep({"one_ms": 12345.6}, latest)
    tell(json.loads(latest.read_text()), [[one, other]], page)
    told = page.read_text()
    assert told.startswith("# Speed\n")
    assert told.endswith("\n\nThe end.\n")
    assert "| One | 12,300 ms | at most 10 | `one_ms` |" in told
    assert "old" not in told
    assert "Other" not in told


def test_an_unknown_subject_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["horses"])
    assert "no such subject: horses" in capsys.readouterr().err
