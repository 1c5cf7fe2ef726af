"""CSS that is put into templates once gives the same pages as CSS put into every page."""

from html.parser import HTMLParser

import pytest

from orchestrator.flow.render import Rendered, RenderFailed, TemplateSet, render_email
from orchestrator.flow.render.inline_css import inline, inline_sources
from tests.render.shop import EMAIL, SHARED, message, product, templates

PRODUCTS = [product(1, lowest="9.99", image_url="https://shop.example/1.png"), product(2, "Milk")]
HEAD = "<html><head><style>.a { color: red } p { margin: 0 }</style></head><body>"
FOOT = "</body></html>"


class Page(HTMLParser):
    """Every element with its attributes, and every text, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        plain = {name: value for name, value in attrs if name != "style"}
        style = dict(attrs).get("style") or ""
        rules = sorted(rule.replace(" ", "") for rule in style.split(";") if rule.strip())
        if tag not in {"html", "head", "body", "tbody"}:
            self.seen.append((tag, plain, rules))

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"html", "head", "body", "tbody"}:
            self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.seen.extend(data.split())


def page(sources: dict[str, str], *, once: bool) -> list[object]:
    every = TemplateSet({**SHARED, "email.subject.j2": "x", **sources})
    if not once:
        # A comment is no harm to a page, and keeps a file from being inlined beforehand.
        every = TemplateSet(
            {**every.sources, "email.html.j2": every.sources["email.html.j2"] + "<!---->"}
        )
    assert every.inlined("email.html.j2") is once
    outcome = render_email(every, message(products=PRODUCTS))
    assert isinstance(outcome, Rendered), outcome
    return Page(outcome.html).seen


@pytest.mark.parametrize(
    "source",
    [
        EMAIL["email.html.j2"],
        HEAD + '<p class="a">{{ customer.first_name }}</p>' + FOOT,
        HEAD + '<p class="a" style="margin: 4px">x</p>' + FOOT,
        HEAD + '{% for p in products %}<p class="a">{{ p.title }}</p>{% endfor %}' + FOOT,
        HEAD
        + '<table>{% for p in products %}<tr><td class="a">{{ p.title }}</td></tr>'
        + "{% endfor %}</table>"
        + FOOT,
        HEAD
        + '<a class="a" href="{{ links.order }}?a=1&amp;b=2" title="{{ product.title }}">x</a>'
        + FOOT,
    ],
)
def test_pages_are_the_same(source: str) -> None:
    sources = {"email.html.j2": source}
    assert page(sources, once=True) == page(sources, once=False)


@pytest.mark.parametrize(
    "source",
    [
        '<p {% if product %}class="a"{% endif %}>x</p>',
        '{% if product %}<div class="a">{% else %}<div>{% endif %}x</div>',
        "<p>unclosed <b>tags</p>",
        "<!-- a comment --><p>x</p>",
        "{% raw %}<p>{{ x }}</p>{% endraw %}",
        '<link rel="stylesheet" href="x.css"><p>x</p>',
        "<style>.content p { color: red }</style><p>x</p>",
    ],
)
def test_what_is_not_certain_is_inlined_page_by_page(source: str) -> None:
    assert not inline_sources({"email.html.j2": source}).inlined
    assert not templates(email_html=source).inlined("email.html.j2")


def test_what_ships_is_inlined_once() -> None:
    assert templates(email_html=EMAIL["email.html.j2"]).inlined("email.html.j2")


@pytest.mark.parametrize(
    "wrong", ["{{ customer.nobody }}", '<a href="{{ customer.nobody }}">x</a>']
)
def test_lines_stay_where_the_author_wrote_them(wrong: str) -> None:
    source = f'{HEAD}\n\n<p\n  class="a">\n{{# note\n #}}\n<b>x</b></p>\n{wrong}\n{FOOT}'
    every = templates(email_html=source, email_subject="x")
    assert every.inlined("email.html.j2")
    outcome = render_email(every, message())
    assert isinstance(outcome, RenderFailed)
    assert (outcome.template, outcome.line) == ("email.html.j2", 8)


def test_a_page_keeps_its_rules_for_screens() -> None:
    css = "<style>.a{color:red}@media (max-width:9px){.a{color:blue!important}}</style>"
    html = inline(f'<html><head>{css}</head><body><p class="a">x</p></body></html>')
    assert "@media" in html
    assert 'style="color: red' in html
