"""Values come as written, and places are where the words stand."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.flow.load.read import NESTING_MAX, read_yaml
from orchestrator.model.version import Place
from tests.load.shop_folder import CAMPAIGN, SHOP


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("22:00", "22:00"),
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("1.10", Decimal("1.10")),
        ("-0.50", Decimal("-0.50")),
        ("20_000", 20_000),
        ("1_000_000", 1_000_000),
        ("2_0", "2_0"),
        ("0", 0),
        ("-3", -3),
        ("007", "007"),
        ("00123", "00123"),
        ("0x1F", "0x1F"),
        ("0o14", "0o14"),
        ("+13125550123", "+13125550123"),
        ("1e3", "1e3"),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("١٢", "١٢"),
        ("2017-11-23", "2017-11-23"),
        ("2017-11-22 10:00", "2017-11-22 10:00"),
        ("1.2.3", "1.2.3"),
        ("10%", "10%"),
        ("9" * 19, "9" * 19),
        ("'true'", "true"),
        ('"1.10"', "1.10"),
        ("''", ""),
    ],
)
def test_as_written(written: str, value: Any) -> None:
    document = read_yaml(f"key: {written}\n", "f")
    assert document.problems == ()
    assert document.value == {"key": value}
    assert type(document.value["key"]) is type(value)
    if isinstance(value, Decimal):
        assert str(document.value["key"]) == written


def test_keys_are_texts() -> None:
    document = read_yaml("NO: 1\n22:00: 2\n1.10: 3\ntrue: 4\n", "f")
    assert document.value == {"NO": 1, "22:00": 2, "1.10": 3, "true": 4}


def test_blocks_of_text_keep_their_lines() -> None:
    assert read_yaml("a: |\n  one\n  22:00\nb: 1\n", "f").value == {"a": "one\n22:00\n", "b": 1}


def test_as_deep_as_allowed_and_no_deeper() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "1" + "]" * depth

    assert read_yaml(nested(NESTING_MAX), "f").problems == ()
    (problem,) = read_yaml(nested(NESTING_MAX + 1), "f").problems
    assert (problem.line, problem.column) == (1, NESTING_MAX + 1)
    (problem,) = read_yaml(nested(100_000), "f").problems
    assert "nested" in problem.what


@pytest.mark.parametrize("text", [SHOP, CAMPAIGN])
def test_every_place_is_where_the_key_stands(text: str) -> None:
    document = read_yaml(text, "f")
    lines = text.split("\n")
    keys = [path for path in document.places if path and isinstance(path[-1], str)]
    assert len(keys) > 30
    for path in keys:
        place = document.places[path]
        assert lines[place.line - 1][place.column - 1 :].startswith(f"{path[-1]}:")


WORDS = st.text("abcdefghijkl mnop_é日", min_size=1).map(str.strip).filter(bool)
VALUES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(WORDS, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: not isinstance(value, str))


def block(value: Any, indent: int = 0) -> str:
    """The value as block YAML, as a person would lay it out."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(
            f"{pad}{key}: {item}\n"
            if isinstance(item, str)
            else f"{pad}{key}:\n{block(item, indent + 1)}"
            for key, item in value.items()
        )
    return "".join(
        f"{pad}- {item}\n" if isinstance(item, str) else f"{pad}-\n{block(item, indent + 1)}"
        for item in value
    )


def flow(value: Any) -> str:
    """The value in braces and brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


@given(value=VALUES, write=st.sampled_from([block, flow]))
def test_what_is_written_is_read_and_found_again(value: Any, write: Any) -> None:
    text = write(value)
    document = read_yaml(text, "f")
    assert document.problems == ()
    assert document.value == value
    lines = text.split("\n")
    for path, place in document.places.items():
        if path and isinstance(path[-1], str):
            assert lines[place.line - 1][place.column - 1 :].startswith(path[-1])
    for path, place in document.values.items():
        found = value
        for part in path:
            found = found[part]
        if isinstance(found, str):
            assert lines[place.line - 1][place.column - 1 :].startswith(found)


def test_every_trick_is_told_of_at_once() -> None:
    document = read_yaml("a: &x 1\nb: *x\nc: !t 2\na: 3\nd:\n", "f")
    assert [(p.line, p.column) for p in document.problems] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 1),
        (5, 1),
    ]
    assert document.places[("b",)] == Place("f", 2, 1)
    assert document.holes == {("b",), ("d",)}
