"""What belongs to one render alone: its limits, its locale and the prices it shows.

The macros and the sandbox find it in a context variable, because a compiled template and the
functions behind its macros are shared by all renders.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import tzinfo
from time import thread_time
from typing import Literal

from orchestrator.model.money import QuoteLine

Reason = Literal[
    "undefined",
    "forbidden",
    "bare_price",
    "too_long",
    "too_slow",
    "control_character",
    "empty",
    "template_missing",
    "template_error",
    "data_error",
    "price_missing",
    "price_not_shown",
    "order_link_missing",
    "order_link_not_shown",
]


class RenderRefused(Exception):
    """A template asked for what must not be sent; ends this render alone."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class OutOfTime(RenderRefused):
    """It took too long, by the clock."""

    def __init__(self, limit_s: float) -> None:
        super().__init__("too_slow", f"longer than {limit_s} s")


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What one template may cost. A step is a turn of a loop, or a call of a macro or function; the
    time is the processor's: a machine that stands still for others costs nobody a message."""

    output_chars_max: int = 200_000
    steps_max: int = 20_000
    render_time_s: float = 1.0


DEFAULT_LIMITS = RenderLimits()


@dataclass(slots=True)
class RenderState:
    """One message in the making."""

    locale: str
    zone: tzinfo
    limits: RenderLimits = DEFAULT_LIMITS
    steps: int = 0
    deadline: float = 0.0
    lines: dict[str, QuoteLine] = field(default_factory=dict)
    order_links: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.deadline = thread_time() + self.limits.render_time_s

    def step(self) -> None:
        """Count one step; raises RenderRefused past the limits."""
        self.steps += 1
        if self.steps > self.limits.steps_max:
            raise RenderRefused("too_slow", f"more than {self.limits.steps_max} steps")
        if not self.steps & 31:
            self.check_time()

    def check_time(self) -> None:
        """Raises OutOfTime past the deadline."""
        if thread_time() > self.deadline:
            raise OutOfTime(self.limits.render_time_s)

    def check_chars(self, chars: int) -> None:
        """Raises RenderRefused for a text longer than a whole message may be."""
        if chars > self.limits.output_chars_max:
            raise RenderRefused("too_long", f"more than {self.limits.output_chars_max} characters")


_current: ContextVar[RenderState | None] = ContextVar("render", default=None)
enter = _current.set
leave = _current.reset
active = _current.get
"""The render that is under way, if one is."""


def current() -> RenderState:
    """The render that is under way; raises LookupError outside of one."""
    state = _current.get()
    if state is None:
        raise LookupError("prices are printed within a render only")
    return state
