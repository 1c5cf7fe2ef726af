"""Runs the application until it is asked to end, and then a moment longer."""

import math
import time
from threading import Event
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from orchestrator.entry.logs import get_logger


class Draining(uvicorn.Server):
    """Asked to end, it says so at `/ready` and goes on answering for `drain_s`.

    A balancer that looks at `/ready` sends its requests elsewhere meanwhile. Asked twice, it ends
    at once.
    """

    def __init__(self, config: uvicorn.Config, draining: Event, drain_s: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_s = drain_s
        self._ends_at_s = math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM, or Ctrl-C."""
        if self._draining.is_set():
            super().handle_exit(sig, frame)
            return
        self._ends_at_s = time.monotonic() + self._drain_s
        self._draining.set()
        get_logger("tactful.web").info("ending", drain_s=self._drain_s)

    async def on_tick(self, counter: int) -> bool:
        """Every tenth of a second: whether to end."""
        self.should_exit = self.should_exit or time.monotonic() >= self._ends_at_s
        return await super().on_tick(counter)


def serve(app: Starlette, draining: Event, *, host: str, port: int, drain_s: float) -> None:
    """Answer on `host:port` until asked to end. Logs go where all logs go."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,  # addresses of links would be in it
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    Draining(config, draining, drain_s).run()
