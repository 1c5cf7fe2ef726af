"""What a YAML parser says, in words for someone who does not know YAML's grammar."""

import re
from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError

from orchestrator.model.problem import Problem


@dataclass(frozen=True, slots=True)
class _Rule:
    """A complaint of the parser's, and how to say it; `$` is the letter it is about.

    `opened`: the mistake is where something begins, not where the parser lost its way.
    """

    said: str
    what: str
    fix: str
    opened: bool = False


_RULES = (
    _Rule(
        "mapping values are not allowed here",
        "a colon cannot stand here",
        "put the text in quotes, or let the line begin straight below its neighbours",
    ),
    _Rule(
        r"found character '\\t'",
        "a tab cannot stand here",
        "write a space",
    ),
    _Rule(
        "found character '(.)' that cannot start any token",
        "a text cannot begin with $",
        "put it in quotes",
    ),
    _Rule(
        "unknown escape character '(.)'",
        "\\$ means nothing between double quotes",
        "use single quotes",
    ),
    _Rule(
        "while scanning a .*quoted scalar",
        "the quotes that begin here do not end",
        "close them; a quote inside the text is written twice",
        opened=True,
    ),
    _Rule(
        r"expected ',' or '\]'",
        "the list that begins here does not end",
        "write a comma or ]",
        opened=True,
    ),
    _Rule(
        r"expected ',' or '\}'",
        "the braces that begin here do not end",
        "write a comma or }",
        opened=True,
    ),
    _Rule(
        "could not find expected ':'",
        "a colon is missing after this key",
        "write key: value",
        opened=True,
    ),
    _Rule(
        "expected <block end>",
        "the line does not begin straight below its neighbours",
        "give it as many spaces as they have",
    ),
    _Rule(
        "expected the node content, but found '(.)'|found ..'(.)',",
        "$ cannot stand here",
        "take it out, or put the text in quotes",
    ),
)


def explain(error: MarkedYAMLError, text: str, file: str) -> Problem:
    """The problem of a parser's complaint, at the place that a person would look at."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    for number in (line, line - 1):
        if 0 <= number < len(lines) and (tab := _indenting_tab(lines[number])) is not None:
            what = "a tab at the beginning of a line"
            return Problem(file, number + 1, tab + 1, what, "indent with spaces")
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    for rule in _RULES:
        if found := re.search(rule.said, said):
            letter = next((part for part in found.groups() if part), "")
            if rule.opened and error.context_mark:
                line, column = error.context_mark.line, error.context_mark.column
            return Problem(file, line + 1, column + 1, rule.what.replace("$", letter), rule.fix)
    return Problem(file, line + 1, column + 1, "this is not YAML", said)


def _indenting_tab(line: str) -> int | None:
    start = line[: len(line) - len(line.lstrip())]
    return start.index("\t") if "\t" in start else None
