"""The engine on many machines: Celery's workers are its hands, Redis carries hints between them.

    celery -A orchestrator.entry.queue worker -Q dispatch.email

A hint says "look at these rows". It may be lost, and may come twice: the ledger in the database is
the truth, and `tactful tick` finds everything that is due without any hint.
"""

from orchestrator.entry.queue.app import app
from orchestrator.entry.queue.tasks import TASKS

__all__ = ["TASKS", "app"]
