"""MJML as a form of template: made into HTML once for a campaign version, its Jinja still in it.

Jinja runs for each message and MJML does not. So each piece of Jinja stands aside under a mark
while MJML is made into HTML, and goes back where its mark has come out: an expression as often as
MJML repeats it, a statement exactly once and in its order, or the file has a fault. Each piece
gets a line of its own, and `Page.lines` knows which line of the file that was.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import css_inline
import mrml

from orchestrator.model.problem import did_you_mean

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MARK = re.compile(r"<!--J(\d+)J-->|J(\d+)J")
_OPENING = re.compile(r"\{[%{][-+]?")
_REFUSED = re.compile(r"\{%[-+]?\s*(raw|extends)\b|\bJ\d+J\b")
_HAS_PREHEADER = re.compile(r"\{%[-+]?\s*block\s+preheader\b")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_MJ_STYLE = re.compile(r"<mj-style\b[^>]*>(.*?)</mj-style\s*>", re.DOTALL)
_HTML_WORDS = re.compile(r"<(style|title|textarea)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_PREVIEW = re.compile(r'<div (style="display:none;[^"]*">)(.*?)(</div>)', re.DOTALL)

_NO_LANGUAGE, _ITS_LANGUAGE = ' lang="und" dir=', ' lang="{{ language }}" dir='
"""Of an `<mjml>` that names none; who reads aloud, or translates, goes by it."""

_SECTIONS, _CONTENT = "mj-body mj-wrapper", "mj-column mj-hero"
_PARENTS = {
    name: frozenset(parents.split())
    for names, parents in (
        ("mjml", ""),
        ("mj-head mj-body", "mjml"),
        (
            "mj-attributes mj-breakpoint mj-font mj-html-attributes mj-preview mj-style mj-title",
            "mj-head",
        ),
        ("mj-all mj-class", "mj-attributes"),
        ("mj-selector", "mj-html-attributes"),
        ("mj-html-attribute", "mj-selector"),
        ("mj-wrapper", "mj-body"),
        ("mj-hero mj-section", _SECTIONS),
        ("mj-group", "mj-section"),
        ("mj-column", "mj-section mj-group"),
        (
            "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-social mj-spacer "
            "mj-table mj-text",
            _CONTENT,
        ),
        ("mj-raw", f"{_SECTIONS} {_CONTENT} mj-section mj-group mj-head"),
        ("mj-accordion-element", "mj-accordion"),
        ("mj-accordion-title mj-accordion-text", "mj-accordion-element"),
        ("mj-carousel-image", "mj-carousel"),
        ("mj-navbar-link", "mj-navbar"),
        ("mj-social-element", "mj-social"),
    )
    for name in names.split()
}
"""MJML 4's tags, each with those that it may stand in."""
_HTML = frozenset({"mj-button", "mj-raw", "mj-table", "mj-text"})
_HEAD_WORDS = frozenset({"mj-html-attribute", "mj-preview", "mj-style", "mj-title"})
_LABELS = frozenset(
    {"mj-accordion-text", "mj-accordion-title", "mj-navbar-link", "mj-social-element"}
)
_WORDS = _HEAD_WORDS | _LABELS
_COLUMNS = frozenset({"mj-group", "mj-section"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file, and where; lines and columns count from 1."""

    line: int
    column: int
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """HTML with Jinja in it. `lines`: for each of its lines, the line of the file."""

    html: str
    lines: tuple[int, ...] = ()
    faults: tuple[Fault, ...] = ()


@lru_cache(maxsize=200)
def compile_mjml(source: str) -> Page:
    """The HTML of an MJML file; none, but its faults, where it has any."""
    reader = _Reader(source)
    faults = tuple(reader.faults())
    if faults:
        return Page("", faults=faults)
    try:
        # No loader and no fonts: neither files nor the network are asked for anything, now or when
        # the message is read.
        options = mrml.ParserOptions(include_loader=mrml.noop_loader())
        made = mrml.to_html(reader.marked, options, mrml.RenderOptions(fonts={})).content
    except OSError as error:
        what = f"no MJML: {str(error).removesuffix(' in root template')}"
        return Page("", faults=(reader.at(0, what),))
    style = "\n".join(_MJ_STYLE.findall(reader.marked))
    if style.strip():
        inliner = css_inline.CSSInliner(
            inline_style_tags=False,
            keep_style_tags=True,
            load_remote_stylesheets=False,
            extra_css=style,
        )
        made = inliner.inline(made)
    begin, end = "{% block preheader %}", "{% endblock %}"
    if _HAS_PREHEADER.search(source):
        begin = end = ""
    made = _PREVIEW.sub(rf"<div data-html-only \1{begin}\2{end}\3", made, count=1)
    return reader.unmarked(made)


class _Reader:
    """One file. `marked` is what MJML gets: without what stands before `<mjml>`, without comments,
    and with a mark for each piece of Jinja; `faults` fills it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces = [f for f in _JINJA.finditer(source) if not f[0].startswith("{#")]
        numbers = iter(range(len(source)))
        parts: list[str] = []
        self._shifts: list[tuple[int, int]] = [(0, 0)]
        at = length = 0
        for found in _JINJA.finditer(source):
            comment = found[0].startswith("{#")
            parts += source[at : found.start()], "" if comment else f"J{next(numbers)}J"
            at = found.end()
            length += sum(map(len, parts[-2:]))
            self._shifts.append((length, at - length))
        self._text = "".join((*parts, source[at:]))
        self.marked = ""

    def at(self, place: int, what: str, fix: str = "") -> Fault:
        """A fault at a place of the text with marks."""
        shift = next(by for end, by in reversed(self._shifts) if end <= place)
        return self._in_source(place + shift, what, fix)

    def _in_source(self, at: int, what: str, fix: str) -> Fault:
        before = self._source[:at]
        return Fault(before.count("\n") + 1, at - before.rfind("\n"), what, fix)

    def faults(self) -> Iterator[Fault]:
        """All that is wrong with the tags, and with where pieces stand."""
        for found in _REFUSED.finditer(self._source):
            what = f"{{% {found[1]} %}} cannot be used in MJML" if found[1] else f'"{found[0]}"'
            fix = "write email.html.j2 instead" if found[1] else "write another word"
            yield self._in_source(found.start(), what, fix)
            return
        start = max(self._text.find("<mjml"), 0)
        if not self._text.startswith("<mjml", start) or _MARK.sub("", self._text[:start]).strip():
            fix = "before it may stand {% import %}, {% set %} and comments"
            yield self.at(0, "the file does not begin with <mjml>", fix)
            return
        text = _COMMENT.sub(lambda comment: " " * len(comment[0]), self._text)
        open_: list[tuple[str, int]] = []
        parts: list[str] = []
        at = start
        for found in _TAG.finditer(text, start):
            within = open_[-1][0] if open_ else ""
            yield from self._text_faults(text, at, found.start(), within)
            parts += _in_place(text[at : found.start()], within), found[0]
            at = found.end()
            fault = self._tag_fault(found, within)
            if fault is not None:
                yield fault
            name = found[2]
            if fault is not None and name not in _PARENTS:
                return  # whatever follows would only follow from this
            if name not in _PARENTS:
                continue
            if not found[1]:
                open_ += [] if found[4] else [(name, found.start())]
            elif name == within:
                open_.pop()
            else:
                fix = f"close <{within}> first" if within else "take it out"
                yield self.at(found.start(), f"</{name}> closes what is not open", fix)
                return
        yield from self._text_faults(text, at, len(text), "")
        for name, place in open_[-1:]:
            yield self.at(place, f"<{name}> is never closed", f"write </{name}>")
        self.marked = _HTML_WORDS.sub(
            lambda words: _MARK.sub(lambda mark: f"J{mark[1] or mark[2]}J", words[0]),
            "".join((*parts, text[at:].strip())),
        )

    def _tag_fault(self, found: re.Match[str], within: str) -> Fault | None:
        ended, name, attributes, _ = found.groups()
        what = fix = ""
        if name == "mj-include":
            what = "mj-include reads no files"
            fix = 'within mj-text or mj-raw write {% include "_part.html.j2" %}'
        elif name not in _PARENTS and name.startswith("mj-"):
            what, fix = f"there is no <{name}>", did_you_mean(name, _PARENTS)
        elif name not in _PARENTS:
            if within not in _HTML | _WORDS:
                what, fix = (
                    f"<{name}> stands among MJML's own tags",
                    "put it into mj-text or mj-raw",
                )
        elif not ended and within != "mj-attributes" and within not in (_PARENTS[name] or {""}):
            what = f"<{name}> stands in {f'<{within}>' if within else 'nothing'}"
            fix = f"put it into {' or '.join(sorted(_PARENTS[name])) or 'no other tag'}"
        if not what and name in _PARENTS and _MARK.search(_QUOTED.sub("", attributes)):
            what, fix = "Jinja stands between attributes", "put it within an attribute's quotes"
        return self.at(found.start(), what, fix) if what else None

    def _text_faults(self, text: str, start: int, end: int, within: str) -> Iterator[Fault]:
        if within in _HTML | _WORDS:
            return
        between = text[start:end]
        for mark in _MARK.finditer(between):
            statement = self._pieces[int(mark[2])][0].startswith("{%")
            if not statement or within in _COLUMNS or within not in _PARENTS:
                what = f"{'a statement' if statement else 'a value'} stands right in <{within}>"
                fix = "put it into mj-text"
                if statement:
                    fix = "put it around a whole mj-section, or within a column: MJML works out"
                    fix += " widths once, for all messages"
                yield self.at(start + mark.start(), what, fix)
        if words := _MARK.sub("", between).strip():
            place = start + between.index(words[0])
            yield self.at(
                place, f"text stands right in <{within or 'mjml'}>", "put it into mj-text"
            )

    def unmarked(self, made: str) -> Page:
        """The page with its Jinja."""
        start = self._source.index("<mjml")
        ahead = [n for n, piece in enumerate(self._pieces) if piece.start() < start]
        made = "".join(f"J{n}J" for n in ahead) + made
        came = [int(found[1] or found[2]) for found in _MARK.finditer(made)]
        faults = tuple(self._lost(came))
        if faults:
            return Page("", faults=faults)
        parts: list[str] = []
        lines = [1]
        at = 0
        for found in _MARK.finditer(made):
            piece = self._pieces[int(found[1] or found[2])]
            between = made[at : found.start()]
            at = found.end()
            lines += [lines[-1]] * between.count("\n")
            # A line break right behind the brace gives the piece a line of its own.
            parts += between, _OPENING.sub(lambda brace: brace[0] + "\n", piece[0], count=1)
            first = self._source.count("\n", 0, piece.start()) + 1
            lines += range(first, first + piece[0].count("\n") + 1)
        parts.append(made[at:])
        lines += [lines[-1]] * made.count("\n", at)
        return Page("".join(parts).replace(_NO_LANGUAGE, _ITS_LANGUAGE), tuple(lines))

    def _lost(self, came: list[int]) -> Iterator[Fault]:
        statements = [n for n in came if self._pieces[n][0].startswith("{%")]
        if len(set(statements)) == len(statements) and statements != sorted(statements):
            yield self.at(0, "MJML moves statements", "use them in mj-text")
        for number, piece in enumerate(self._pieces):
            if number not in came:
                what, fix = "MJML drops this", "use it in mj-text, or in an attribute such as href"
            elif statements.count(number) > 1:
                what, fix = "MJML repeats this, which no statement survives", "use it in mj-text"
            else:
                continue
            yield self._in_source(piece.start(), what, fix)


def _in_place(text: str, within: str) -> str:
    """Comments may stand between tags, where a parser would move words elsewhere."""
    if within in _WORDS:
        return text
    return _MARK.sub(r"<!--J\2J-->", text)
