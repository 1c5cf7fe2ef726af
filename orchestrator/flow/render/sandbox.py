"""The environment that templates run in: plain data in, bounded text out.

A template is written by a colleague and filled with strangers' data; neither may reach Python, a
file or the network, nor cost more than the limits. What is not listed here is not there.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import FunctionType, MethodType
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from orchestrator.flow.render.filters import FILTERS
from orchestrator.flow.render.formats import date_text, number
from orchestrator.flow.render.price_view import PriceView
from orchestrator.flow.render.state import RenderRefused, active

_INTEGER_MAX = 10**15
_LOOP_ATTRIBUTES = """
    index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed
"""
_LOOP = frozenset(_LOOP_ATTRIBUTES.split())
_DATE = frozenset({"year", "month", "day", "hour", "minute"})
_SPECIAL = re.compile("[&<>\"']").search


class _BoundedCode(CodeGenerator):
    """Compiles a step into every turn of a loop, and `~` into a join that counts characters."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        # No template can write an expression statement (the `do` extension is off), so that the
        # node is free to stand for a step.
        node.body.insert(0, nodes.ExprStmt(nodes.Const(None)))
        super().visit_For(node, frame)

    def visit_ExprStmt(self, node: nodes.ExprStmt, frame: Frame) -> None:
        self.writeline("environment.step()", node)

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        # What is worked out while compiling would go around the checks of `printable`.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        # One call instead of two: `escape(environment.finalize(…))`.
        if frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write(f"environment.{'escaped' if frame.eval_ctx.autoescape else 'printed'}(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


def printable(value: Any) -> Any:
    """What a template may print: text and numbers; dates and decimals in the customer's locale.

    Raises RenderRefused for a price (macros print those), for None, yes or no, and for whole
    lists and records: they are never what a customer should read.
    """
    kind = type(value)
    if kind is str or kind is Markup or kind is int:
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises, and says which name
    if isinstance(value, (Decimal, float)):
        return number(value)
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, (str, Macro, BlockReference, TemplateModule)):
        return value
    if isinstance(value, PriceView):
        return str(value)  # raises, and says which macro
    if value is None or isinstance(value, bool):
        raise RenderRefused("data_error", f"{value} cannot be printed; ask `if` or use default()")
    raise RenderRefused("data_error", f"a whole {kind.__name__} cannot be printed, only its parts")


def printed(value: Any) -> str:
    """A value in a text."""
    return value if type(value) is str else str(printable(value))


def escaped(value: Any) -> str:
    """A value in HTML."""
    kind = type(value)
    if kind is str:
        return value if _SPECIAL(value) is None else escape(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return]
    return escape(printable(value))


class Sandbox(ImmutableSandboxedEnvironment):
    """One environment for HTML (`autoescape`) or plain text, over compiled templates by name."""

    code_generator_class = _BoundedCode
    printed = staticmethod(printed)
    escaped = staticmethod(escaped)
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, autoescape: bool, functions: Sequence[Callable[..., Any]]) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=StrictUndefined,
            finalize=printable,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            auto_reload=False,
        )
        self.filters = dict(FILTERS)
        self.globals = {function.__name__: function for function in functions}
        self._functions = frozenset(functions)

    # Parsing

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for switch in tree.find_all(nodes.ScopedEvalContextModifier):
            raise TemplateSyntaxError(
                "escaping cannot be switched off", switch.lineno, name, filename
            )
        return tree

    # Limits

    def step(self) -> None:
        """Called on every turn of a loop."""
        state = active()
        if state is not None:
            state.step()

    def concat(self, parts: Iterable[str]) -> str:
        """Joins what a macro, a block or a `set` made of many parts, no longer than a message."""
        parts = list(parts)
        state = active()
        if state is not None:
            state.check_chars(sum(map(len, parts)))
        return "".join(parts)

    def joined(self, parts: Iterable[Any]) -> str:
        """What `~` does."""
        texts = [printable(part) for part in parts]
        state = active()
        if state is not None:
            state.check_chars(sum(len(text) for text in texts if isinstance(text, str)))
        return markup_join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers of everyday size; no repetition or padding of texts or lists."""
        for side in (left, right):
            if isinstance(side, Undefined):
                str(side)
            if isinstance(side, bool) or not isinstance(side, int | Decimal | float):
                raise RenderRefused(
                    "forbidden", f"{operator} works on numbers; texts are joined with ~"
                )
            if abs(Decimal(side)) > _INTEGER_MAX:
                raise RenderRefused("forbidden", f"{operator} on a number above {_INTEGER_MAX}")
        if operator == "**":
            raise RenderRefused("forbidden", "** is not offered")
        if isinstance(left, Decimal) != isinstance(right, Decimal):
            left, right = Decimal(str(left)), Decimal(str(right))
        if operator in ("/", "//", "%") and right == 0:
            raise RenderRefused("data_error", "division by zero")
        return self.binop_table[operator](left, right)

    def call(
        __self,
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Calls a macro or one of the functions given; raises RenderRefused for all else."""
        __self.step()
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        if isinstance(__obj, Macro):
            # A macro escapes as the template that calls it does.
            return __obj(__context.eval_ctx, *args, **kwargs)
        if not __self.is_safe_callable(__obj):
            if isinstance(__obj, Undefined):
                str(__obj)
            raise RenderRefused("forbidden", "only macros and the documented functions are called")
        return __obj(*args, **kwargs)

    # Reach

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, blocks, recursive loops and the functions given."""
        if isinstance(obj, FunctionType):
            return obj in self._functions
        if isinstance(obj, MethodType):
            return isinstance(obj.__self__, LoopContext)
        return isinstance(obj, (Macro, BlockReference, LoopContext))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """A few attributes of loops, dates and prices, and the macros of an imported file."""
        if isinstance(obj, LoopContext):
            return attr in _LOOP
        if isinstance(obj, date):
            return attr in _DATE
        if isinstance(obj, PriceView):
            return attr == "reduced"
        return isinstance(obj, TemplateModule) and isinstance(value, (Macro, str, int))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b`: an entry of a record before anything else; attributes only where they are safe."""
        if type(obj) is dict or isinstance(obj, Mapping):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(_missing(attribute), obj=obj, name=attribute)
        if isinstance(obj, Undefined):
            str(obj)
        if attribute[:1] != "_" and hasattr(obj, attribute):
            value = getattr(obj, attribute)
            if self.is_safe_attribute(obj, attribute, value):
                return value
        return self.undefined(
            f"{attribute!r} is not to be had of a {type(obj).__name__}", obj=obj, name=attribute
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`a[b]`: an entry of a record, a list or a text."""
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(argument, (int, slice)) and isinstance(obj, (str, list, tuple)):
            try:
                return obj[argument]
            except IndexError:
                return self.undefined(f"there is no item {argument}", obj=obj, name="item")
        if isinstance(obj, Mapping) and isinstance(argument, int) and argument in obj:
            return obj[argument]
        return self.undefined("nothing is to be had by this key", obj=obj, name="item")


def _missing(name: str) -> str:
    return f"{name!r} is unknown for this customer or campaign; use default() or `if … is defined`"
