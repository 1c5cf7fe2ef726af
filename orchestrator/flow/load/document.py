"""A file's document as a model, and findings about it as problems with their places."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.problems import form_problems
from orchestrator.flow.load.read import Document
from orchestrator.flow.load.shape import fields, follow, hints
from orchestrator.model.base import Written
from orchestrator.model.condition import Path
from orchestrator.model.problem import Problem
from orchestrator.model.version import nearest

Model = TypeVar("Model", bound=Written)


def parse(document: Document, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """The document as `model`, or everything that is wrong with its form."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, form_problems(error, model, document)


def salvage(document: Document, model: type[Model]) -> tuple[Model | None, frozenset[str]]:
    """The model of what is right in a wrong document, and the names of the entries left out.

    So that one wrong segment in `shop.yaml` does not hide what is wrong with the campaigns. None
    where something that must be there is missing or wrong.
    """
    value = dict(document.value) if isinstance(document.value, dict) else {}
    left_out: set[str] = set()
    for _ in range(len(value) + 1):
        try:
            return model.model_validate(value), frozenset(left_out)
        except ValidationError as error:
            for path in {follow(model, detail["loc"]).path for detail in error.errors()}:
                left_out.update(_take_out(value, path))
    return None, frozenset(left_out)


def parts(document: Document, model: type[Written]) -> Iterator[tuple[Path, object]]:
    """The keys of a wrong document that are right by themselves, each with its value.

    So that a mistake in one key does not hide the mistakes in the others.
    """
    value = document.value if isinstance(document.value, dict) else {}
    for key, (name, _) in fields(model).items():
        if key in value:
            with suppress(ValidationError):
                yield (key,), _adapter(model, name).validate_python(value[key])


@cache
def _adapter(model: type[Written], name: str) -> TypeAdapter[object]:
    return TypeAdapter(hints(model)[name])


def _take_out(value: dict[str, object], path: Path) -> Iterable[str]:
    """Removes the entry that a path leads to: one of `segments`, `traits` …, else a whole key."""
    if not path or path[0] not in value:
        return
    outer = value[str(path[0])]
    if len(path) > 1 and isinstance(outer, dict):
        value[str(path[0])] = {key: item for key, item in outer.items() if key != path[1]}
        yield str(path[1])
    else:
        del value[str(path[0])]
        yield from map(str, outer if isinstance(outer, dict) else ())


def placed(finding: Finding, document: Document) -> Problem:
    """The finding at its place in the document."""
    place = None if finding.key else document.values.get(finding.path)
    place = place or nearest(document.places, finding.path)
    line, column = (place.line, place.column) if place else (1, 1)
    return Problem(document.file, line, column, finding.what, finding.fix)
