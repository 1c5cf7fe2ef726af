"""Celery's application, set up as `celeryconfig` says."""

import logging
import os
from importlib.util import find_spec

from celery import Celery  # type: ignore[import-untyped]

from orchestrator.entry.logs import start_celery_logs

HERE, PACKAGED = "celeryconfig", "orchestrator.celeryconfig"


def settings_module() -> str:
    """Which module says how Celery behaves.

    The one that `CELERY_CONFIG_MODULE` names, else the `celeryconfig` of the folder where the
    worker was started, else the one that comes with Tactful.
    """
    named = os.environ.get("CELERY_CONFIG_MODULE")
    return named or (HERE if find_spec(HERE) is not None else PACKAGED)


def make_app(broker_url: str | None = None) -> Celery:
    """An application of its own; `broker_url` in place of the one that is set up."""
    made = Celery("tactful", set_as_current=broker_url is None)
    made.config_from_object(settings_module())
    if broker_url is not None:
        made.conf.broker_url = broker_url
    return made


app = make_app()
start_celery_logs()
# Hints come all the time: that one came and went is no news, and what it came to is told in words.
for _name in ("celery.app.trace", "celery.worker.strategy"):
    logging.getLogger(_name).setLevel(logging.WARNING)
