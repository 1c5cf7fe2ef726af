"""Celery's own parts, where they give up sooner or wait longer than a night allows.

`celeryconfig` names them (`worker_pool`, `worker_consumer`).
"""

import time
from functools import partial
from typing import Any
from warnings import catch_warnings, simplefilter

from celery.concurrency.prefork import TaskPool  # type: ignore[import-untyped]
from celery.exceptions import CPendingDeprecationWarning  # type: ignore[import-untyped]
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
    """Outlives its broker, and is back soon after it is.

    Celery's own waits two seconds longer each time, up to thirty: for so long nobody would send
    after Redis was away for some minutes.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """As Celery's, but nothing in hand is put back: it is being worked at.

        Celery's own puts it back through the connection that is gone and, where one try has failed,
        through what is left of it: that ended the worker (kombu 5.7), and its supervisor had to
        start it again. A hint that is lost comes back after `visibility_timeout`; what is due is
        found without it.
        """
        if self.task_consumer is not None:
            self.task_consumer.channel.do_restore = False
        with catch_warnings():
            # `worker_cancel_long_running_tasks_on_connection_loss` is set as it is on purpose.
            simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(exc)

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
