"""As much of JSON Schema as our schemas use; a word that is not here fails the test loudly."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, Decimal, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_SILENT = {"$schema", "$defs", "title", "description", "examples"}


def complaints(value: Any, schema: Any, root: Any, at: str = "") -> Iterator[str]:
    """What is wrong with a value by a schema."""
    for word, rule in schema.items():
        yield from (f"{at}: {text}" for text in _by(word, rule, value, root, at, schema))


def _by(word: str, rule: Any, value: Any, root: Any, at: str, schema: Any) -> Iterator[str]:
    match word:
        case "$ref":
            yield from complaints(value, root["$defs"][rule.removeprefix("#/$defs/")], root, at)
        case "type":
            if not any(_is(value, name) for name in ([rule] if isinstance(rule, str) else rule)):
                yield f"{value!r} is no {rule}"
        case "enum":
            if value not in rule:
                yield f"{value!r} is none of {rule}"
        case "const":
            if value != rule:
                yield f"{value!r} is not {rule!r}"
        case "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                yield f"{value!r} is not like {rule}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            if _is(value, "number") and not _within(word, value, rule):
                yield f"{value!r} is beyond the {word} {rule}"
        case "minLength" | "maxLength" | "minItems" | "minProperties":
            if hasattr(value, "__len__") and (len(value) > rule) == (word != "maxLength"):
                return
            if hasattr(value, "__len__") and len(value) != rule:
                yield f"{value!r} breaks {word} {rule}"
        case "required":
            yield from (f"no {key}" for key in rule if isinstance(value, dict) and key not in value)
        case "properties" if isinstance(value, dict):
            for key in rule.keys() & value.keys():
                yield from complaints(value[key], rule[key], root, f"{at}.{key}")
        case "additionalProperties" if isinstance(value, dict):
            for key in value.keys() - schema.get("properties", {}).keys():
                if rule is False:
                    yield f"{key} is unknown"
                else:
                    yield from complaints(value[key], rule, root, f"{at}.{key}")
        case "items" if isinstance(value, list):
            for index, item in enumerate(value):
                yield from complaints(item, rule, root, f"{at}[{index}]")
        case "anyOf" | "oneOf":
            found = [list(complaints(value, branch, root, at)) for branch in rule]
            right = sum(not branch for branch in found)
            if right == 0 or (word == "oneOf" and right > 1):
                yield f"{right} of {len(rule)} branches fit {value!r}: {found}"
        case "properties" | "additionalProperties" | "items":
            pass
        case _:
            assert word in _SILENT, f"the test knows nothing of {word}"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _within(word: str, value: Any, limit: Any) -> bool:
    return {
        "minimum": value >= limit,
        "exclusiveMinimum": value > limit,
        "maximum": value <= limit,
        "exclusiveMaximum": value < limit,
    }[word]
