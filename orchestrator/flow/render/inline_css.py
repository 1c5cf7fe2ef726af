"""CSS put into `style` attributes: once in the templates where that is safe, else in each message.

Mail programs that drop <style> still see the design. Inlining a message costs as much as rendering
it, and nearly always gives every message of a campaign the same attributes. So the rules are put
into the template sources before these are compiled. That is done only if the result is certain to
be the same page: every expression and statement still in its place and on its line, every tag as
it was. If any file of a set does not pass, its messages are inlined one by one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import css_inline

_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_RAW_TEXT = re.compile(r"<(style|title|script|textarea)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(/?[a-zA-Z][\w-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_PLACE = re.compile(r"<!--J(\d+)J-->|J(\d+)J")
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_STYLE_ATTRIBUTE = re.compile(r"\sstyle=(?:\"[^\"]*\"|'[^']*')")
_OPENING = re.compile(r"\{[#%{][-+]?")
# The parser adds these where they are left out; that changes no page.
_IMPLIED = frozenset({"html", "head", "body", "tbody", "/html", "/head", "/body", "/tbody"})
# Rules that reach over several files (`.content p`) can be seen in the finished page only.
_AT_RULE = re.compile(r"@[^{};]*(?:;|\{(?:[^{}]*\{[^{}]*\})*[^{}]*\})")
_RULE = re.compile(r"([^{}]+)\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Sources:
    """HTML sources as they are to be compiled; `inlined` if finished pages need no inlining."""

    html: Mapping[str, str]
    inlined: bool


def inline(page: str) -> str:
    """A finished page with its CSS inlined; <style> stays for the rules that depend on a screen."""
    return _INLINER.inline(page)


def inline_sources(sources: Mapping[str, str]) -> Sources:
    """The sources with the rules of their <style> elements in their tags, if that is certain."""
    css = "\n".join(style for source in sources.values() for style in _STYLE.findall(source))
    if "<link" in "".join(sources.values()) or _reaches_over_files(css):
        return Sources(sources, inlined=False)
    done = {}
    for name, source in sources.items():
        inlined = _inline_source(source, css)
        if inlined is None:
            return Sources(sources, inlined=False)
        done[name] = inlined
    return Sources(done, inlined=True)


def _reaches_over_files(css: str) -> bool:
    plain = _AT_RULE.sub("", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    selectors = (part.strip() for rule in _RULE.findall(plain) for part in rule.split(","))
    return any(re.search(r"[\s>+~:\[]", selector) for selector in selectors)


def _inline_source(source: str, css: str) -> str | None:
    if "J0J" in source or "{% raw" in source or "{%- raw" in source or "<!--" in source:
        return None
    pieces = _JINJA.findall(source)
    marked = _mark(source)
    whole = re.search(r"<html\b", marked, re.IGNORECASE) is not None
    page = _INLINER.inline(marked) if whole else _INLINER.inline_fragment(marked, css)
    if not _same_page(marked, page):
        return None
    return _unmark(page, pieces, source)


def _mark(source: str) -> str:
    """The source with a mark for each piece of Jinja: a comment where text may stand (which a
    parser leaves in its place even within a table), a word within tags and raw text."""
    counted = iter(range(len(source)))
    in_words = _JINJA.sub(lambda _: f"J{next(counted)}J", source)
    words = [
        (found.start(), found.end())
        for pattern in (_RAW_TEXT, _TAG)
        for found in pattern.finditer(in_words)
    ]

    def as_comment(found: re.Match[str]) -> str:
        within = any(start < found.start() < end for start, end in words)
        return found[0] if within else f"<!--{found[0]}-->"

    return re.sub(r"J\d+J", as_comment, in_words)


def _same_page(before: str, after: str) -> bool:
    return list(_skeleton(before)) == list(_skeleton(after))


def _skeleton(page: str) -> Iterator[str]:
    """Tags with their attributes but `style`, marks and words, in order."""
    page = _PLACE.sub(r" \g<0> ", page).replace("<!DOCTYPE", "<!doctype")
    at = 0
    for found in _TAG.finditer(page):
        yield from page[at : found.start()].split()
        at = found.end()
        if found[1].lower() not in _IMPLIED or _PLACE.search(found[2]):
            attributes = _STYLE_ATTRIBUTE.sub("", found[2]).replace('=""', "").split()
            yield f"<{found[1].lower()} {' '.join(sorted(attributes))}>"
    yield from page[at:].split()


def _unmark(page: str, pieces: list[str], source: str) -> str | None:
    """The Jinja pieces back in their places, each on the line that it had in the source."""
    lines = [source.count("\n", 0, found.start()) for found in _JINJA.finditer(source)]
    parts: list[str] = []
    line, at = 0, 0
    left = set(range(len(pieces)))
    for found in _PLACE.finditer(page):
        number = int(found[1] or found[2])
        if number not in left:
            return None
        left.remove(number)
        between = page[at : found.start()]
        line += between.count("\n")
        at = found.end()
        lost = lines[number] - line
        if lost < 0:
            return None
        # A line break right after the opening brace moves nothing but the line count.
        piece = _OPENING.sub(lambda opened, n=lost: opened[0] + "\n" * n, pieces[number], count=1)  # type: ignore[misc]
        parts += between, piece
        line += piece.count("\n")
    parts.append(page[at:])
    return None if left else "".join(parts)
