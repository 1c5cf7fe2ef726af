"""A provider for each test that asks for one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.provider.provider import Options
from tests.provider.running import RunningProvider

StartProvider = Callable[..., RunningProvider]


@pytest.fixture
def start_provider(tmp_path: Path) -> Iterator[StartProvider]:
    """Starts providers with further `Options`; each has its own log, unless one is given."""
    with ExitStack() as stack:
        started: list[RunningProvider] = []

        def start(**options: Any) -> RunningProvider:
            log = options.pop("log", tmp_path / f"provider-{len(started)}.jsonl")
            started.append(stack.enter_context(RunningProvider(Options(log, **options))))
            return started[-1]

        yield start


@pytest.fixture
def provider(start_provider: StartProvider) -> RunningProvider:
    """One that behaves well until told otherwise."""
    return start_provider()
