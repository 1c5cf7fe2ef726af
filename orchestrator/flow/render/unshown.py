"""What a file that extends another says in vain: its blocks alone are shown, where there is room.

Jinja2 leaves the rest out without a word, and a letter would leave with nothing in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateError, nodes

from orchestrator.flow.render.templates import TemplateSet
from orchestrator.model.problem import did_you_mean

_ASKED_FOR = frozenset({"preheader"})
"""Shown beside a subject, whether the page has a place for it or not."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """`word` is what to look for in the line."""

    line: int
    word: str
    what: str
    fix: str


def unshown(templates: TemplateSet, name: str, tree: nodes.Template) -> Iterator[Unshown]:
    """Blocks that no file above has a place for, and whatever stands outside of blocks."""
    above = _above(tree)
    if above is None or above not in templates:
        return
    places = _places(templates, above, {name})
    if places is None:
        return
    for part in tree.body:
        for block in _blocks(part):
            if block.name not in places | _ASKED_FOR:
                what = f'nothing of the block "{block.name}" is shown: {above} has no place for it'
                yield Unshown(block.lineno, block.name, what, did_you_mean(block.name, places))
        said = _said(part)
        if said is not None:
            fix = "put it into {% block content %} … {% endblock %}"
            if "content" not in places:
                fix = "put it into a block: " + ", ".join(sorted(places))
            what = f"stands outside of the blocks of {above}, and is not shown"
            yield Unshown(*said, what, fix)


def _above(tree: nodes.Template) -> str | None:
    """The file that this one extends, whatever its data; None if there is none, or it depends."""
    for node in tree.body:
        if isinstance(node, nodes.Extends):
            return str(node.template.value) if isinstance(node.template, nodes.Const) else None
    return None


def _places(templates: TemplateSet, name: str, seen: set[str]) -> set[str] | None:
    """The blocks of a file and of those above it; None where that cannot be known."""
    if name in seen or name not in templates:
        return None
    try:
        tree = templates.environment(name).parse(templates.sources[name], name)
    except TemplateError:
        return None
    own = {block.name for block in tree.find_all(nodes.Block)}
    if tree.find(nodes.Extends) is None:
        return own
    above = _above(tree)
    others = None if above is None else _places(templates, above, seen | {name})
    return None if others is None else own | others


def _blocks(node: nodes.Node) -> Iterator[nodes.Block]:
    """The outermost blocks: what is within one is shown where that one is."""
    if isinstance(node, nodes.Block):
        yield node
        return
    for inner in node.iter_child_nodes():
        yield from _blocks(inner)


def _said(node: nodes.Node) -> tuple[int, str] | None:
    """The line and the first word of what a statement outside of blocks would print."""
    if isinstance(node, nodes.Block | nodes.Macro | nodes.AssignBlock | nodes.Extends):
        return None
    if isinstance(node, nodes.Output):
        for printed in node.nodes:
            if not isinstance(printed, nodes.TemplateData):
                return printed.lineno, "{{"
            if words := printed.data.split():
                before = printed.data[: printed.data.index(words[0])]
                return printed.lineno + before.count("\n"), words[0]
        return None
    for inner in node.iter_child_nodes():
        if (said := _said(inner)) is not None:
            return said
    return None
