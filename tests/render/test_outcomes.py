"""One message's trouble is that message's alone, and says where it is."""

import datetime as dt
from html.parser import HTMLParser

import pytest

from orchestrator.flow.render import Rendered, RenderFailed, render_email, render_text
from orchestrator.flow.render.context import message_context, plain, web_address
from tests.render.shop import EMAIL, LINKS, NEW_YORK, message, product, templates

FILES = {name.removesuffix(".j2").replace(".", "_"): source for name, source in EMAIL.items()}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}"


def email(context: object = None, **files: str) -> Rendered | RenderFailed:
    return render_email(templates(**{**FILES, **files}), context or message())  # type: ignore[arg-type]


def good(outcome: Rendered | RenderFailed) -> Rendered:
    assert isinstance(outcome, Rendered), outcome
    return outcome


def bad(outcome: Rendered | RenderFailed) -> RenderFailed:
    assert isinstance(outcome, RenderFailed), outcome
    return outcome


def test_an_email_has_all_its_parts() -> None:
    outcome = good(email())
    assert outcome.subject == "Hello Ann, your Classic roast coffee is running low"
    assert outcome.preheader == "Classic roast coffee, $7.99 incl. tax ($0.26/oz), until Nov 28"
    assert 'lang="en"' in outcome.html
    assert "Corner Market, 1 Main Street, Dayton OH 45402" in outcome.text
    assert "Unsubscribe (https://shop.example/u/t0k3n)" in outcome.text
    assert "Order Classic roast coffee (https://shop.example/o/1)" in outcome.text
    assert outcome.text.count("Classic roast coffee") == 2  # the hidden preheader is not read
    assert "\n\n\n" not in outcome.text


def test_css_is_inlined_and_kept_for_the_dark() -> None:
    html = good(email()).html
    assert '<h1 style="' in html
    assert "prefers-color-scheme: dark" in html


def test_the_campaigns_own_css_is_inlined() -> None:
    head = "<html><head><style>.loud{color:red}</style></head>"
    body = f"{head}<body><p class='loud'>x</p></body></html>"
    assert 'style="color: red' in good(email(email_html=body)).html


def test_a_campaigns_own_text_part_is_used() -> None:
    outcome = good(email(email_txt="Dear {{ customer.first_name }} & co"))
    assert outcome.text == "Dear Ann & co"


def test_steps_have_their_own_files() -> None:
    files = {f"last-call.{name}": source for name, source in EMAIL.items()}
    ours = {**files, "last-call.email.subject.j2": "Last call", "last-call.sms.txt.j2": "Last"}
    every = templates(**{name.removesuffix(".j2").replace(".", "_"): s for name, s in ours.items()})
    assert good(render_email(every, message(), prefix="last-call")).subject == "Last call"
    assert good(render_text(every, message(), prefix="last-call")).text == "Last"
    assert bad(render_text(every, message())).reason == "template_missing"


def test_a_message_to_a_browser_has_a_subject_and_keeps_its_letters() -> None:
    files = templates(
        webpush_subject="For {{ customer.first_name }}\n", webpush_txt="“Müsli” – now"
    )
    found = good(render_text(files, message(), kind="webpush.txt"))
    assert (found.subject, found.text, found.segments) == ("For Ann", "“Müsli” – now", None)
    text = good(render_text(templates(sms_txt="“Müsli” – now"), message()))
    assert (text.subject, text.text) == ("", '"Müsli" - now')
    assert text.segments is not None


@pytest.mark.parametrize(
    "subject",
    ["{% if today %}\nNow\n{% endif %}\n", "\nNow\n", "{% if today %}\r\nNow\r\n{% endif %}"],
)
def test_a_subject_may_have_its_conditions_on_lines_of_their_own(subject: str) -> None:
    assert good(email(email_subject=subject)).subject == "Now"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (" \n", "empty"),
        ("a\nb", "control_character"),
        ("a\x00b", "control_character"),
        ("{{ no }}", "undefined"),
    ],
)
def test_a_subject_that_cannot_be_sent_ends_the_message(subject: str, reason: str) -> None:
    files = templates(webpush_subject=subject, webpush_txt="now")
    failed = bad(render_text(files, message(), kind="webpush.txt"))
    assert (failed.reason, failed.template) == (reason, "webpush.subject.j2")


def test_an_unknown_variable_names_template_and_line() -> None:
    failed = bad(email(email_html="<p>\n\n{{ customer.nickname }}</p>"))
    assert (failed.reason, failed.template, failed.line) == ("undefined", "email.html.j2", 3)
    assert "nickname" in failed.detail


def test_the_place_is_in_the_campaigns_file_not_in_the_macro() -> None:
    failed = bad(email(email_html="<p>\n{{ price(customer) }}</p>"))
    assert (failed.reason, failed.template, failed.line) == ("price_missing", "email.html.j2", 2)


def test_a_file_that_does_not_compile_names_its_line() -> None:
    failed = bad(email(email_html="ok\n{% if %}"))
    assert (failed.reason, failed.template, failed.line) == ("template_error", "email.html.j2", 2)


