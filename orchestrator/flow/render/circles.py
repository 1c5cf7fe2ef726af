"""Files that include or extend themselves, by way of others or not: such a message has no end."""

from collections import deque

from jinja2 import TemplateError, nodes
from jinja2.meta import find_referenced_templates

from orchestrator.flow.render.templates import TemplateSet


def circle(templates: TemplateSet, name: str, tree: nodes.Template) -> tuple[str, ...]:
    """The way from a file back to itself, both ends of it in; empty where there is none."""
    ways: deque[tuple[str, ...]] = deque((name, other) for other in _called(tree))
    seen: set[str] = set()
    while ways:
        way = ways.popleft()
        if way[-1] == name:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways.extend((*way, other) for other in _called(_tree(templates, way[-1])))
    return ()


def _called(tree: nodes.Template | None) -> list[str]:
    found = () if tree is None else find_referenced_templates(tree)
    return [name for name in found if name is not None]


def _tree(templates: TemplateSet, name: str) -> nodes.Template | None:
    if name not in templates:
        return None
    try:
        return templates.environment(name).parse(templates.sources[name], name)
    except TemplateError:
        return None
