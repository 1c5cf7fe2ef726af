"""Tests on traits, properties and product fields: may this be asked of it, and with this value?

The values come back as what the type says, so that a rule compares like with like: `is: yes` asks a
yes/no trait for true, and a text trait for the word "yes".
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.problems import show
from orchestrator.model.condition import Path, Tests
from orchestrator.model.problem import did_you_mean
from orchestrator.model.shop import TraitType
from orchestrator.model.span import parse_day

_SPANS = ("within_last", "within_next", "older_than")
_COMMON = ("is", "is_not", "in", "not_in", "known")
_ALLOWED: Mapping[TraitType, tuple[str, ...]] = {
    "text": _COMMON,
    "number": (*_COMMON, "at_least", "at_most", "above", "below"),
    "yes/no": ("is", "is_not", "known"),
    "date": (*_COMMON, "before", "after", *_SPANS),
    "list": ("has", "known"),
}
_LIKE: Mapping[TraitType, str] = {
    "text": "a text",
    "number": "a number",
    "yes/no": "yes or no",
    "date": "a date, such as 2017-11-23",
    "list": "a text",
}
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
_DAY = timedelta(days=1)

AnyTests = TypeVar("AnyTests", bound=Tests)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: `trait lifecycle`, its type, and the only values it may have.

    `spans`: whether it may be compared with the customer's local day, which only traits can.
    """

    name: str
    type: TraitType
    values: Collection[str] = ()
    spans: bool = False

    def operators(self) -> tuple[str, ...]:
        """The tests that suit its type."""
        return tuple(op for op in operators(self.type) if self.spans or op not in _SPANS)


def operators(kind: TraitType) -> tuple[str, ...]:
    """The tests that suit a trait of a type."""
    return _ALLOWED[kind]


def fit(tests: AnyTests, asked: Asked, path: Path, found: list[Finding]) -> AnyTests:
    """The tests with their values as the type says. What does not suit it is added to `found`."""
    new: dict[str, Any] = {}
    for op, value in tests.tests():
        name = f"{op}_" if op in ("is", "in") else op
        at = (*path, op)
        if op not in asked.operators():
            what = f"{op} cannot be asked of {asked.name}, which is {_a(asked.type)}"
            found.append(Finding(at, what, f"ask {', '.join(asked.operators())}", key=True))
        elif op in _SPANS:
            if value % _DAY:
                what = f"{op} counts whole days, and {asked.name} is a date"
                found.append(Finding(at, what, "write days, such as 30d"))
        elif op in ("in", "not_in"):
            new[name] = tuple(
                _value(item, asked, (*at, index), found) for index, item in enumerate(value)
            )
        elif op in ("is", "is_not", "has"):
            new[name] = _value(value, asked, at, found)
    if all(_same(getattr(tests, name), value) for name, value in new.items()):
        return tests
    return tests.model_copy(update=new)


def _value(value: Any, asked: Asked, path: Path, found: list[Finding]) -> Any:
    fitted = _as(asked.type, value)
    if fitted is None:
        what = f"{asked.name} is {_a(asked.type)}, and {show(value)} is not"
        quoted = asked.type in ("text", "list") and isinstance(value, bool)
        fix = f'write "{show(value)}" in quotes' if quoted else f"write {_LIKE[asked.type]}"
        found.append(Finding(path, what, fix))
        return value
    if asked.values and fitted not in asked.values:
        near = did_you_mean(str(fitted), asked.values)
        found.append(Finding(path, f"{asked.name} is never {show(fitted)}", near))
    return fitted


def _as(kind: TraitType, value: Any) -> Any:
    """The value as its type says; None where it cannot be."""
    match kind:
        case "text" | "list":
            if isinstance(value, bool):
                return None
            return value if isinstance(value, str) else str(value)
        case "number":
            numeric = isinstance(value, int | Decimal) and not isinstance(value, bool)
            return value if numeric else None
        case "yes/no":
            if isinstance(value, bool):
                return value
            return _TRUTHS.get(value.lower()) if isinstance(value, str) else None
        case "date":
            try:
                return parse_day(value)
            except ValueError:
                return None


def _same(old: Any, new: Any) -> bool:
    """Equal and of one type: True is not 1, and 2017-11-23 as a text is not the date."""
    if isinstance(old, tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    return type(old) is type(new) and bool(old == new)


def _a(kind: TraitType) -> str:
    return kind if kind == "yes/no" else f"a {kind}"
