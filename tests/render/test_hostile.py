"""What strangers write into every field does no harm: shown to a mail parser and to a browser."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from channels import mime
from channels.contract import Item, Sender, Unsupported
from orchestrator.flow.render import Rendered, RenderFailed, TemplateSet, render_email
from tests.render.shop import EMAIL, SHARED, SHOP, START, message, product, templates
from tests.support.browser import marks_of, needs_chromium, seen

MARK = "top.document.body.dataset.ran=1"
HOSTILE = [
    f"<script>{MARK}</script>",
    f'"><img src=x onerror="{MARK}">',
    f"'><svg/onload={MARK}>",
    f"</title></style></textarea><script>{MARK}</script>",
    f"-->]]><script>{MARK}</script><!--",
    f"javascript:{MARK}",
    f"&#60;script&#62;{MARK}&lt;/script&gt;",
    f"{{{{ 7 * 7 }}}}{{% for x in y %}}<script>{MARK}</script>",
    f'" onmouseover="{MARK}" autofocus onfocus="{MARK}" x="',
    f"<iframe srcdoc='<script>top.{MARK}</script>'>",
    f"<a href=javascript:{MARK}>x</a><form action=javascript:{MARK}><button>x",
    f"＜script＞{MARK}＜/script＞",
    f"<mj-raw><script>{MARK}</script></mj-raw>",
]
OWN = """\
{% extends "layout.html.j2" %}
{% block preheader %}{{ customer.first_name }} {{ product.title }}{% endblock %}
{% block content %}
<p title="{{ customer.first_name }}" class='{{ customer.first_name }}'>{{ customer.note }}</p>
<img src="https://shop.example/x.png" alt="{{ customer.note }}">
{{ product_list(products) }}{{ event.properties.words }} {{ campaign.name }} {{ shop.brand }}
{% endblock %}
"""
MJML = """\
<mjml><mj-head><mj-title>{{ customer.first_name }}</mj-title>
<mj-preview>{{ customer.note }}</mj-preview></mj-head><mj-body><mj-section><mj-column>
<mj-image src="https://shop.example/x.png" alt="{{ customer.note }}" />
<mj-text><p title="{{ customer.first_name }}">{{ customer.note }}</p>{{ product_list(products) }}
</mj-text></mj-column></mj-section></mj-body></mjml>
"""
LETTER = Item(
    message_id="1",
    attempt_id="1",
    kind="email",
    address="ann@example.com",
    text="x",
    subject="x",
    html=None,
    sender=Sender("Shop", "shop@example.com"),
    headers=(),
    stable_id="m1",
    not_after=None,
    language="en",
)


def hostile_product(words: str) -> dict[str, Any]:
    made = product(1, words, brand=words, category=words, image_url=f"https://shop.example/{words}")
    return {**made, "id": words}


def rendered(words: str, every: TemplateSet) -> Rendered:
    made = render_email(
        every,
        message(
            {"first_name": words, "note": words, "last_name": words},
            products=[hostile_product(words)],
            event={"name": "Page Viewed", "at": START, "properties": {"words": words}},
            campaign={"name": words, "topic": words, "purpose": "offer"},
            shop={**SHOP, "brand": words, "contact": words},
        ),
    )
    assert isinstance(made, Rendered), made
    return made


def all_pages(words: str) -> list[Rendered]:
    subject = EMAIL["email.subject.j2"]
    mjml = TemplateSet({**SHARED, "email.subject.j2": subject, "email.mjml.j2": MJML})
    html = [EMAIL["email.html.j2"], OWN]
    every = [templates(email_subject=subject, email_html=source) for source in html]
    return [rendered(words, one) for one in (*every, mjml)]


@needs_chromium
def test_no_browser_runs_what_strangers_wrote(tmp_path: Path) -> None:
    # All at once, and one whose first word would matter: a browser takes long for many pages.
    fields = [" ".join(HOSTILE), f"javascript:{MARK}"]
    pages = [made.html for words in fields for made in all_pages(words)]
    look = """(page) => {
      for (const link of page.querySelectorAll("a, button")) {
        if (link.protocol !== "https:") link.click();
      }
      const odd = [...page.querySelectorAll("*")].filter(
        one => [...one.attributes].some(attribute => attribute.name.startsWith("on")));
      return [page.scripts.length, page.forms.length, page.querySelectorAll("iframe").length,
              odd.length, page.links.length];
    }"""
    control = f"<p>x</p><script>{MARK.replace('ran', 'control')}</script>"
    clicked = f'<a href="javascript:{MARK.replace("ran", "clicked")};void 0">x</a>'
    *answers, first, second, _ = found = seen([*pages, control, clicked], look, tmp_path)
    # The two of ours show that a script would have left its mark.
    assert marks_of(found) == {"control": "1", "clicked": "1"}
    assert (first[0], second[4]) == (1, 1)
    assert len(answers) == len(pages) == 6
    assert [answer[:4] for answer in answers] == [[0, 0, 0, 0]] * len(pages)


@pytest.mark.parametrize("words", HOSTILE)
def test_a_mail_parser_reads_one_letter_as_it_was_meant(words: str) -> None:
    for made in all_pages(words):
        item = replace(
            LETTER,
            text=made.text,
            subject=made.subject,
            html=made.html,
            sender=Sender(words, "shop@example.com"),
            headers=(("X-Topic", words),),
        )
        built = mime.build(item, START)
        assert isinstance(built, bytes)
        mail = message_from_bytes(built, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert not mail.defects
        assert mail["subject"] == made.subject
        assert [address.addr_spec for address in mail["from"].addresses] == ["shop@example.com"]
        assert [address.addr_spec for address in mail["to"].addresses] == ["ann@example.com"]
        assert mail["cc"] is mail["bcc"] is None
        kinds = [part.get_content_type() for part in mail.walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html"]
        html = mail.get_body(("html",))
        assert html is not None
        assert html.get_content().split() == made.html.split()


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\x00"])
def test_no_field_begins_a_header_of_its_own(end: str) -> None:
    words = f"Ann{end}Bcc: eve@example.com{end}{end}<h1>Hello</h1>"
    subject = templates(email_subject="{{ customer.first_name }}", email_html="<p>x</p>")
    made = render_email(subject, message({"first_name": words}))
    assert isinstance(made, RenderFailed)
    assert made.reason == "control_character"
    for bad in (
        replace(LETTER, subject=words),
        replace(LETTER, sender=Sender(words, "shop@example.com")),
        replace(LETTER, headers=(("X-Topic", words),)),
        replace(LETTER, address=f"ann@example.com{end}Bcc: eve@example.com"),
    ):
        assert isinstance(mime.build(bad, START), Unsupported)


@pytest.mark.parametrize(
    "link",
    ["javascript:x()", " JaVaScRiPt:x()", "java\nscript:x()", "j\ta\tv\ta\tscript :x()",
     "vbscript:x", "data:text/html,<script>x</script>"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["href='{}'", 'href = "{}"', 'xlink:href="{}"'])
def test_a_link_that_is_a_script_ends_its_message(link: str, where: str) -> None:
    source = f"<p>x</p><a {where.format('{{ customer.site }}')}>x</a>"
    every = templates(email_subject="x", email_html=source)
    made = render_email(every, message({"site": link}))
    assert isinstance(made, RenderFailed)
    assert made.reason == "forbidden"
    unquoted = templates(email_subject="x", email_html="<a href={{ customer.site }}>x</a>")
    made = render_email(unquoted, message({"site": "".join(link.split())}))
    assert isinstance(made, RenderFailed)
    good = render_email(every, message({"site": "https://shop.example/javascript:"}))
    assert isinstance(good, Rendered)


def test_words_that_only_look_like_it_are_let_be() -> None:
    source = (
        '<p title="{{ customer.book }}">{{ customer.book }}</p>'
        '<img src="data:image/png;base64,AAAA" alt="{{ customer.book }}">'
    )
    every = templates(email_subject="x", email_html=source)
    made = render_email(every, message({"book": "JavaScript: The Good Parts"}))
    assert isinstance(made, Rendered)
    assert "JavaScript: The Good Parts" in made.text
