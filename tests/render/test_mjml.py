"""MJML in place of HTML: made once, filled for each message, its faults told with their place."""

import os
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from channels import mime
from channels.contract import Item, Sender
from orchestrator.flow.render import Rendered, RenderFailed, TemplateSet, render_email
from orchestrator.flow.render.checks import check_template
from orchestrator.flow.render.mjml import Fault, compile_mjml
from tests.render.shop import SHARED, START, message, product

GOLDEN = Path(__file__).parent / "golden" / "mjml.html"
UPDATE = os.environ.get("TACTFUL_UPDATE_GOLDEN") == "1"
PRODUCTS = [product(1, image_url="https://shop.example/1.png"), product(2, "Milk & more")]

LETTER = """\
{# Of three
   lines. #}
{% set name = customer.first_name | default("neighbour") %}
<mjml lang="{{ language }}">
  <mj-head>
    <mj-title>{{ shop.brand }}</mj-title>
    <mj-preview>For {{ name }}: {{ product.title }}</mj-preview>
    <mj-style>
      .loud { color: #aa0000 }
      @media (prefers-color-scheme: dark) { .loud { color: #ffaaaa } }
    </mj-style>
  </mj-head>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text><p class="loud">{{ greeting(customer) }},</p></mj-text>
        {% if customer.kids_count | default(0) > 0 %}
        <mj-text>Bring the children.</mj-text>
        {% endif %}
      </mj-column>
    </mj-section>
    {% for item in products %}
    <mj-section>
      <mj-column>
        <mj-text>{{ product_card(item) }}</mj-text>
        <mj-button href="{{ item.order_link }}">Order {{ item.title }}</mj-button>
      </mj-column>
    </mj-section>
    {% endfor %}
    <mj-section>
      <mj-column>
        <mj-text><a href="{{ links.unsubscribe }}">Stop</a>, {{ shop.postal_address }}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def letter(source: str = LETTER) -> TemplateSet:
    files = {"email.subject.j2": "Hello", "email.mjml.j2": source}
    return TemplateSet({**SHARED, **files})


def rendered(source: str = LETTER, **customer: object) -> Rendered:
    made = render_email(letter(source), message(customer, products=PRODUCTS), offer=True)
    assert isinstance(made, Rendered), made
    return made


def test_a_letter_as_it_leaves() -> None:
    made = rendered(first_name="Ann", kids_count=2)
    if UPDATE:
        GOLDEN.write_text(made.html, encoding="utf-8")
    assert made.html == GOLDEN.read_text(encoding="utf-8")


def test_the_same_promises_hold_as_for_html() -> None:
    made = rendered(first_name="<b>Ann</b>")
    assert made.preheader == "For <b>Ann</b>: Classic roast coffee"
    assert "For" not in made.text.split()  # nobody reads the preheader twice
    assert "Hello <b>Ann</b>," in made.text
    assert "children" not in made.text
    assert "https://shop.example/u/t0k3n" in made.text
    assert [line.product_id for line in made.quote.lines] == ["1", "2"]
    assert all(line.order_link for line in made.quote.lines)
    # What customers and catalogues write is escaped, wherever it stands.
    assert "<b>Ann" not in made.html
    assert "Order Milk &amp; more" in made.html
    # CSS stands in the tags, and stays where it depends on the screen; nothing is fetched for it.
    assert re.search(r'<p class="loud" style="[^"]*#aa0000', made.html)
    assert "prefers-color-scheme: dark" in made.html
    assert "fonts.googleapis" not in made.html
    assert "{%" not in made.html
    assert "{{" not in made.html


def test_statements_choose_and_repeat_for_each_message() -> None:
    assert "Bring the children." in rendered(kids_count=1).text
    assert rendered().text.count("Price valid until") == 2
    assert rendered().html.count('class="loud"') == 1


@pytest.mark.parametrize(
    ("written", "told"), [("", "fr"), (' lang="de"', "de"), (' lang="{{ language }}"', "fr")]
)
def test_a_letter_is_in_its_customers_language(written: str, told: str) -> None:
    source = LETTER.replace(' lang="{{ language }}"', written)
    made = render_email(letter(source), message(products=PRODUCTS, locale="fr_FR"), offer=True)
    assert isinstance(made, Rendered), made
    assert made.html.count(f' lang="{told}"') == 2
    assert 'lang="und"' not in made.html


def test_a_mail_parser_reads_it() -> None:
    made = rendered(first_name="Ånn")
    item = Item("1", "1", "email", "ann@example.com", made.text, made.subject, made.html,
                Sender("Shop", "shop@example.com"), (), "m1", None, "en")  # fmt: skip
    built = mime.build(item, START)
    assert isinstance(built, bytes)
    parsed = message_from_bytes(built, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "Ånn" in html.get_content()
    assert "Ånn" in text.get_content()


@pytest.mark.parametrize(
    "wrong", ["shop.brand", "greeting(customer)", "product_card(item)", "shop.postal_address"]
)
def test_what_fails_in_a_message_is_told_with_its_line(wrong: str) -> None:
    at = next(n for n, line in enumerate(LETTER.split("\n"), 1) if wrong in line)
    source = LETTER.replace(f"{{{{ {wrong} }}}}", "{{ customer.nothing }}", 1)
    made = render_email(letter(source), message(products=PRODUCTS))
    assert isinstance(made, RenderFailed)
    assert (made.reason, made.template, made.line) == ("undefined", "email.mjml.j2", at)


FAULTS = [
    ("<mj-text>Bring", "<mj-txt>Bring", "<mj-txt>", "there is no <mj-txt>", '"mj-text"'),
    ("Bring the", "Bring</mj-row> the", "</mj-row>", "there is no <mj-row>", "did you mean"),
    ("</mj-column>", "", "</mj-section>", "</mj-section> closes what is not open", "<mj-column>"),
    ("</mjml>", "", "<mjml ", "<mjml> is never closed", "</mjml>"),
    ("<mj-section>", "<mj-spacer /><mj-section>", "<mj-spacer", "<mj-spacer> stands in <mj-body>",
     "mj-column"),
    ("<mj-column>", "<mj-column>hello", "hello", "text stands right in <mj-column>", "mj-text"),
    ("<mj-column>", "<mj-column><p>", "<p>", "<p> stands among MJML's own tags", "mj-raw"),
    ("<mj-column>", "{% if true %}<mj-column>", "{% if true",
     "a statement stands right in <mj-section>", "around a whole mj-section"),
    ("<mj-column>", "<mj-column>{{ shop.brand }}", "{{ shop.brand }}\n        <mj-text>",
     "a value stands right in <mj-column>", "mj-text"),
    ("<mj-button href", "<mj-button {{ name }} href", "<mj-button {{",
     "Jinja stands between attributes", "quotes"),
    ("<mj-button", '<mj-image width="{{ name }}" src="x" /><mj-button', '{{ name }}" src',
     "MJML drops this", "href"),
    ("<mj-title>", "<mj-title>{% if true %}", "{% if true", "MJML repeats this, which no statement "
     "survives", "mj-text"),
    ("<mj-title>", '<mj-include path="/etc/passwd" /><mj-title>', "<mj-include",
     "mj-include reads no files", "include"),
    ("{# Of", "Hello {# Of", "Hello", "the file does not begin with <mjml>", "import"),
    ("{# Of", '{% extends "layout.html.j2" %}{# Of', "{% extends",
     "{% extends %} cannot be used in MJML", "email.html.j2"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "spot", "what", "fix"), FAULTS)
def test_a_fault_is_told_with_its_place_and_a_fix(
    good: str, bad: str, spot: str, what: str, fix: str
) -> None:
    source = LETTER.replace(good, bad, 1)
    if "{% if true %}" in bad and "title" in bad:
        source = source.replace("</mj-title>", "{% endif %}</mj-title>")
    elif "{% if true %}" in bad:
        source = source.replace("</mj-column>", "</mj-column>{% endif %}", 1)
    at = source.index(spot)
    place = (source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at))
    first = compile_mjml(source).faults[0]
    assert ((first.line, first.column), first.what) == (place, what)
    assert fix in first.fix
    problem = check_template(letter(source), "email.mjml.j2")[0]
    assert (problem.line, problem.column, problem.what) == (*place, what)
    made = render_email(letter(source), message(products=PRODUCTS))
    assert isinstance(made, RenderFailed)
    assert (made.reason, made.line) == ("template_error", place[0])


def test_several_faults_are_told_at_once() -> None:
    source = LETTER.replace("<mj-section>", '<mj-section><mj-include path="x" />', 1)
    source = source.replace("<mj-column>", "<mj-column>hello")
    whats = [fault.what for fault in compile_mjml(source).faults]
    assert whats == ["mj-include reads no files"]  # what follows an unknown tag is not judged
    source = LETTER.replace("<mj-column>", "<mj-column>hello")
    assert len(compile_mjml(source).faults) == 3


def test_no_file_is_read_whatever_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("<mj-text>secret</mj-text>", encoding="utf-8")
    for path in (tmp_path / "secret", f"file://{tmp_path}/secret", "http://127.0.0.1:9/secret"):
        source = f'<mjml><mj-body><mj-include path="{path}" /></mj-body></mjml>'
        page = compile_mjml(source)
        assert page.html == ""
        assert isinstance(page.faults[0], Fault)


def test_the_checks_of_html_hold() -> None:
    at = next(n for n, line in enumerate(LETTER.split("\n"), 1) if "Bring the" in line)
    wrong = LETTER.replace("Bring the children.", "Only $4.99, {{ custmer.x }}")
    found = [
        (problem.line, problem.what) for problem in check_template(letter(wrong), "email.mjml.j2")
    ]
    assert found == [
        (at, 'money written by hand: "$4.99,"'),
        (at, 'unknown variable "custmer"'),
    ]
    assert check_template(letter(), "email.mjml.j2") == []
