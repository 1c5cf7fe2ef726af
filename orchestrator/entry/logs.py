"""What processes tell of themselves: one JSON object a line in production, readable on a screen.

    start_logs(secrets=…)
    log = get_logger("tactful.run")
    with bound(campaign="winback", channel="sms"):
        log.info("batch sent", accepted=500, took_s=1.2)

Everything ends up here, also what libraries and Celery say through `logging`. A failure is one
line with its traceback; a database that is away is told in a sentence. Lines hold ids, never
personal data: see `_hide`.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from pydantic import BaseModel, SecretBytes, SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, StatementError
from structlog.types import EventDict, Processor

from orchestrator.model.errors import Away, WrongUse
from orchestrator.store.database import is_away

HIDDEN = "[hidden]"
SECRET_LENGTH_MIN = 6
"""Shorter secrets are hidden under their names only: anywhere else they would blot out words."""

_SECRET_KEYS = re.compile(
    r"passw|secret|token|authori[sz]ation|api_?key|credential|cookie|signature|private_?key", re.I
)
_PERSONAL_KEYS = re.compile(
    r"^(to|email|e_mail|mail|phone|mobile|address(_key)?|recipient|sender|subject|html|text|body|"
    r"traits?|properties|(first|last|full)_?name|birth\w*|args|kwargs|params|parameters)$",
    re.I,
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)@")
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w.])\+\d[\d ().-]{6,}\d\b")

_ADDED = re.compile(r"(\\n|\n)(DETAIL|CONTEXT): .*", re.DOTALL)
"""What PostgreSQL adds to an error: the row, or the value, that it refused. As it is, or quoted."""

_secrets: set[str] = set()


class _Handler(logging.StreamHandler[TextIO]):
    """Ours; without a stream, whatever standard error is at the moment."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._fixed = stream

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        if self._fixed is None:
            self.stream = sys.stderr
        super().emit(record)


def start_logs(
    *,
    secrets: Iterable[object] = (),
    level: str | None = None,
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Say how this process logs; called again, the last call holds.

    `TACTFUL_LOG` is `json` or `text`; without it, JSON unless `stream` (standard error) is a
    screen. `TACTFUL_LOG_LEVEL` wins over `level`, which is `info`. `secrets`: see `hide`.
    """
    hide(*secrets)
    on_screen = (stream or sys.stderr).isatty()
    kind = environ.get("TACTFUL_LOG", "text" if on_screen else "json").lower()
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _said_twice, *_BEFORE],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_screens(on_screen) if kind == "text" else _FOR_MACHINES),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if not isinstance(one, _Handler)] + [handler]
    wanted = environ.get("TACTFUL_LOG_LEVEL") or level or "info"
    if wanted.upper() not in logging.getLevelNamesMapping():
        raise WrongUse(f"TACTFUL_LOG_LEVEL: {wanted!r} is none of debug, info, warning, error")
    root.setLevel(wanted.upper())
    logging.captureWarnings(True)


def start_celery_logs() -> None:
    """Let Celery log here, too: call once where its app is made.

    Celery leaves the set-up alone where somebody listens to its signal. Each line that is logged
    while a task runs carries the task's name and id.
    """
    from celery import signals  # type: ignore[import-untyped]

    signals.setup_logging.connect(_celery_sets_up, weak=False, dispatch_uid="tactful")
    signals.task_prerun.connect(_task_begins, weak=False, dispatch_uid="tactful")
    signals.task_postrun.connect(_task_ends, weak=False, dispatch_uid="tactful")


def hide(*secrets: object) -> None:
    """Never show these values: texts, URLs (their password), and models (all their secrets)."""
    for one in secrets:
        match one:
            case BaseModel():
                hide(*(value for _, value in one if not isinstance(value, str)))
            case SecretStr() | SecretBytes():
                value = one.get_secret_value()
                hide(value.decode(errors="replace") if isinstance(value, bytes) else value)
            case str() if "://" in one:
                hide(_password(one))
            case str() if len(one) >= SECRET_LENGTH_MIN:
                _secrets.add(one)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module or a process."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def bound(**context: object) -> Iterator[None]:
    """Every line meanwhile carries this: worker, task, channel, campaign."""
    with structlog.contextvars.bound_contextvars(**context):
        yield


def _password(url: str) -> str:
    try:
        return make_url(url).password or ""
    except (ArgumentError, ValueError):
        return ""


def _celery_sets_up(loglevel: int | str | None = None, **_: object) -> None:
    level = logging.getLevelName(loglevel) if isinstance(loglevel, int) else loglevel
    start_logs(level=level)


def _task_begins(task_id: str, task: Any, **_: object) -> None:
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


def _task_ends(**_: object) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")


def _without_data(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """What a statement was given is customers' data: the database's errors would show it, and so
    would Celery's lines, which hold such an error as a text."""
    error = _error(event)
    while isinstance(error, BaseException):
        if isinstance(error, StatementError):
            error.hide_parameters = True
        terse = tuple(map(_terse, error.args))
        if terse != error.args:
            error.args = terse
        error = error.__cause__ or error.__context__
    return {key: _terse(value) for key, value in event.items()}


def _error(event: EventDict) -> Any:
    """What the line is to tell a traceback of, if anything."""
    found = event.get("exc_info")
    return sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found


def _away_in_a_sentence(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """That the database is away is told by everybody, again and again: where they noticed it would
    hide all else."""
    match _error(event):
        case Away() as error:
            why = str(error)
        case (OperationalError() | InterfaceError()) as error if is_away(error):
            why = str(error.orig)
        case _:
            return event
    del event["exc_info"]
    event["why"] = why.strip().partition("\n")[0]
    return event


def _terse(said: Any) -> Any:
    return _ADDED.sub("", said) if isinstance(said, str) else said


def _said_twice(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Celery adds to its lines what they say already, a second traceback among it."""
    record = event["_record"]
    if record.name.startswith("celery."):
        event.pop("data", None)
    return event


def _hide(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Secrets by their names and by their values; personal data by its names and by its looks."""
    return {key: _hidden(key, value) if key[0] != "_" else value for key, value in event.items()}


def _hidden(key: str, value: Any) -> Any:
    if _SECRET_KEYS.search(key) or _PERSONAL_KEYS.match(key):
        return HIDDEN
    match value:
        case str():
            return _clean(value)
        case Mapping():
            return {str(k): _hidden(str(k), v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden("", one) for one in value]
        case None | bool() | int() | float():
            return value
    return _clean(str(value))


def _clean(text: str) -> str:
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return _NUMBER.sub(HIDDEN, _MAIL.sub(HIDDEN, text)) if "@" in text or "+" in text else text


def _rename(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """When, how grave, what: first in each line."""
    first = {"at": event.pop("timestamp"), "level": event.pop("level"), "event": event.pop("event")}
    return {**first, **event}


_BEFORE: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    _without_data,
    _away_in_a_sentence,
    structlog.processors.format_exc_info,
    _hide,
]
_FOR_MACHINES: list[Processor] = [_rename, structlog.processors.JSONRenderer()]


def _for_screens(on_screen: bool) -> list[Processor]:
    coloured = on_screen and not os.environ.get("NO_COLOR")
    return [structlog.dev.ConsoleRenderer(colors=coloured)]


# Also where nobody starts logs, such as in tests: everything goes through `logging`, and nothing
# shows what it should not.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        *_BEFORE,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=False,
)
