"""The world of these tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distributed.world import ROOT, SCRIPTS, World, opened
from tests.provider.plugin import make_plugin_path
from tests.provider.running import RunningProvider


@pytest.fixture
def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_url: str,
    redis_url: str,
    provider: RunningProvider,
) -> Iterator[World]:
    """A shop with one campaign, and nobody in its database."""
    plugin = make_plugin_path(tmp_path / "plugin")
    monkeypatch.syspath_prepend(str(plugin))
    environ = {
        "TACTFUL_HOME": str(tmp_path),
        "TACTFUL_DATABASE_URL": postgres_url,
        "TACTFUL_REDIS_URL": redis_url,
        "TACTFUL_RECORDING_URL": provider.http_url,
        "TACTFUL_RECORDING_SETTLE_S": "0",
        "PYTHONPATH": f"{plugin}{os.pathsep}{ROOT}",
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in environ.items():
        if name.startswith("TACTFUL_"):
            monkeypatch.setenv(name, value)
    with opened(tmp_path, {**os.environ, **environ}, provider, redis_url) as made:
        yield made