def test_others_are_not_touched_by_a_poisonous_one() -> None:
    every = templates(**FILES)
    people = ["Ann", "Bob\r\nBcc: all@example.com", "Cho"]
    outcomes = [render_email(every, message({"first_name": name})) for name in people]
    assert [type(outcome) for outcome in outcomes] == [Rendered, RenderFailed, Rendered]


@pytest.mark.parametrize(
    "name",
    [
        "Ann\nBcc: x@example.com",
        "Ann\r",
        "Ann\x00",
        "Ann\u2028",
        "\u202egnp.exe",
        "Ann\x85",
        "A\ud800",
    ],
)
def test_subjects_refuse_what_ends_or_twists_a_header(name: str) -> None:
    failed = bad(email(message({"first_name": name})))
    assert (failed.reason, failed.template) == ("control_character", "email.subject.j2")


def test_a_subject_of_nothing_is_refused() -> None:
    assert bad(email(email_subject=" \n")).reason == "empty"
    assert bad(render_text(templates(sms_txt="{# #}\n"), message())).reason == "empty"


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x07", "\udc80"])
def test_texts_refuse_control_characters(char: str) -> None:
    outcome = render_text(
        templates(sms_txt="{{ customer.first_name }}"), message({"first_name": f"A{char}"})
    )
    assert bad(outcome).reason == "control_character"


def test_hostile_text_in_every_field_is_harmless_in_html() -> None:
    record = product(
        title=HOSTILE, brand=HOSTILE, category=HOSTILE, image_url="javascript:alert(1)"
    )
    record["id"] = HOSTILE
    context = message(
        {"first_name": HOSTILE, "trait": HOSTILE},
        products=[record],
        shop={"brand": HOSTILE, "postal_address": HOSTILE},
        campaign={"name": HOSTILE, "topic": HOSTILE, "purpose": "offer"},
        event={"name": HOSTILE, "properties": {"note": HOSTILE}},
    )
    body = EMAIL["email.html.j2"].replace(
        "<h1>",
        "<p title=\"{{ customer.trait }}\">{{ event.properties.note ~ '!' }} {{ campaign.name }}"
        "{{ [event.name]|join(', ') }} {% set x %}{{ customer.trait }}{% endset %}{{ x }}</p><h1>",
    )
    html = good(email(context, email_html=body, email_subject="x")).html
    seen = Elements(html)
    assert not seen.names & {"script", "img"}
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert "onerror=alert(1)&gt;" in html  # as text only
    assert "javascript:" not in html
    assert "{{ 7*7 }}" in html


class Elements(HTMLParser):
    """The names of elements and attributes in a page, as a browser would read it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "data:text/html,x", "https://a b", 'https://a"onclick="x'),
        *("//x.example", "", None, 5),
    ],
)
def test_only_web_addresses_become_links(link: object) -> None:
    assert web_address(link) is None


@pytest.mark.parametrize("name", [None, "", "None", "null", " ", "N/A"])
def test_unknown_names_are_polite(name: str | None) -> None:
    source = (
        "{{ greeting(customer) }} {{ greeting(customer, 'Hi', 'there') }} "
        "{{ customer.first_name | default('you') }}"
    )
    context = message({"first_name": name})
    assert good(render_text(templates(sms_txt=source), context)).text == "Hello Hi there you"


def test_a_service_message_needs_no_way_out_of_offers() -> None:
    context = message_context(
        {
            "shop": {"brand": "B", "postal_address": "P"},
            "campaign": {"topic": "bills", "purpose": "service"},
        },
        customer={},
        today=dt.date(2017, 11, 22),
        zone=NEW_YORK,
        links={"preferences": LINKS["preferences"], "unsubscribe": None},
    )
    body = '{% extends "layout.html.j2" %}{% block content %}<p>Bill</p>{% endblock %}'
    assert "Unsubscribe" not in good(email(context, email_html=body, email_subject="Bill")).text


def test_marketing_without_a_way_out_is_never_rendered() -> None:
    context = message_context(
        {
            "shop": {"brand": "B", "postal_address": "P"},
            "campaign": {"topic": "t", "purpose": "offer"},
        },
        customer={},
        today=dt.date(2017, 11, 22),
        zone=NEW_YORK,
        links={"preferences": LINKS["preferences"]},
    )
    body = '{% extends "layout.html.j2" %}{% block content %}<p>x</p>{% endblock %}'
    assert bad(email(context, email_html=body, email_subject="x")).reason == "undefined"


def test_instants_are_dates_of_the_customers_clock() -> None:
    at = dt.datetime(2017, 11, 22, 3, tzinfo=dt.UTC)
    context = message(event={"name": "x", "at": at})
    assert (
        good(render_text(templates(sms_txt="{{ event.at }}"), context)).text == "November 21, 2017"
    )


def test_only_plain_data_enters() -> None:
    assert plain({"a": None, "b": "", "c": [1.5, (2, None)], "d": float("nan")}) == {
        "c": [plain(1.5), [2, None]]
    }
    with pytest.raises(TypeError, match="no plain data"):
        plain({"row": object()})
