"""The imported history is kept for the next run, unless it would come out otherwise."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

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
    tables = MetaData()
    Table("customers", tables, Column("id", Integer))
    monkeypatch.setattr(history, "metadata", tables)
    assert history_file(tmp_path, one) != kept
