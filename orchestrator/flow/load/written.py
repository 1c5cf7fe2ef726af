"""How fields are written: their forms and their defaults, as a marketer reads them."""

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, get_args, get_origin

from pydantic import BeforeValidator, HttpUrl
from pydantic.fields import FieldInfo

from orchestrator.flow.load.shape import bare, choices, words
from orchestrator.model.base import Written
from orchestrator.model.clock import Hours, TimeOfDay
from orchestrator.model.condition import Condition, Scalar, Where
from orchestrator.model.schedule import CronText
from orchestrator.model.span import (
    Amount,
    Cap,
    Day,
    Number,
    Pace,
    Percent,
    Portion,
    Shift,
    Span,
    Whole,
    YesNo,
    show_span,
)
from orchestrator.model.step import Step, When
from orchestrator.model.trigger import LocalTime, Trigger

_FORMS: tuple[tuple[Any, str], ...] = (
    (Span, "[span](#ways-to-write)"),
    (Shift, "[span](#ways-to-write), may begin with a minus"),
    (Cap, "[cap](#ways-to-write)"),
    (Pace, "[cap](#ways-to-write)"),
    (Percent, "[share](#ways-to-write)"),
    (Portion, "whole number, or [share](#ways-to-write)"),
    (Number, "[number](#ways-to-write)"),
    (Amount, "number"),
    (Whole, "whole number"),
    (YesNo, "`yes` or `no`"),
    (Hours, "[hours](#ways-to-write)"),
    (TimeOfDay, "[time](#ways-to-write)"),
    (Day, "[date](#ways-to-write)"),
    (CronText, "[schedule](#ways-to-write)"),
    (Scalar, "text, number, `yes`, `no` or date"),
    (Where, "name: [tests](#tests), a value, or a list of values"),
    (Condition, "[condition](#conditions)"),
    (Step, "[step](#steps)"),
    (When, "[condition](#conditions), or `{still: audience}`"),
    (Trigger, "[trigger](#triggers)"),
    (str, "text"),
    (LocalTime, "[day and time](#ways-to-write)"),
    (HttpUrl, "web address"),
)


def form(kind: Any) -> str:
    """How a value of a type is written, in Markdown."""
    for known, text in _FORMS:
        if _alike(kind, known):
            return text
    base, notes = bare(kind)
    for note in notes:
        if isinstance(note, BeforeValidator) and get_origin(note.json_schema_input_type):
            return " or ".join(map(form, get_args(note.json_schema_input_type)))
    if listed := words(base):
        return ", ".join(f"`{word}`" for word in listed)
    if isinstance(base, type) and issubclass(base, Written):
        return f"[keys](#{anchor(base)})"
    if get_origin(base) is tuple:
        return f"list: {form(get_args(base)[0])}"
    if get_origin(base) is dict:
        return f"name: {form(get_args(base)[1])}"
    raise AssertionError(f"say in `_FORMS` how {kind} is written")


def _alike(kind: Any, known: Any) -> bool:
    """Whether it is the known type, whatever limits and `| None` were put around it."""
    if choices(kind) is not None or choices(known) is not None:
        return choices(kind) == choices(known)
    base, notes = bare(kind)
    known_base, known_notes = bare(known)
    return bool(base == known_base) and _readers(notes) == _readers(known_notes)


def _readers(notes: tuple[Any, ...]) -> list[BeforeValidator]:
    return [note for note in notes if isinstance(note, BeforeValidator)]


def anchor(model: type[Written]) -> str:
    """Where in the reference a model stands."""
    return model.__name__.lower()


def default_text(field: FieldInfo) -> str:
    """What holds where a key is not written; nothing to be said of nothing."""
    if field.is_required():
        return ""
    return show_value(field.get_default(call_default_factory=True, validated_data={}))


def show_value(value: Any) -> str:
    """A value as it would be written; "" for nothing."""
    match value:
        case None | Written() | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return show_span(value) if value else "0d"
        case float():
            return f"{value:g}%"
        case time():
            return f"{value:%H:%M}"
        case int() | Decimal() | str() | date():
            return str(value)
        case tuple() if value and not isinstance(value[0], Written):
            return f"[{', '.join(map(show_value, value))}]"
    return ""
