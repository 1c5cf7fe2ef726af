"""What a Python source uses, by full name whatever it was imported as: for tests about the code."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

# Named at all (called, or handed on as a default), these read the clock.
CLOCK = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "email.utils.make_msgid",
        "time.time",
        "time.time_ns",
        "uuid.uuid1",
    }
)
# These read it when no instant is handed to them.
CLOCK_WITHOUT_ARGUMENT = frozenset(
    {
        "email.utils.formatdate",
        "email.utils.localtime",
        "time.ctime",
        "time.gmtime",
        "time.localtime",
    }
)
SQL_FUNCTION = re.compile(
    r"sqlalchemy\.(?:sql\.)?(?:\w+\.)?func\.(?:now|current_\w+|localtime\w*|sysdate)"
)
SQL_TEXT = re.compile(
    r"\bcurrent_(?:timestamp|date|time)\b|\blocaltimestamp\b|\bnow\(\)"
    r"|\b(?:date|datetime|time|julianday|unixepoch|strftime)\([^)]*'now'",
    re.IGNORECASE,
)


class Use(NamedTuple):
    line: int
    name: str


def uses(source: str) -> Iterator[Use]:
    """Every imported name that the source mentions, in full.

    `dt.now` after `from datetime import datetime as dt` is `datetime.datetime.now`.
    """
    tree = ast.parse(source)
    imported = dict(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (name := _full_name(node, imported)):
            yield Use(node.lineno, name)


def clock_reads(source: str) -> list[Use]:
    """Where the source asks what time it is: of Python, or of the database.

    `time.monotonic` is a stopwatch, not a clock, and may be used anywhere.
    """
    tree = ast.parse(source)
    imported = dict(_imports(tree))
    found = {use for use in uses(source) if use.name in CLOCK or SQL_FUNCTION.fullmatch(use.name)}
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name() | ast.Attribute() as func, args=[]):
                if (name := _full_name(func, imported)) in CLOCK_WITHOUT_ARGUMENT:
                    found.add(Use(node.lineno, name))
            case ast.Constant(value=str() as text) if id(node) not in prose:
                if match := SQL_TEXT.search(text):
                    found.add(Use(node.lineno, match[0]))
    return sorted(found)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for item in names:
                    root = item.name.partition(".")[0]
                    yield (item.asname, item.name) if item.asname else (root, root)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                for item in names:
                    yield item.asname or item.name, f"{module}.{item.name}"


def _full_name(node: ast.expr, imported: dict[str, str]) -> str | None:
    match node:
        case ast.Name(id=name):
            return imported.get(name)
        case ast.Attribute(value=value, attr=attr):
            owner = _full_name(value, imported)
            return owner and f"{owner}.{attr}"
        case _:
            return None
