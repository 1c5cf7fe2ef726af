"""What is wrong with a file as such: its bytes, its size, its neighbours."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.flow.load import load
from orchestrator.flow.load.text import TEMPLATE_BYTES_MAX, YAML_BYTES_MAX
from tests.load.shop_folder import CAMPAIGN, GOOD, SHOP, TEXT, write

SHOP_YAML = "campaigns/shop.yaml"
YAML = "campaigns/cart/campaign.yaml"
SMS = "campaigns/cart/sms.txt.j2"


def told(root: Path, changes: Mapping[str, str | bytes | None]) -> list[str]:
    """The problems of the good files with some replaced, added or (None) left out."""
    files = {name: text for name, text in {**GOOD, **changes}.items() if text is not None}
    return [str(problem) for problem in load(write(root, files)).problems]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {YAML: CAMPAIGN.encode().replace(b"favourites", b"favo\xfcrites")},
            [f"{YAML}:2:12: is not UTF-8 here (save the file as UTF-8)"],
        ),
        (
            {SMS: b"\xff\xfe{\x00"},
            [f"{SMS}:1:1: is not UTF-8 here (save the file as UTF-8)"],
        ),
        (
            {YAML: CAMPAIGN.replace("favourites", "favou\x07rites")},
            [f"{YAML}:2:13: has a character that cannot be seen (U+0007) (take it out)"],
        ),
        (
            {YAML: CAMPAIGN + "#" * YAML_BYTES_MAX},
            [f"{YAML}: is larger than 256 KiB (split it, or take out data)"],
        ),
        ({YAML: ""}, [f"{YAML}: is empty (write something in it)"]),
        ({YAML: "# nothing yet\n"}, [f"{YAML}: is empty (write something in it)"]),
        (
            {YAML: "- purpose: help\n"},
            [f"{YAML}:1:1: write keys and values below it, such as key: value, not a list"],
        ),
        (
            {YAML: "help\n"},
            [f'{YAML}:1:1: write keys and values below it, such as key: value, not "help"'],
        ),
        (
            {YAML: None, "campaigns/cart/campaign.yml": CAMPAIGN},
            [f"{YAML}: is missing (rename campaign.yml)"],
        ),
        ({YAML: None}, [f"{YAML}: is missing (write it, or move the folder)"]),
        (
            {SHOP_YAML: None},
            [
                f"{SHOP_YAML}: is missing "
                "(it says who the shop is, and which channels, topics and events it has)"
            ],
        ),
        (
            {"campaigns/cart/emial.html.j2": "x"},
            [
                "campaigns/cart/emial.html.j2: is no step's template "
                '(did you mean "email.html.j2"?)'
            ],
        ),
        (
            {SMS: None, "campaigns/cart/sms.txt": TEXT},
            [
                'campaigns/cart/sms.txt: is not read as a template (did you mean "sms.txt.j2"?)',
                f"{YAML}:15:41: sms has no template sms.txt.j2 "
                "(write the file, or take the channel out)",
            ],
        ),
        (
            {"campaigns/Cart 2/campaign.yaml": CAMPAIGN},
            [
                "campaigns/Cart 2: is no name for a campaign "
                "(use small letters, digits and hyphens, such as cart-reminder)"
            ],
        ),
        (
            {"templates/prices.j2": "{% macro price(product) %}"},
            [
                "templates/prices.j2:1:1: Unexpected end of template. Jinja was looking for the "
                "following tags: 'endmacro'. The innermost block that needs to be closed is "
                "'macro'."
            ],
        ),
        (
            {"templates/frame.html.j2": '<p>\n<img src="/logo.png" alt="">'},
            [
                'templates/frame.html.j2:2:11: "/logo.png" leads nowhere from an e-mail '
                "(write the whole address: https://…/logo.png)"
            ],
        ),
        (
            {
                "campaigns/cart/social.txt.j2": TEXT + "{{ text_footer() }}",
                "campaigns/cart/inbox.txt.j2": '{% include "_end.j2" %}' + TEXT,
                "campaigns/cart/inbox.subject.j2": "Cart",
                "campaigns/cart/_end.j2": "{{ text_footer() }}",
            },
            [
                f"campaigns/cart/{name}.txt.j2:1:1: text_footer() asks for a STOP that nobody "
                "hears there (add {{ links.preferences }} in its place)"
                for name in ("social", "inbox")
            ],
        ),
        (
            {"campaigns/cart/_foot.html.j2": '<a href="news">News</a>'},
            [
                'campaigns/cart/_foot.html.j2:1:10: "news" leads nowhere from an e-mail '
                "(write the whole address: https://…/news)"
            ],
        ),
        (
            {"campaigns/cart/_foot.html.j2": "<a class=”x”\n href=”{{ shop.url }}”>News</a>"},
            [
                "campaigns/cart/_foot.html.j2:2:7: ” is no quote in HTML: the address leads "
                "nowhere (write straight quotes, \" or ')"
            ],
        ),
    ],
)
def test_told(
    changes: Mapping[str, str | bytes | None], expected: list[str], tmp_path: Path
) -> None:
    found = told(tmp_path, changes)
    assert [line for line in expected if line not in found] == []


def test_a_template_that_cannot_be_read_is_not_missing_as_well(tmp_path: Path) -> None:
    assert told(tmp_path, {SMS: b"\xff\xfe{\x00"}) == [
        f"{SMS}:1:1: is not UTF-8 here (save the file as UTF-8)"
    ]


def test_a_folders_wrong_name_is_told_once_beside_what_else_is_wrong(tmp_path: Path) -> None:
    files = {name.replace("/cart/", "/My cart/"): text for name, text in GOOD.items()}
    files["campaigns/My cart/campaign.yaml"] = CAMPAIGN.replace("favourites", "favorites")
    assert [str(problem) for problem in load(write(tmp_path, files)).problems] == [
        "campaigns/My cart: is no name for a campaign "
        "(use small letters, digits and hyphens, such as cart-reminder)",
        'campaigns/My cart/campaign.yaml:2:8: there is no topic "favorites" '
        '(did you mean "favourites"?)',
    ]


def test_a_mark_of_byte_order_and_other_line_ends_are_forgiven(tmp_path: Path) -> None:
    windows = b"\xef\xbb\xbf" + CAMPAIGN.replace("\n", "\r\n").encode()
    plain = load(write(tmp_path / "plain", GOOD))
    marked = load(write(tmp_path / "marked", {**GOOD, YAML: windows}))
    assert marked.problems == ()
    assert marked.versions == plain.versions


def test_a_template_may_be_larger_than_a_campaign_but_has_its_limit(tmp_path: Path) -> None:
    assert told(tmp_path / "a", {SMS: TEXT + " " * YAML_BYTES_MAX}) == []
    assert told(tmp_path / "b", {SMS: TEXT + " " * TEMPLATE_BYTES_MAX})[-1:] == [
        f"{SMS}: is larger than 512 KiB (split it, or take out data)"
    ]


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    root = write(tmp_path, {name: text for name, text in GOOD.items() if name != YAML})
    (root / YAML).mkdir()
    assert [str(p) for p in load(root).problems] == [
        f"{YAML}: cannot be read: is a directory (is it a file, and may it be read?)"
    ]


def test_drafts_and_hidden_folders_are_let_be(tmp_path: Path) -> None:
    files = {"campaigns/_draft/campaign.yaml": "}", "campaigns/.old/campaign.yaml": "}"}
    assert told(tmp_path, files) == []


def test_what_is_included_is_not_a_stray(tmp_path: Path) -> None:
    files = {"campaigns/cart/_hello.j2": "Hello", SMS: '{% include "_hello.j2" %} ' + TEXT}
    assert told(tmp_path, files) == []


def test_nothing_there_at_all(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert (loaded.settings, loaded.versions, len(loaded.problems)) == (None, (), 1)


def test_a_shops_own_template_comes_before_ours(tmp_path: Path) -> None:
    own = {"templates/text.j2": "{% macro text_footer() %}Bye{% endmacro %}\n"}
    loaded = load(write(tmp_path, {**GOOD, **own}))
    assert loaded.settings is not None
    assert loaded.settings.files["templates/text.j2"] == own["templates/text.j2"]
    assert "templates/layout.html.j2" in loaded.settings.files
    assert loaded.settings.files["shop.yaml"] == SHOP


MJML = "campaigns/cart/email.mjml.j2"
HTML = "campaigns/cart/email.html.j2"
LETTER = """\
<mjml>
  <mj-body>
    <mj-section><mj-column><mj-text>{{ product_list(products) }}</mj-text></mj-column></mj-section>
    <mj-section><mj-column><mj-text>{{ shop.postal_address }}
      <a href="{{ links.unsubscribe }}">{{ word("unsubscribe") }}</a>
    </mj-text></mj-column></mj-section>
  </mj-body>
</mjml>
"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({HTML: None, MJML: LETTER}, []),
        (
            {MJML: LETTER},
            [
                f"{MJML}: stands beside email.html.j2, which is the one that is sent "
                "(take one of them out)"
            ],
        ),
        (
            {HTML: None, MJML: LETTER.replace("mj-text", "mj-txt")},
            [f'{MJML}:3:28: there is no <mj-txt> (did you mean "mj-text"?)'],
        ),
        (
            {HTML: None, MJML: LETTER.replace("product_list(products)", "shop.brand")},
            [
                f"{MJML}:1:1: makes an offer, and does not say how to order "
                "(add {{ order_button(product) }} or {{ order_link(product) }})",
                f"{MJML}:1:1: makes an offer, and shows no price "
                "(add {{ price(product) }} or {{ price_short(product) }})",
            ],
        ),
    ],
)
def test_mjml_in_place_of_html(
    changes: Mapping[str, str | bytes | None], expected: list[str], tmp_path: Path
) -> None:
    assert told(tmp_path, changes) == expected
