"""The models' own shape: which field a path leads to, and every written piece of a value.

So that errors, the reference and the checks need no list of fields beside the models.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import Discriminator, Tag, WithJsonSchema
from pydantic.fields import FieldInfo

from orchestrator.model.base import Written
from orchestrator.model.condition import Path


@cache
def hints(model: type[Written]) -> Mapping[str, Any]:
    """The annotations of a model's fields, with all that is written around them."""
    return get_type_hints(model, include_extras=True)


@cache
def fields(model: type[Written]) -> Mapping[str, tuple[str, FieldInfo]]:
    """Key as written → (name of the attribute, field)."""
    return {field.alias or name: (name, field) for name, field in model.model_fields.items()}


def bare(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated` and without `| None`, and what was written around it."""
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(kind) is Annotated:
            kind, *inner = get_args(kind)
            notes = (*inner, *notes)
        elif get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind):
            others = [part for part in get_args(kind) if part is not NoneType]
            if len(others) > 1:
                return Union[tuple(others)], notes  # noqa: UP007 - built from a list
            kind = others[0]
        else:
            return kind, notes


def choices(kind: Any) -> dict[str, Any] | None:
    """The members of a tagged union by tag; None where it is no such union."""
    base, notes = bare(kind)
    if not any(isinstance(note, Discriminator) for note in notes):
        return None
    members: dict[str, Any] = {}
    for member in get_args(base):
        tag = next(note.tag for note in bare(member)[1][::-1] if isinstance(note, Tag))
        members[tag] = member
    return members


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an error's location leads: the path as written, and the type of what stands there.

    `model` is the innermost model on the way, `field` its field; `rest` is what did not lead on
    (the branches of a union of plain values).
    """

    path: Path
    kind: Any
    model: type[Written]
    field: FieldInfo | None
    rest: tuple[str | int, ...]


def follow(model: type[Written], location: Path) -> Spot:
    """The spot of a pydantic error's location; the tags of unions were not written, and go."""
    kind: Any = model
    field: FieldInfo | None = None
    path: Path = ()
    parts = list(location)
    while parts:
        members = choices(kind)
        base = bare(kind)[0]
        if members is not None:
            if parts[0] not in members:
                break
            kind = members[str(parts.pop(0))]
        elif isinstance(base, type) and issubclass(base, Written):
            model = base
            key = str(parts.pop(0))
            path = (*path, key)
            name, field = fields(model).get(key, ("", None))
            if field is None:
                return Spot(path, None, model, None, tuple(parts))
            kind = hints(model)[name]
        elif get_origin(base) in (tuple, dict):
            path = (*path, parts.pop(0))
            kind = get_args(base)[1 if get_origin(base) is dict else 0]
        else:
            break
    return Spot(path, kind, model, field, tuple(parts))


def words(kind: Any) -> tuple[str, ...]:
    """The words of a `Literal`; none for other types."""
    base, _ = bare(kind)
    return tuple(map(str, get_args(base))) if get_origin(base) is Literal else ()


def models(model: type[Written]) -> list[type[Written]]:
    """A model and all those that its fields lead to, each once, nearest first."""
    found = [model]
    for known in found:
        for kind in hints(known).values():
            found.extend(other for other in _models_in(kind) if other not in found)
    return list(dict.fromkeys(found))


def _models_in(kind: Any) -> Iterator[type[Written]]:
    base, _ = bare(kind)
    if isinstance(base, type) and issubclass(base, Written):
        yield base
    for part in get_args(base):
        yield from _models_in(part)


def examples(field: FieldInfo | None, kind: Any) -> tuple[str, ...]:
    """How a field may be written: its own examples, else those of its type."""
    if field is not None and field.examples:
        return tuple(map(str, field.examples))
    for note in bare(kind)[1]:
        if isinstance(note, WithJsonSchema) and note.json_schema:
            return tuple(map(str, note.json_schema.get("examples", ())))
    return ()


def pieces(value: Any, path: Path = ()) -> Iterator[tuple[Path, Written]]:
    """Every written piece in a value with its path, outer before inner, in reading order."""
    if isinstance(value, Written):
        yield path, value
        for key, (name, _) in fields(type(value)).items():
            yield from pieces(getattr(value, name), (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from pieces(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from pieces(item, (*path, key))


def rebuild(value: Any, change: Callable[[Path, Written], Written], path: Path = ()) -> Any:
    """The value with every written piece in it put through `change`, inner before outer.

    What did not change is the very same object.
    """
    if isinstance(value, Written):
        new = {
            name: rebuild(getattr(value, name), change, (*path, key))
            for key, (name, _) in fields(type(value)).items()
            if name in value.model_fields_set
        }
        if any(new[name] is not getattr(value, name) for name in new):
            value = type(value).model_validate(new)
        return change(path, value)
    if isinstance(value, tuple):
        items = tuple(rebuild(item, change, (*path, n)) for n, item in enumerate(value))
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict):
        built = {key: rebuild(item, change, (*path, key)) for key, item in value.items()}
        return value if all(built[key] is value[key] for key in value) else built
    return value
