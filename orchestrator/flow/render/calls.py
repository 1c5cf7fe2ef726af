"""Calls that no customer's data can make right: arguments that are not taken, words that are none.

Of what stands in the template itself a trial is made, so that nobody finds it out by a message that
could not be made.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date
from functools import cache
from typing import Any, NamedTuple

from jinja2 import TemplateError, nodes

from orchestrator.flow.render.filters import FILTERS
from orchestrator.flow.render.money_text import FUNCTIONS
from orchestrator.flow.render.state import RenderRefused, RenderState, enter, leave
from orchestrator.flow.render.templates import MACRO_FILES, TemplateSet

_LOCALE = "en_US"
_ANY = "x"
_TRIED: Mapping[str, Mapping[str, Any]] = {
    "_date": {"value": date(2017, 11, 30)},
    "_number": {"value": 1},
    "_round": {"value": 1},
    "amount": {"value": 1, "currency": "USD"},
    "word": {},
}
"""Of which a trial is made, by the function's name; with what stands in for a customer's data."""


class Found(NamedTuple):
    """What is wrong with a call of `name`, on a line of the source."""

    line: int
    name: str
    what: str


def wrong_calls(templates: TemplateSet, name: str, tree: nodes.Template) -> Iterator[Found]:
    """Every call and filter of a file that fails whatever it is given."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"} | _imported(tree)
    shared = _shared_macros(templates)
    macros = {each: macro for each, macro in shared.items() if each not in own} | _macros(tree)
    functions = {function.__name__: function for function in FUNCTIONS}
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or _is_open(call):
            continue
        called = call.node.name
        if called in macros:
            why = _not_taken(macros[called], call)
        elif called in functions and called not in own:
            why = _tried(functions[called], call, ())
        else:
            continue
        if why:
            yield Found(call.lineno, called, f"{called}(): {why}")
    for filter in tree.find_all(nodes.Filter):
        if filter.name in FILTERS and not _is_open(filter):
            why = _tried(FILTERS[filter.name], filter, (filter.node,))
            if why:
                yield Found(filter.lineno, filter.name, f"{filter.name}: {why}")


def _is_open(call: nodes.Call | nodes.Filter) -> bool:
    """Whether what it is given is known only when it is called."""
    return call.dyn_args is not None or call.dyn_kwargs is not None


def _macros(tree: nodes.Template) -> dict[str, nodes.Macro]:
    return {macro.name: macro for macro in tree.find_all(nodes.Macro)}


def _imported(tree: nodes.Template) -> set[str]:
    """The file's own names for what it has from others."""
    names = (name for each in tree.find_all(nodes.FromImport) for name in each.names)
    return {name if isinstance(name, str) else name[1] for name in names}


def _shared_macros(templates: TemplateSet) -> dict[str, nodes.Macro]:
    found: dict[str, nodes.Macro] = {}
    for file in MACRO_FILES:
        if file in templates:
            try:
                tree = templates.environment(file).parse(templates.sources[file], file)
            except TemplateError:
                continue
            found |= _macros(tree)
    return found


def _not_taken(macro: nodes.Macro, call: nodes.Call) -> str:
    """Why the macro does not take these arguments."""
    names = [argument.name for argument in macro.args]
    body = {node.name for node in macro.find_all(nodes.Name)}
    if len(call.args) > len(names) and "varargs" not in body:
        return f"takes {len(names)} at most, and is given {len(call.args)}"
    for given in call.kwargs:
        if given.key not in names and "kwargs" not in body:
            return f"takes no {given.key!r}; it takes: {', '.join(names) or 'nothing'}"
    told = {*names[: len(call.args)], *(given.key for given in call.kwargs)}
    needed = names[: len(names) - len(macro.defaults)]
    missing = [each for each in needed if each not in told]
    return f"{missing[0]!r} is missing" if missing else ""


def _tried(
    function: Callable[..., Any], call: nodes.Call | nodes.Filter, first: tuple[Any, ...]
) -> str:
    """Why it cannot be called so, or fails with what the template itself gives it."""
    stand_ins = _TRIED.get(function.__name__)
    named = {str(each.key): each.value for each in call.kwargs}
    try:
        bound = _signature(function).bind(*first, *call.args, **named)
    except TypeError as error:
        return str(error)
    if stand_ins is None:
        return ""
    try:
        args = [_value(name, node, stand_ins) for name, node in bound.arguments.items()]
        rest = {name: _ANY for name in named if name not in bound.signature.parameters}
    except KeyError:  # only the customer's data will tell
        return ""
    return _fails(function, args[: len(args) - bool(rest)], rest)


def _value(name: str, node: Any, stand_ins: Mapping[str, Any]) -> Any:
    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        return -node.node.value
    return _ANY if isinstance(node, dict) else stand_ins[name]


def _fails(function: Callable[..., Any], args: Sequence[Any], rest: Mapping[str, Any]) -> str:
    token = enter(RenderState(_LOCALE, UTC))
    try:
        function(*args, **rest)
    except KeyError as error:
        return f"there is no {error}"
    except (RenderRefused, TemplateError, ValueError, TypeError, ArithmeticError) as error:
        return str(error)
    finally:
        leave(token)
    return ""


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Without what Jinja2 itself gives some filters."""
    plain = inspect.unwrap(function)
    found = inspect.signature(plain)
    if getattr(plain, "jinja_pass_arg", None) is None:
        return found
    return found.replace(parameters=list(found.parameters.values())[1:])
