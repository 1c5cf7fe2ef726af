"""Celery's own parts, where they give up sooner or wait longer than a night allows.

`celeryconfig` names them (`worker_pool`, `worker_consumer`).
"""

import time
from functools import partial
from typing import Any

from celery.concurrency.prefork import TaskPool  # type: ignore[import-untyped]
from celery.worker.consumer import Consumer as CeleryConsumer  # type: ignore[import-untyped]

RECONNECT_FIRST_S = 1
RECONNECT_EVERY_S = 5
"""Redis was away: after a second it is tried again, then a second later each time, up to this."""


class Pool(TaskPool):  # type: ignore[misc]
    """Goes on where one child died while the worker started: another one takes its place.

    Celery's own ends the whole worker then, with everything that its other children have begun,
    and whoever watches over it starts all of it anew.
    """

    def did_start_ok(self) -> bool:
        """Whether any child lives. Where none does, starting them again would not help."""
        return any(child.exitcode is None for child in self._pool._pool)


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Is back soon after its broker is.

    Celery's own waits two seconds longer each time, up to thirty: for so long nobody would send
    after Redis was away for some minutes.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """As Celery's, with spans that stay short."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_FIRST_S,
            interval_step=1,
            interval_max=RECONNECT_EVERY_S,
        )
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """As Celery's, and then a moment's rest: one that refuses does so at once, each time."""
        super().on_connection_error_before_connected(exc)
        time.sleep(RECONNECT_FIRST_S)
