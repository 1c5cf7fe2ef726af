"""Tactful on a town, as the command line would open it, but for the token's chance."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from benchmarks.town import NOW
from channels.contract import Channel
from channels.outbox import OutboxChannel, OutboxSettings
from orchestrator.flow.load import Loaded, load, revive
from orchestrator.flow.tactful import Tactful
from orchestrator.model.message import State
from orchestrator.model.version import Version
from orchestrator.store.claims import Claimed
from orchestrator.store.deployment import Deployment
from orchestrator.tables import messages

HERE = Path(__file__).parent
OWN = HERE / "shop"
SHIPPED = HERE.parent
SINCE = NOW - timedelta(days=200)


@cache
def _loaded(root: Path) -> Loaded:
    loaded = load(root)
    if loaded.problems:
        raise RuntimeError("\n".join(map(str, loaded.problems)))
    return loaded


def campaign(name: str) -> Version:
    """A campaign of the benchmarks' own shop."""
    return next(version for version in _loaded(OWN).versions if version.name == name)


def on_event(version: Version, event: str) -> Version:
    """The same campaign, asked for by an event instead of by the calendar."""
    text = version.files["campaign.yaml"]
    written = next(line for line in text.splitlines() if line.startswith("trigger:"))
    files = {
        **version.files,
        "campaign.yaml": text.replace(written, f"trigger: {{event: {event}}}"),
    }
    return revive(version.name, files, version.settings)


def shipped() -> tuple[Version, ...]:
    """The campaigns that the repository brings."""
    return _loaded(SHIPPED).versions


def claimed_of(connection: Connection, version: Version) -> list[Claimed]:
    """The planned messages of a campaign, as a worker would have them in its hands."""
    found = connection.execute(
        select(*(messages.c[name] for name in Claimed._fields)).where(
            messages.c.version == version.digest, messages.c.state == State.PLANNED
        )
    )
    return [Claimed(*row) for row in found]


@contextmanager
def opened(
    engine: Engine,
    versions: Sequence[Version],
    outbox: Path,
    *,
    files: bool = False,
    since: datetime = SINCE,
) -> Iterator[Tactful]:
    """The engine with these campaigns put to work, sending into a folder."""
    with (
        OutboxChannel(OutboxSettings(folder=outbox, files=files)) as channel,
        sending(engine, versions, channel, since=since) as tactful,
    ):
        yield tactful


@contextmanager
def sending(
    engine: Engine, versions: Sequence[Version], channel: Channel[Any], *, since: datetime = SINCE
) -> Iterator[Tactful]:
    """The engine with these campaigns put to work, all their channels through this one."""
    tokens = count(1)
    settings = versions[0].settings
    tactful = Tactful(
        engine,
        settings,
        versions,
        channels=dict.fromkeys(settings.shop.channels, channel),
        deployment=Deployment("bench", "secret"),
        new_token=lambda: f"token-{next(tokens)}",
        hands=os.cpu_count() or 1,
    )
    tactful.publish(since)
    yield tactful
