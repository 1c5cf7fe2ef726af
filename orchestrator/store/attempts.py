"""Attempts: a row for every possible write to a provider, and how it ended."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    exists,
    insert,
    select,
    update,
)

from orchestrator.store.by_index import one_by_one
from orchestrator.store.dialect import json_text
from orchestrator.tables import attempts, messages
from orchestrator.tables.base import Instant
from orchestrator.tables.json import ids_text, rows
from orchestrator.tables.messages import may_have_arrived

_NOW: ColumnElement[Any] = bindparam("now", type_=Instant())


def some_may_have_arrived(besides: ColumnElement[str] | None = None) -> ColumnElement[bool]:
    """Of a message, an attempt was never answered, or its answer came too late to matter.

    A service message is sent again where nobody knows. Whatever ends it then, nobody may say that
    it never arrived. `besides`: not the attempt that this token began.
    """
    others = () if besides is None else (attempts.c.token != besides,)
    mine = attempts.c.message_id == messages.c.id
    found = select(attempts.c.id).where(mine, may_have_arrived(), *others)
    return and_(messages.c.tries > 0, exists(found.correlate(messages)))


_BEGUN = rows("begun", {"id": Integer()})
_BEGIN = (
    insert(attempts)
    .from_select(
        ["message_id", "token", "provider", "at"],
        select(
            _BEGUN.c.id,
            bindparam("held_token", type_=String()),
            bindparam("of_provider", type_=String()),
            _NOW,
        ),
    )
    .returning(attempts.c.message_id, attempts.c.id)
)


def begin(
    connection: Connection, token: str, ids: Iterable[int], provider: str, now: datetime
) -> dict[int, int]:
    """A row for every possible write: message → attempt, in the order of the messages' ids."""
    begun = {"begun": ids_text(ids), "held_token": token, "of_provider": provider, "now": now}
    return dict(sorted((row[0], row[1]) for row in connection.execute(_BEGIN, begun).all()))


_ANSWERS = rows(
    "answers",
    {"id": Integer(), "outcome": String(), "detail": String(), "provider_ref": String()},
)


_ANSWER = (
    update(attempts)
    .where(
        attempts.c.id == _ANSWERS.c.id,
        # A callback may have been faster, and is proof.
        attempts.c.outcome.is_distinct_from("accepted"),
    )
    .values(
        outcome=_ANSWERS.c.outcome,
        detail=_ANSWERS.c.detail,
        provider_ref=_ANSWERS.c.provider_ref,
    )
)


def end(connection: Connection, answers: Sequence[tuple[int, str, str | None, str | None]]) -> None:
    """(attempt, outcome, detail, provider_ref) for each attempt that was answered."""
    if answers:
        one_by_one(connection)
        connection.execute(_ANSWER, {"answers": json_text([list(a) for a in answers])})
