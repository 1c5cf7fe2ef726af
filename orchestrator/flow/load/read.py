"""YAML to plain values, and where each of them stands.

The values are dicts with text keys, lists, and scalars (`scalars.plain`). YAML's cleverer parts –
anchors, aliases, merges, tags, several documents in a file – are refused: a campaign is read by
people who have not learned them. So is a key with nothing after it: an `audience:` whose lines
were commented out would mean everybody.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestrator.flow.load.grammar import explain
from orchestrator.flow.load.scalars import EMPTY, plain
from orchestrator.model.condition import Path
from orchestrator.model.problem import Problem
from orchestrator.model.version import Place

NESTING_MAX = 24
"""Deeper than any campaign that a person can follow."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values, the places of its keys, and of its values; what is wrong with its form.

    A key's path is that of its value; an item of a list stands where it begins. `values` says where
    the value begins, which is what a wrong value is reported at. `holes`: where a value is missing,
    which is a problem already.
    """

    file: str
    value: Any
    places: Mapping[Path, Place]
    values: Mapping[Path, Place]
    holes: Collection[Path]
    problems: tuple[Problem, ...]

    def written(self) -> dict[Path, Place]:
        """The places of what was written: all but that of the file as a whole."""
        return {path: place for path, place in self.places.items() if path}


def read_yaml(text: str, file: str, *, nesting_max: int = NESTING_MAX) -> Document:
    """The values of a YAML text. Never raises: what is wrong stands in `problems`."""
    reader = _Reader(file, nesting_max)
    value: Any = None
    try:
        value = reader.document(YAML(typ="safe", pure=True).parse(text))
    except _TooDeep:
        pass  # the problem is noted, and what lies deeper is not worth a look
    except MarkedYAMLError as error:
        reader.problems.append(explain(error, text, file))
    except AssertionError:  # so ruamel.yaml answers a version of YAML that it does not know
        what = "the line with %YAML names a version that is not read here"
        reader.problems.append(Problem(file, 1, 1, what, "take the line out"))
    except (YAMLError, ValueError) as error:
        reader.problems.append(Problem(file, 1, 1, "is not YAML", str(error).splitlines()[0]))
    if value is None:
        reader.holes.add(())
    return Document(file, value, reader.places, reader.values, reader.holes, tuple(reader.problems))


class _TooDeep(Exception):
    pass


@dataclass(slots=True)
class _Reader:
    file: str
    nesting_max: int
    places: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    holes: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def document(self, events: Iterator[Event]) -> Any:
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse(event, "has a second document after ---", "one file, one document")
                    return value
            elif isinstance(event, NodeEvent):
                value = self.node(event, events, ())
        if not documents:
            self.problems.append(Problem(self.file, 0, 0, "is empty", "write something in it"))
        return value

    def node(self, event: Event, events: Iterator[Event], path: Path) -> Any:
        self.values[path] = self.place(event)
        self.places.setdefault(path, self.values[path])
        self.look_for_tricks(event)
        match event:
            case MappingStartEvent():
                return self.mapping(event, events, path)
            case SequenceStartEvent():
                return self.sequence(event, events, path)
            case ScalarEvent():
                return self.scalar(event, path)
        self.holes.add(path)
        return None

    def scalar(self, event: ScalarEvent, path: Path) -> Any:
        if event.style is not None:  # quoted, or a block of text
            return event.value
        if event.value not in EMPTY:
            return plain(event.value)
        self.holes.add(path)
        name = f"nothing is written after {path[-1]}:" if path else "is empty"
        if path and isinstance(path[-1], int):
            name = "an item of the list is empty"
        place = self.places[path]
        self.problems.append(
            Problem(self.file, place.line, place.column, name, "fill it in, or take the line out")
        )
        return None

    def sequence(self, event: SequenceStartEvent, events: Iterator[Event], path: Path) -> list[Any]:
        self.check_depth(event, path)
        found: list[Any] = []
        for inner in events:
            if isinstance(inner, SequenceEndEvent):
                break
            found.append(self.node(inner, events, (*path, len(found))))
        return found

    def mapping(
        self, event: MappingStartEvent, events: Iterator[Event], path: Path
    ) -> dict[str, Any]:
        self.check_depth(event, path)
        found: dict[str, Any] = {}
        for inner in events:
            if isinstance(inner, MappingEndEvent):
                break
            key = self.key(inner, events, path)
            value_event = next(events)
            if key is None or key in found:
                if key is not None:
                    first = self.places[*path, key]
                    what = f"{key} is written twice; the first is in line {first.line}"
                    self.refuse(inner, what, "keep one of the two")
                self.aside(value_event, events, path)
                continue
            self.places[*path, key] = self.place(inner)
            found[key] = self.node(value_event, events, (*path, key))
        return found

    def key(self, event: Event, events: Iterator[Event], path: Path) -> str | None:
        """The text of a key; None, and a problem, where it is none."""
        if isinstance(event, ScalarEvent):
            self.look_for_tricks(event)
            return str(event.value)
        if not isinstance(event, AliasEvent):
            self.refuse(event, "a key must be a plain word", "a list or braces cannot be a key")
        self.aside(event, events, path)
        return None

    def aside(self, event: Event, events: Iterator[Event], path: Path) -> None:
        """Reads on over something that is not kept, yet looks for problems in it."""
        elsewhere = _Reader(self.file, self.nesting_max)
        try:
            elsewhere.node(event, events, (*path, "aside"))
        finally:
            self.problems.extend(elsewhere.problems)

    def check_depth(self, event: Event, path: Path) -> None:
        if len(path) >= self.nesting_max:
            what = f"is nested more than {self.nesting_max} deep"
            self.refuse(event, what, "name parts of it as segments in shop.yaml")
            raise _TooDeep

    def look_for_tricks(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self.refuse(event, f"*{event.anchor} copies another place", "write it out here")
            return
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.refuse(event, f"&{anchor} names this place for copying", "take it out")
        tag = getattr(event, "ctag", None)
        if tag is not None:
            self.refuse(
                event, f"{_tag(str(tag))} is a tag, which nothing here needs", "take it out"
            )

    def refuse(self, event: Event, what: str, fix: str) -> None:
        place = self.place(event)
        self.problems.append(Problem(self.file, place.line, place.column, what, fix))

    def place(self, event: Event) -> Place:
        mark: StringMark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)


def _tag(text: str) -> str:
    return text.replace("tag:yaml.org,2002:", "!!")
