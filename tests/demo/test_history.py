"""The imported history is kept for the next run, unless it would come out otherwise."""

from dataclasses import replace
from pathlib import Path

import pytest

from demo import history
from demo.history import history_file
from tests.support.shop import settings


def test_other_settings_and_other_tables_have_another_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = settings(), replace(settings(), digest="another")
    kept = history_file(tmp_path, one)
    assert history_file(tmp_path, one) == kept
    assert history_file(tmp_path, other) != kept
    monkeypatch.setattr(history, "revisions", lambda: ("the next",))
    assert history_file(tmp_path, one) != kept
