"""What pydantic found, as problems: exact places, and words for someone who writes campaigns."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.flow.load.read import Document
from orchestrator.flow.load.shape import Spot, choices, examples, fields, follow, words
from orchestrator.model.base import Written
from orchestrator.model.condition import Path
from orchestrator.model.problem import Problem, did_you_mean
from orchestrator.model.version import nearest

_EXPECTED = {
    "string_type": "write a text",
    "bool_type": "write yes or no",
    "bool_parsing": "write yes or no",
    "dict_type": "write keys and values below it, such as key: value",
    "model_type": "write keys and values below it, such as key: value",
    "tuple_type": "write a list: [one, two]",
    "url_type": "write a web address, such as https://shop.example.com",
    "url_parsing": "write a web address, such as https://shop.example.com",
    "url_scheme": "write a web address, such as https://shop.example.com",
}

_LOGIC = {"not": "none", "and": "all", "or": "any", "but": "none", "except": "none"}
"""What people write who know another language of conditions."""

_SCALAR = "write a text, a number, yes or no, or a date"

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def form_problems(
    error: ValidationError, model: type[Written], document: Document
) -> list[Problem]:
    """Every problem of a document's form, each once, in no particular order."""
    found: dict[tuple[Path, str], Problem] = {}
    details = error.errors(include_url=False)
    misspelt = {path for detail in details for path in _meant(detail, model)}
    for detail in details:
        spot = follow(model, detail["loc"])
        if spot.path in document.holes or _follows_from_another(detail, spot, misspelt):
            continue
        for problem in _explain(detail, spot, document):
            # Each branch of a union of plain values complains for itself: once is enough.
            found.setdefault((spot.path, "" if spot.rest else detail["type"]), problem)
    return list(found.values())


def _follows_from_another(detail: ErrorDetails, spot: Spot, misspelt: set[Path]) -> bool:
    """A list whose items are all wrong is called too short, and a misspelt key is missed too."""
    if detail["type"] == "missing":
        return spot.path in misspelt
    return detail["type"] == "too_short" and bool(detail["input"])


def _meant(detail: ErrorDetails, model: type[Written]) -> Iterator[Path]:
    """The key that an unknown one is taken to mean."""
    if detail["type"] == "extra_forbidden":
        spot = follow(model, detail["loc"])
        fix = did_you_mean(_key(spot.path), fields(spot.model))
        if fix.startswith("did"):
            yield (*spot.path[:-1], fix.split('"')[1])


def _explain(detail: ErrorDetails, spot: Spot, document: Document) -> Iterator[Problem]:
    kind, key = detail["type"], _key(_written(spot.path, document))
    if kind == "extra_forbidden":
        key = _key(spot.path)
        what, fix = f"{key} is no key that can stand here", did_you_mean(key, fields(spot.model))
        yield _at_key(document, spot.path, what, fix)
    elif kind == "missing":
        outer = spot.path[:-1]
        key = str(spot.path[-1])
        whole = f"{_key(outer)} has no {key}" if outer else f"{key} is missing"
        yield _at_key(document, outer, whole, f"add {key}:{_example(spot)}")
    elif kind == "literal_error":
        known = words(spot.kind)
        what = f"{key} cannot be {show(detail['input'])}"
        yield _at_value(document, spot.path, what, _one_of(detail["input"], known))
    elif kind in ("condition", "trigger", "step"):
        yield _unknown_kind(detail, spot, document)
    elif kind == "value_error":
        said = str(detail["ctx"]["error"])
        what, _, fix = said.partition("; ")
        on_model = isinstance(detail["input"], dict)
        place = _at_key if on_model else _at_value
        yield place(document, spot.path, _subject(key, what), fix)
    else:
        demand = _demand(detail, spot)
        yield _at_value(document, spot.path, f"{key}: {demand}" if spot.path else demand, "")


def _demand(detail: ErrorDetails, spot: Spot) -> str:
    kind = detail["type"]
    if kind in _BOUNDS:
        name, words_ = _BOUNDS[kind]
        percent = "%" if isinstance(detail["input"], float) else ""  # shares alone are floats
        return f"must be {words_} {_number(detail['ctx'][name])}{percent}"
    if kind == "too_short":
        return "is empty, write at least one"
    if kind == "string_pattern_mismatch":
        return f"write it as{_example(spot)}, not {show(detail['input'])}"
    if spot.rest:
        return f"{_SCALAR}, not {show(detail['input'])}"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, not {show(detail['input'])}"
    return re.sub(r"^Input should be", "must be", detail["msg"])


def _unknown_kind(detail: ErrorDetails, spot: Spot, document: Document) -> Problem:
    """No word, or a wrong one, where a condition, trigger or step begins."""
    known = [word for word in choices(spot.kind) or () if word != "group"]
    if detail["type"] == "condition":
        known += ["all", "any", "none"]
    if isinstance(detail["input"], dict) and detail["input"]:
        key = str(next(iter(detail["input"])))
        for other in detail["input"]:
            if did_you_mean(str(other), known).startswith("did"):
                key = str(other)
                break
        what = f"a {detail['type']} cannot begin with {key}"
        near = _LOGIC.get(key.lower())
        fix = f"write {near}: and a list" if near in known else _one_of(key, tuple(known))
        return _at_key(document, (*spot.path, key), what, fix)
    what = f"a {detail['type']} cannot be {show(detail['input'])}"
    return _at_value(document, spot.path, what, f"begin with one of: {', '.join(known)}")


def _key(path: Path) -> str:
    """What to call the place: the last word on the way, and which item of its list."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"{_key(path[:-1])} {path[-1] + 1}"
    return path[-1]


def _written(path: Path, document: Document) -> Path:
    """The path as far as it was written: `wait: 2` is short for `wait: {for: 2}`."""
    while path and path not in document.places:
        path = path[:-1]
    return path


def _subject(key: str, what: str) -> str:
    """A sentence that tells what to write is set apart from its key; others go on from it."""
    return f"{key}: {what}" if re.match(r"write |there |the |\d", what) else f"{key} {what}"


def _one_of(written: Any, known: tuple[str, ...]) -> str:
    fix = did_you_mean(str(written), known)
    return fix if fix.startswith("did") else f"write one of: {', '.join(known)}"


def _example(spot: Spot) -> str:
    """` as US`, or what belongs after the key, where the model gives an example."""
    known = examples(spot.field, spot.kind) or words(spot.kind)
    return f" {known[0]}" if known else " …"


def show(value: Any) -> str:
    """A value as it was written, or nearly so, and not too long.

    >>> show(True), show("a" * 60), show([1, 2])
    ('true', '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"', 'a list')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "keys and values"
    text = str(value)
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _at_key(document: Document, path: Path, what: str, fix: str) -> Problem:
    place = nearest(document.places, path) if path else document.places.get(())
    return _problem(document, place, what, fix)


def _at_value(document: Document, path: Path, what: str, fix: str) -> Problem:
    place = document.values.get(path) or nearest(document.places, path)
    return _problem(document, place, what, fix)


def _problem(document: Document, place: Any, what: str, fix: str) -> Problem:
    line, column = (place.line, place.column) if place else (1, 1)
    return Problem(document.file, line, column, what, fix)
