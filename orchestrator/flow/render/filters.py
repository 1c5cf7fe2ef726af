"""The filters that templates may use: those of Jinja2 whose cost is bounded by their input.

Left out: what pads or repeats by a number the template gives (center, indent, format, batch,
slice, wordwrap), what switches escaping off (safe), what reaches past plain data (attr, xmlattr,
pprint), what makes one render unlike the next (random) and what guesses at markup (urlize).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from jinja2 import pass_eval_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import do_join, do_replace, do_round
from jinja2.nodes import EvalContext

from orchestrator.flow.render import formats
from orchestrator.flow.render.state import RenderRefused, active

_NAMES = """
    abs capitalize count d default dictsort e escape first float forceescape groupby int items last
    length list lower map max min reject rejectattr reverse select selectattr sort string striptags
    sum title trim truncate unique upper urlencode wordcount
"""
_CHARS_MAX = 200_000
_DIGITS_MAX = 6


def _check(chars: int) -> None:
    state = active()
    if state is not None:
        state.check_chars(chars)
    elif chars > _CHARS_MAX:
        raise RenderRefused("too_long", f"more than {_CHARS_MAX} characters")


@pass_eval_context
def _join(
    eval_ctx: EvalContext, value: Iterable[Any], d: str = "", attribute: str | None = None
) -> str:
    items = list(value)
    _check(len(d) * len(items) + sum(len(item) for item in items if isinstance(item, str)))
    joined: str = do_join(eval_ctx, items, d, attribute)
    return joined


@pass_eval_context
def _replace(eval_ctx: EvalContext, s: str, old: str, new: str, count: int | None = None) -> str:
    found = s.count(old)
    _check(len(s) + len(new) * (found if count is None else min(found, count)))
    return do_replace(eval_ctx, s, old, new, count)


def _round(value: Any, precision: int = 0, method: Any = "common") -> Any:
    if not 0 <= precision <= _DIGITS_MAX:
        raise RenderRefused("forbidden", f"round takes 0 to {_DIGITS_MAX} digits")
    return do_round(value, precision, method)


def _number(value: int | Decimal | float, digits: int | None = None) -> str:
    """A number in the customer's locale: 1,234.5 or 1.234,5."""
    return formats.number(value, digits)


def _date(value: Any, length: str = "long") -> str:
    """A date in the customer's locale; length is day, short, medium, long or full."""
    return formats.date_text(value, length)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA_FILTERS[name] for name in _NAMES.split()},
    "join": _join,
    "replace": _replace,
    "round": _round,
    "number": _number,
    "date": _date,
}
