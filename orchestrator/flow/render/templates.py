"""A campaign's templates with the shared ones, compiled once."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import CodeType
from typing import Any

from jinja2 import Template, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context

from orchestrator.flow.render.inline_css import inline_sources
from orchestrator.flow.render.mjml import Fault, compile_mjml
from orchestrator.flow.render.money_text import FUNCTIONS
from orchestrator.flow.render.sandbox import Sandbox
from orchestrator.flow.render.state import RenderRefused, RenderState, enter, leave

MACRO_FILES = ("prices.j2", "products.html.j2", "text.j2")
"""Shared files whose macros every template has without importing them."""


_COMPILED_MAX = 2_000
_CHUNKS_AT_ONCE = 64
_compiled: dict[tuple[str, str, bool], CodeType] = {}
"""Code by name, source and escaping. It belongs to no set, so that all campaigns share the code of
the shared templates, and a changed campaign compiles what has changed."""


def is_html(name: str) -> bool:
    """Whether a file becomes HTML, by its name: `email.html.j2`, `last-call.email.mjml.j2`."""
    return name.removesuffix(".j2").endswith((".html", ".mjml"))


def is_mjml(name: str) -> bool:
    """Whether a file is MJML, by its name."""
    return name.endswith(".mjml.j2")


class _Environment(Sandbox):
    """Finds templates among the sources of one set, and keeps what it has compiled."""

    def __init__(self, sources: Mapping[str, str], *, html: bool) -> None:
        super().__init__(autoescape=html, functions=FUNCTIONS)
        self._sources = sources
        self._compiled: dict[str, Template] = {}
        self.globals["as_html"] = html
        for name in MACRO_FILES:
            if name in sources and (html or not is_html(name)):
                self.globals.update(_public(self.get_template(name)))

    def get_template(
        self, name: str | Template, parent: str | None = None, globals: Any = None
    ) -> Template:
        self.step()
        if isinstance(name, Template):
            return name
        found = self._compiled.get(name)
        if found is None:
            source = self._sources.get(name)
            if source is None:
                raise TemplateNotFound(name)
            # Editors end a file with a line break or two; a subject must not.
            code = self._code(name, source if is_html(name) else source.rstrip("\n"))
            found = Template.from_code(self, code, self.globals)
            self._compiled[name] = found
        return found

    def _code(self, name: str, source: str) -> CodeType:
        key = (name, source, bool(self.autoescape))
        code = _compiled.get(key)
        if code is None:
            if len(_compiled) >= _COMPILED_MAX:
                _compiled.clear()
            code = _compiled[key] = self.compile(source, name, name)
        return code

    def select_template(
        self, names: Any, parent: str | None = None, globals: Any = None
    ) -> Template:
        raise RenderRefused("forbidden", "include one file, by its name")

    def get_or_select_template(
        self, name: Any, parent: str | None = None, globals: Any = None
    ) -> Template:
        if not isinstance(name, str | Template):
            return self.select_template(name)
        return self.get_template(name)


def _public(template: Template) -> dict[str, Any]:
    return {
        name: value for name, value in vars(template.module).items() if not name.startswith("_")
    }


class TemplateSet:
    """Templates by name; nothing is read from disk. Safe to share between threads.

    Compiles on first use. `render` raises what templates raise (jinja2's errors, RenderRefused,
    errors of the data): `render.render_email` and `render_text` turn those into outcomes.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        pages = inline_sources(
            {
                name: source
                for name, source in self.sources.items()
                if not name.endswith((".txt.j2", ".subject.j2", ".mjml.j2"))
            }
        )
        self._inlined = pages.inlined
        self._mjml = {name: compile_mjml(self.sources[name]) for name in sources if is_mjml(name)}
        made = {name: page.html for name, page in self._mjml.items()}
        self._html = _Environment({**self.sources, **pages.html, **made}, html=True)
        self._text = _Environment(self.sources, html=False)

    def __contains__(self, name: str) -> bool:
        return name in self.sources

    def environment(self, name: str) -> Sandbox:
        """The environment that a file is compiled in, by its name."""
        return self._html if is_html(name) else self._text

    def inlined(self, name: str) -> bool:
        """Whether the file's pages come with their CSS in their tags already."""
        return self._inlined or name in self._mjml

    def faults(self, name: str) -> tuple[Fault, ...]:
        """What is wrong with a file as MJML; nothing, where it is none."""
        return self._mjml[name].faults if name in self._mjml else ()

    def line(self, name: str, line: int) -> int:
        """The line of the file from which a line of what was compiled comes."""
        lines = self._mjml[name].lines if name in self._mjml else ()
        return lines[line - 1] if 0 < line <= len(lines) else line

    def template(self, name: str) -> Template:
        """The compiled template. Raises TemplateNotFound or TemplateSyntaxError."""
        for fault in self.faults(name):
            raise TemplateSyntaxError(fault.what, fault.line, name)
        return self.environment(name).get_template(name)

    def render(self, name: str, values: Mapping[str, Any], state: RenderState) -> str:
        """The text of one file with `values`; prices shown are added to `state`."""
        return self._render(name, None, values, state)[0]

    def render_with_block(
        self, name: str, block: str, values: Mapping[str, Any], state: RenderState
    ) -> tuple[str, str]:
        """The text of one file, and of one block that the file itself fills; empty if it does
        not."""
        return self._render(name, block, values, state)

    def _render(
        self, name: str, block: str | None, values: Mapping[str, Any], state: RenderState
    ) -> tuple[str, str]:
        token = enter(state)
        try:
            template = self.template(name)
            context = self._context(template, values)
            filled = None if block is None else template.blocks.get(block)
            if block is None or filled is None:
                return _bounded(template.root_render_func(context), state), ""
            overheard = _Overheard(filled)
            context.blocks[block][0] = overheard
            page = _bounded(template.root_render_func(context), state)
            if overheard.parts is None:  # it has no place on the page
                return page, _bounded(filled(self._context(template, values)), state)
            return page, "".join(overheard.parts)
        finally:
            leave(token)

    def _context(self, template: Template, values: Mapping[str, Any]) -> Context:
        environment = template.environment
        parent = {**environment.globals, **values}
        return Context(environment, parent, template.name, template.blocks)


class _Overheard:
    """A block that remembers what it said when it was first asked, so that nobody need ask again.

    Equal to the block itself, by which Jinja2 finds the one that a `super()` means.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, block: Callable[[Context], Iterator[str]]) -> None:
        self._block = block
        self.parts: list[str] | None = None

    def __call__(self, context: Context) -> Iterator[str]:
        said: list[str] = []
        for part in self._block(context):
            said.append(part)
            yield part
        if self.parts is None:
            self.parts = said

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._block


def _bounded(chunks: Iterator[str], state: RenderState) -> str:
    parts: list[str] = []
    chars = 0
    while True:
        more = list(islice(chunks, _CHUNKS_AT_ONCE))
        parts += more
        chars += sum(map(len, more))
        state.check_chars(chars)
        if len(more) < _CHUNKS_AT_ONCE:
            break
    # Whatever can take long is counted in steps, and these look at the clock.
    state.check_time()
    return "".join(parts)
