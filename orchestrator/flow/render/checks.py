"""What is wrong with a template file, told before anything is rendered.

Four questions, each answered with file, line, column and a fix: does it compile, does it use
what is not there or in a way that cannot be, does it say what nobody would see or should, does it
print money without a macro.
"""

import re
from collections.abc import Iterator, Mapping

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates, find_undeclared_variables

from orchestrator.flow.render.calls import wrong_calls
from orchestrator.flow.render.circles import circle
from orchestrator.flow.render.context import VARIABLES
from orchestrator.flow.render.templates import TemplateSet
from orchestrator.flow.render.unshown import unshown
from orchestrator.model.currency import CODES
from orchestrator.model.problem import Problem, did_you_mean

Known = Mapping[str, frozenset[str] | None]

# Codes that are everyday words in capitals ("TOP 10", "TRY 2 FOR 1") say nothing about money.
_WORDS = frozenset({"ALL", "BAM", "BOB", "COP", "CUP", "GEL", "LAK", "MAD", "PEN", "SOS"})
_WORDS |= {"TOP", "TRY", "ANG", "DOP", "MOP", "NOK", "ERN", "ARS", "BIF", "WST"}
_CODE = "|".join(sorted(CODES - _WORDS))
_SIGN = "[$€£¥₹₩₽₺₫₪฿¢]"
_TAGS = r"(?:\s|&nbsp;|<[^<>]{0,200}>){0,8}"
_VALUE_AFTER = r"(?:[.,]?\d[\d.,]*|\{\{)"
_VALUE_BEFORE = r"(?:\d[\d.,]*|\}\})"
_BARE_MONEY = re.compile(
    rf"{_SIGN}{_TAGS}{_VALUE_AFTER}|\b(?:{_CODE}){_TAGS}{_VALUE_AFTER}"
    rf"|{_VALUE_BEFORE}{_TAGS}(?:{_SIGN}|\b(?:{_CODE})\b)(?!{_TAGS}{_VALUE_AFTER})"
    rf"|{_VALUE_BEFORE}{_TAGS}(?:dollars?|euros?|cents?)\b"
)
_BARE_REDUCTION = re.compile(
    rf"[-−–]\s?\d+\s?%|{_VALUE_BEFORE}\s?%{_TAGS}(?:off|less|discount|cheaper)\b"
    rf"|\b(?:save|reduced by){_TAGS}(?:\d+|\{{\{{[^{{}}]*\}}\}})\s?%",
    re.IGNORECASE,
)
_ONE_BRACE = re.compile(r"(?<![{%#])\{\s*(?P<name>[a-z_]+)(?:\.\w+)*\s*\}(?!\})")
_NOT_TEXT = re.compile(
    r"\{#.*?#\}|<style\b.*?</style>|<!--.*?-->|\b(?:style|width|height)=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)
_STRAY = re.compile(r"unexpected char '(?P<letter>.)' at (?P<at>\d+)")
_BENT_QUOTES = "“”„‟«»‘’‚"
STRAIGHT_QUOTES = "write straight quotes, \" or '"
_STATEMENT = re.compile(r"\{%.*?%\}", re.DOTALL)
_MONEY_NAMES = frozenset(
    ("price", "total", "subtotal", "amount", "cost", "revenue", "unit_price", "balance")
)
_USE_MACRO = "print it with {{ price(product) }}, {{ price_short(product) }}"
_USE_AMOUNT = _USE_MACRO + ", or {{ amount(value, currency) }} for what is no product's price"


def check_template(templates: TemplateSet, name: str, known: Known = VARIABLES) -> list[Problem]:
    """All problems of one file, in reading order. `known` names the variables that will be there,
    each with its entries, or None where any entry may be right."""
    source = templates.sources[name]
    environment = templates.environment(name)
    try:
        tree = environment.parse(source, name, name)
        if faults := templates.faults(name):
            return [Problem(name, one.line, one.column, one.what, one.fix) for one in faults]
        templates.template(name)
    except TemplateSyntaxError as error:
        return [_syntax(name, source, error)]
    except TemplateError as error:
        return [Problem(name, 1, 1, str(error))]
    lines = source.splitlines()
    undeclared = find_undeclared_variables(tree) - environment.globals.keys() - _own_names(tree)
    return sorted(
        {
            *_missing_files(templates, name, tree, lines),
            *_circles(templates, name, tree, lines),
            *_unshown(templates, name, tree, lines),
            *_unknown_names(name, tree, lines, undeclared, known),
            *_wrong_calls(templates, name, tree, lines),
            *_bare_values(name, tree, lines),
            *_bare_text(name, source),
            *_one_brace(name, source, known),
        }
    )


def _syntax(name: str, source: str, error: TemplateSyntaxError) -> Problem:
    said, fix = str(error.message), ""
    if found := _STRAY.fullmatch(said):
        letter, at = found["letter"], int(found["at"])
        fix = STRAIGHT_QUOTES if letter in _BENT_QUOTES else "take it out"
        return _at(name, source, at, f"{letter} cannot stand here", fix)
    if "filter named 'safe'" in said:
        fix = "what customers and feeds wrote is always escaped"
    return Problem(name, error.lineno, 1, said, fix)


def _missing_files(
    templates: TemplateSet, name: str, tree: nodes.Template, lines: list[str]
) -> Iterator[Problem]:
    for file in find_referenced_templates(tree):
        if file is None:
            yield Problem(name, 1, 1, "a file to include is named by a variable", "write its name")
        elif file not in templates:
            line = next((at for at, text in enumerate(lines, 1) if file in text), 1)
            fix = did_you_mean(file, templates.sources)
            yield Problem(name, line, _column(lines, line, file), f'there is no "{file}"', fix)


def _circles(
    templates: TemplateSet, name: str, tree: nodes.Template, lines: list[str]
) -> Iterator[Problem]:
    if way := circle(templates, name, tree):
        line = next((at for at, text in enumerate(lines, 1) if way[1] in text), 1)
        what = f"holds itself: {' → '.join(way)}"
        yield Problem(name, line, _column(lines, line, way[1]), what, "break the circle")


def _unshown(
    templates: TemplateSet, name: str, tree: nodes.Template, lines: list[str]
) -> Iterator[Problem]:
    for found in unshown(templates, name, tree):
        column = _column(lines, found.line, found.word)
        yield Problem(name, found.line, column, found.what, found.fix)


def _own_names(tree: nodes.Template) -> set[str]:
    """What a file names itself: Jinja2 calls that undeclared within its blocks, or when it is set
    in one branch only."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    own |= {file.target for file in tree.find_all(nodes.Import)}
    for file in tree.find_all(nodes.FromImport):
        own |= {name if isinstance(name, str) else name[1] for name in file.names}
    return own


def _unknown_names(
    name: str, tree: nodes.Template, lines: list[str], undeclared: set[str], known: Known
) -> Iterator[Problem]:
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name in undeclared and node.name not in known:
            yield Problem(
                name,
                node.lineno,
                _column(lines, node.lineno, node.name),
                f'unknown variable "{node.name}"',
                did_you_mean(node.name, known),
            )
    guarded = {id(expression) for expression in _guarded(tree)}
    reached: list[nodes.Getattr | nodes.Getitem] = [
        *tree.find_all(nodes.Getattr),
        *tree.find_all(nodes.Getitem),
    ]
    for reach in reached:
        entry, root = _entry(reach), reach.node
        if entry is None or not isinstance(root, nodes.Name) or root.name not in undeclared:
            continue
        entries = known.get(root.name)
        if entries is not None and entry not in entries and id(reach) not in guarded:
            yield Problem(
                name,
                reach.lineno,
                _column(lines, reach.lineno, entry),
                f'"{root.name}" has no "{entry}"',
                did_you_mean(entry, entries),
            )


def _wrong_calls(
    templates: TemplateSet, name: str, tree: nodes.Template, lines: list[str]
) -> Iterator[Problem]:
    for found in wrong_calls(templates, name, tree):
        yield Problem(name, found.line, _column(lines, found.line, found.name), found.what)


def _guarded(tree: nodes.Template) -> Iterator[nodes.Expr]:
    """Expressions whose absence the template has thought of: `x | default(…)`, `x is defined`."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if node.name in ("default", "d", "defined", "undefined") and node.node is not None:
            yield node.node


def _bare_values(name: str, tree: nodes.Template, lines: list[str]) -> Iterator[Problem]:
    for output in tree.find_all(nodes.Output):
        for printed in output.nodes:
            yield from _bare_value(name, printed, lines)
    for joined in tree.find_all(nodes.Concat):
        for part in joined.nodes:
            yield from _bare_value(name, part, lines)


def _bare_value(name: str, printed: nodes.Node, lines: list[str]) -> Iterator[Problem]:
    value: nodes.Node | None = printed
    while isinstance(value, nodes.Filter):
        value = value.node
    entry = _entry(value)
    if entry in _MONEY_NAMES:
        column = _column(lines, printed.lineno, entry)
        what = f'"{entry}" is printed as a bare value'
        yield Problem(name, printed.lineno, column, what, _USE_AMOUNT)


def _entry(node: nodes.Node | None) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _bare_text(name: str, source: str) -> Iterator[Problem]:
    """Currency signs and codes beside a number or a printed value, and "20 % off" by hand."""
    text = _STATEMENT.sub(_blank, _NOT_TEXT.sub(_blank, source))
    for found in _BARE_MONEY.finditer(text):
        shown = " ".join(found[0].split())
        yield _at(name, source, found.start(), f'money written by hand: "{shown}"', _USE_AMOUNT)
    for found in _BARE_REDUCTION.finditer(text):
        yield _at(
            name,
            source,
            found.start(),
            f'a reduction written by hand: "{" ".join(found[0].split())}"',
            "{{ price(product) }} says by how much, against the lowest price of 30 days",
        )


def _one_brace(name: str, source: str, known: Known) -> Iterator[Problem]:
    """`{customer.name}`, as other programs write it: customers would read it as it stands."""
    for found in _ONE_BRACE.finditer(_STATEMENT.sub(_blank, _NOT_TEXT.sub(_blank, source))):
        if found["name"] in known:
            fix = f"write two braces: {{{found[0]}}}"
            yield _at(name, source, found.start(), f'"{found[0]}" is shown as it stands', fix)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _at(name: str, source: str, at: int, what: str, fix: str) -> Problem:
    line = source.count("\n", 0, at) + 1
    return Problem(name, line, at - source.rfind("\n", 0, at), what, fix)


def _column(lines: list[str], line: int, word: str) -> int:
    """Where a word stands in a line; Jinja2 keeps lines only."""
    if not 0 < line <= len(lines):
        return 1
    found = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", lines[line - 1])
    return found.start() + 1 if found else 1
