"""A simulation in a folder: a copy of the database, and an outbox that only keeps a list."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from channels.contract import Channel
from channels.outbox import OutboxChannel, OutboxSettings
from orchestrator.entry.chance import new_deployment
from orchestrator.entry.opening import make_tactful
from orchestrator.flow.approving import unapproved
from orchestrator.flow.load import Loaded
from orchestrator.flow.pace import NoPace
from orchestrator.flow.replay import Moment
from orchestrator.flow.report import Report, report
from orchestrator.flow.simulate import Span, simulate
from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import WrongUse
from orchestrator.store.database import open_database, reading


class Simulation:
    """One simulation of the campaigns as they are written."""

    def __init__(self, loaded: Loaded, folder: Path) -> None:
        self._loaded = loaded
        self._folder = folder

    def run(self, source: Engine, span: Span) -> Iterator[Moment]:
        """Let it happen, moment by moment. What an earlier one has left in the folder is gone."""
        outbox = self._folder / "outbox"
        try:
            outbox.mkdir(parents=True, exist_ok=True)
            for log in outbox.glob("*.jsonl"):
                log.unlink()
        except OSError as error:
            raise WrongUse(f"cannot write to {self._folder}: {error.strerror}") from None
        with OutboxChannel(OutboxSettings(folder=outbox, files=False)) as channel:
            yield from simulate(source, self._folder, lambda copy: self._make(copy, channel), span)

    def supposed(self, source: Engine) -> list[str]:
        """The campaigns that are simulated as if somebody had approved of them."""
        with reading(source) as connection:
            return [one.name for one in unapproved(connection, self._loaded.versions)]

    def report(self, end: datetime) -> Report:
        """What it came to."""
        engine = open_database(str(self._folder / "simulation.db"))
        try:
            channel = OutboxChannel(OutboxSettings(folder=self._folder / "outbox", files=False))
            return report(self._make(engine, channel), end)
        finally:
            engine.dispose()

    def _make(self, engine: Engine, channel: Channel[Any]) -> Tactful:
        settings = self._loaded.settings
        assert settings is not None  # only campaigns without problems are simulated
        channels = dict.fromkeys(settings.shop.channels, channel)
        return make_tactful(engine, self._loaded, channels, new_deployment(), pace=NoPace())
