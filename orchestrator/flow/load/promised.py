"""Whether a template shows what an offer must show: a total price, and how to order."""

from collections.abc import Iterator
from functools import cached_property

from jinja2 import TemplateError, nodes
from jinja2.meta import find_referenced_templates

from orchestrator.flow.render.templates import MACRO_FILES, TemplateSet

PRICE_FUNCTIONS = frozenset({"price_parts", "price_line"})
ORDER_FUNCTIONS = frozenset({"order_url"})


class Promises:
    """Follows the macros of one set of templates down to the functions that write the quote."""

    def __init__(self, templates: TemplateSet) -> None:
        self._templates = templates

    def missing(self, name: str) -> Iterator[tuple[str, str]]:
        """What an offer must show and this file cannot, each with its fix."""
        called = self.names(name)
        if not called & PRICE_FUNCTIONS:
            yield (
                "makes an offer, and shows no price",
                "add {{ price(product) }} or {{ price_short(product) }}",
            )
        if not called & ORDER_FUNCTIONS:
            yield (
                "makes an offer, and does not say how to order",
                "add {{ order_button(product) }} or {{ order_link(product) }}",
            )

    def names(self, name: str) -> frozenset[str]:
        """What a file calls, and the entries it looks up, such as `links.unsubscribe`."""
        return self._names(name, set())

    def _names(self, name: str, seen: set[str]) -> frozenset[str]:
        """Itself, or by way of macros and of other files."""
        if name in seen or name not in self._templates:
            return frozenset()
        seen.add(name)
        try:
            tree = self._templates.environment(name).parse(self._templates.sources[name], name)
        except TemplateError:
            return frozenset()
        called = _used(tree)
        for other in find_referenced_templates(tree):
            if other is not None:
                called |= self._names(other, seen)
        while True:
            more = called.union(*(self._macros.get(macro, frozenset()) for macro in called))
            if more == called:
                return called
            called = more

    @cached_property
    def _macros(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for name in MACRO_FILES:
            if name in self._templates:
                source = self._templates.sources[name]
                tree = self._templates.environment(name).parse(source, name)
                found.update({macro.name: _used(macro) for macro in tree.find_all(nodes.Macro)})
        return found


def _used(tree: nodes.Node) -> frozenset[str]:
    names = set()
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name):
            names.add(call.node.name)
        elif isinstance(call.node, nodes.Getattr):  # a macro of an imported file
            names.add(call.node.attr)
    for entry in tree.find_all(nodes.Getattr):
        if isinstance(entry.node, nodes.Name):
            names.add(f"{entry.node.name}.{entry.attr}")
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const):
            names.add(f"{item.node.name}.{item.arg.value}")
    return frozenset(names)
