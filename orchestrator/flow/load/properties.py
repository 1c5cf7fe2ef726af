"""Properties of the trigger's event that a template names: does the event have them?"""

from collections.abc import Collection, Iterator

from jinja2 import TemplateError, nodes

from orchestrator.flow.render.templates import TemplateSet
from orchestrator.model.problem import Problem, did_you_mean

_GUARDS = frozenset({"default", "d", "defined", "undefined"})
_ALWAYS = frozenset({"products"})
"""What every event may carry without naming it."""


def check_properties(
    templates: TemplateSet, name: str, event: str, properties: Collection[str]
) -> Iterator[Problem]:
    """`{{ event.properties.totl }}`: a problem, unless the template has thought of its absence."""
    source = templates.sources[name]
    try:
        tree = templates.environment(name).parse(source, name)
    except TemplateError:
        return  # told already
    guarded = {
        id(node.node) for node in tree.find_all((nodes.Filter, nodes.Test)) if node.name in _GUARDS
    }
    lines = source.split("\n")
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        word = _property(node)
        if word is None or word in properties or word in _ALWAYS or id(node) in guarded:
            continue
        column = lines[node.lineno - 1].find(word) + 1
        fix = did_you_mean(word, properties)
        what = f'{event} has no property "{word}"'
        yield Problem(name, node.lineno, max(column, 1), what, fix)


def _property(node: nodes.Expr) -> str | None:
    """The word after `event.properties`, if that is what it is."""
    outer = getattr(node, "node", None)
    root = getattr(outer, "node", None)
    of_event = isinstance(root, nodes.Name) and root.name == "event"
    return _word(node) if of_event and _word(outer) == "properties" else None


def _word(node: nodes.Node | None) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None
